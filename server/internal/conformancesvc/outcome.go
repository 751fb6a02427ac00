package conformancesvc

import (
	"context"
	"strconv"
	"strings"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
)

// mostItems is how many items a stream has at most.
const mostItems = 1000

// Respond implements ConformanceService.
func (*Service) Respond(ctx context.Context, outcome *conformancev1.Outcome) (*emptypb.Empty, error) {
	if err := sendHeader(ctx, outcome); err != nil {
		return nil, err
	}
	if err := finish(ctx, outcome); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// WatchItems implements ConformanceService.
func (*Service) WatchItems(request *conformancev1.WatchItemsRequest, stream grpc.ServerStreamingServer[conformancev1.Item]) error {
	if err := sendHeader(stream.Context(), request.GetOutcome()); err != nil {
		return err
	}
	for i := range min(int(request.GetCount()), mostItems) {
		id := strconv.Itoa(i + 1)
		if err := stream.Send(&conformancev1.Item{Id: id, DisplayName: "Item " + id}); err != nil {
			return err
		}
	}
	return finish(stream.Context(), request.GetOutcome())
}

// sendHeader sends the initial metadata of an outcome.
func sendHeader(ctx context.Context, outcome *conformancev1.Outcome) error {
	md := metadata.New(outcome.GetMetadata())
	switch outcome.GetPlacement() {
	case conformancev1.Placement_PLACEMENT_HEADER:
		return grpc.SendHeader(ctx, md)
	case conformancev1.Placement_PLACEMENT_TRAILER:
		return grpc.SendHeader(ctx, nil)
	case conformancev1.Placement_PLACEMENT_TRAILERS_ONLY:
		return nil
	default:
		return grpc.SetHeader(ctx, md)
	}
}

// finish returns the error with which a call ends, nil for OK.
func finish(ctx context.Context, outcome *conformancev1.Outcome) error {
	switch outcome.GetPlacement() {
	case conformancev1.Placement_PLACEMENT_TRAILER, conformancev1.Placement_PLACEMENT_TRAILERS_ONLY:
		if err := grpc.SetTrailer(ctx, metadata.New(outcome.GetMetadata())); err != nil {
			return err
		}
	default:
	}
	asked := outcome.GetStatus()
	if outcome.GetDelivery() == conformancev1.Delivery_DELIVERY_PLAIN {
		asked = &spb.Status{Code: asked.GetCode(), Message: asked.GetMessage()}
	}
	return status.FromProto(asked).Err()
}

// Echo implements ConformanceService.
func (*Service) Echo(ctx context.Context, request *conformancev1.EchoRequest) (*conformancev1.EchoResponse, error) {
	response := &conformancev1.EchoResponse{Request: request, Metadata: map[string]*conformancev1.EchoResponse_Values{}}
	md, _ := metadata.FromIncomingContext(ctx)
	for key, values := range md {
		if !strings.HasSuffix(key, "-bin") {
			response.Metadata[key] = &conformancev1.EchoResponse_Values{Values: values}
		}
	}
	return response, nil
}
