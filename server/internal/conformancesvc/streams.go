package conformancesvc

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
)

// Streams is StreamService. It is safe for concurrent use.
type Streams struct {
	conformancev1.UnimplementedStreamServiceServer

	calls    *calls
	pictures *pictures
}

var _ conformancev1.StreamServiceServer = (*Streams)(nil)

// NewStreams returns a service that has had no call yet.
func NewStreams() *Streams { return &Streams{calls: newCalls(), pictures: newPictures()} }

// Collect implements StreamService.
func (s *Streams) Collect(stream grpc.ClientStreamingServer[conformancev1.Note, conformancev1.CollectResponse]) error {
	response := &conformancev1.CollectResponse{}
	end := func() {}
	defer func() { end() }()
	for {
		note, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			response.HalfClosed = true
			return stream.SendAndClose(response)
		}
		if err != nil {
			return awaitEnd(stream.Context(), err)
		}
		if len(response.GetNotes()) == 0 {
			end = s.calls.begin(stream.Context(), note.GetKey())
		}
		response.Notes = append(response.Notes, note)
		if note.GetOutcome() != nil {
			if err := finish(stream.Context(), note.GetOutcome()); err != nil {
				return err
			}
			return stream.SendAndClose(response)
		}
	}
}

// Chat implements StreamService.
func (s *Streams) Chat(stream grpc.BidiStreamingServer[conformancev1.Note, conformancev1.ChatResponse]) error {
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	end := func() {}
	defer func() { end() }()
	for count := int32(0); ; {
		note, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.Send(&conformancev1.ChatResponse{Count: count, HalfClosed: true})
		}
		if err != nil {
			return awaitEnd(stream.Context(), err)
		}
		if count == 0 {
			end = s.calls.begin(stream.Context(), note.GetKey())
		}
		count++
		if err := stream.Send(&conformancev1.ChatResponse{Note: note, Count: count}); err != nil {
			return err
		}
		if note.GetOutcome() != nil {
			return finish(stream.Context(), note.GetOutcome())
		}
	}
}

// WatchNotes implements StreamService.
func (*Streams) WatchNotes(request *conformancev1.WatchNotesRequest, stream grpc.ServerStreamingServer[conformancev1.WatchNotesResponse]) error {
	if err := sendHeader(stream.Context(), request.GetOutcome()); err != nil {
		return err
	}
	for number := int32(1); number <= min(request.GetCount(), mostItems); number++ {
		note := &conformancev1.Note{Text: "Note " + strconv.Itoa(int(number)), Number: number}
		if err := stream.Send(&conformancev1.WatchNotesResponse{Number: number, Note: note}); err != nil {
			return err
		}
	}
	return finish(stream.Context(), request.GetOutcome())
}

// Hold implements StreamService.
func (s *Streams) Hold(request *conformancev1.HoldRequest, stream grpc.ServerStreamingServer[conformancev1.HoldResponse]) error {
	defer s.calls.begin(stream.Context(), request.GetKey())()
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	for number := int32(1); number <= min(request.GetCount(), mostItems); number++ {
		if err := stream.Send(&conformancev1.HoldResponse{Number: number}); err != nil {
			return err
		}
	}
	if err := pauseFor(stream.Context(), request.GetMilliseconds()); err != nil {
		return err
	}
	return finish(stream.Context(), request.GetOutcome())
}

// Wait implements StreamService.
func (s *Streams) Wait(ctx context.Context, request *conformancev1.WaitRequest) (*emptypb.Empty, error) {
	defer s.calls.begin(ctx, request.GetKey())()
	if err := pauseFor(ctx, request.GetMilliseconds()); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// GetCalls implements StreamService.
func (s *Streams) GetCalls(_ context.Context, request *conformancev1.GetCallsRequest) (*conformancev1.Calls, error) {
	return s.calls.of(request.GetKey()), nil
}

// untilCancelled is longer than any call lasts.
const untilCancelled = 24 * time.Hour

// pauseFor waits so many milliseconds; 0 means until the call is cancelled.
func pauseFor(ctx context.Context, milliseconds int32) error {
	if milliseconds == 0 {
		return pause(ctx, untilCancelled)
	}
	return pause(ctx, duration(milliseconds))
}
