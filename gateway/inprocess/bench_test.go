package inprocess_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/inprocess"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// reads serves the same entities to every call.
type reads struct {
	entityv1.UnimplementedEntityServiceServer
	one  *entityv1.Entity
	many *entityv1.ListEntitiesResponse
}

func newReads() *reads { return &reads{one: entity(1), many: entities(100)} }

func (r *reads) register(s grpc.ServiceRegistrar) { entityv1.RegisterEntityServiceServer(s, r) }

func (r *reads) GetEntity(context.Context, *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
	return r.one, nil
}

func (r *reads) ListEntities(context.Context, *entityv1.ListEntitiesRequest) (*entityv1.ListEntitiesResponse, error) {
	return r.many, nil
}

func (r *reads) ExportEntities(_ *entityv1.ExportEntitiesRequest, stream grpc.ServerStreamingServer[entityv1.Entity]) error {
	for _, e := range r.many.GetEntities() {
		if err := stream.Send(e); err != nil {
			return err
		}
	}

	return nil
}

// pass is an interceptor that does nothing.
func pass(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	return handler(ctx, req)
}

// direct calls the generated handler without any connection: the floor.
type direct struct {
	grpc.ClientConnInterface
	methods map[string]grpc.MethodDesc
	impl    any
}

func newDirect(impl any) grpc.ClientConnInterface {
	d := direct{methods: map[string]grpc.MethodDesc{}, impl: impl}
	for _, m := range entityv1.EntityService_ServiceDesc.Methods {
		d.methods["/"+entityv1.EntityService_ServiceDesc.ServiceName+"/"+m.MethodName] = m
	}

	return d
}

var errWrongType = errors.New("wrong type")

func (d direct) Invoke(ctx context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	decode := func(in any) error {
		switch in := in.(type) {
		case *entityv1.GetEntityRequest:
			in.Id = args.(*entityv1.GetEntityRequest).GetId()
		case *entityv1.ListEntitiesRequest:
		default:
			return errWrongType
		}

		return nil
	}
	out, err := d.methods[method].Handler(d.impl, ctx, decode, pass)
	if err != nil {
		return err
	}
	switch out := out.(type) {
	case *entityv1.Entity:
		reply.(*entityv1.Entity).Id = out.GetId()
	case *entityv1.ListEntitiesResponse:
		reply.(*entityv1.ListEntitiesResponse).Entities = out.GetEntities()
	}

	return nil
}

// callers is each way to reach a service, the cheapest first.
func callers(b *testing.B) []struct {
	name string
	conn grpc.ClientConnInterface
} {
	b.Helper()
	service := newReads()
	params := inprocess.Params{UnaryInterceptors: []grpc.UnaryServerInterceptor{pass}}
	unmeasured := params
	unmeasured.MaxRequestBytes, unmeasured.MaxResponseBytes = -1, -1

	return []struct {
		name string
		conn grpc.ClientConnInterface
	}{
		{"direct", newDirect(service)},
		{"inprocess-nolimits", connect(b, service, unmeasured)},
		{"inprocess", connect(b, service, params)},
		{"bufconn", dial(b, service, params)},
	}
}

func BenchmarkGet(b *testing.B) {
	for _, caller := range callers(b) {
		b.Run(caller.name, func(b *testing.B) {
			client := entityv1.NewEntityServiceClient(caller.conn)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.GetEntity(b.Context(), &entityv1.GetEntityRequest{Id: "1"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGetWithMetadata(b *testing.B) {
	for _, caller := range callers(b) {
		b.Run(caller.name, func(b *testing.B) {
			client := entityv1.NewEntityServiceClient(caller.conn)
			ctx := metadata.AppendToOutgoingContext(b.Context(), "authorization", "Bearer abc", "x-request-id", "12345678")
			b.ReportAllocs()
			for b.Loop() {
				var header, trailer metadata.MD
				in := &entityv1.GetEntityRequest{Id: "1"}
				if _, err := client.GetEntity(ctx, in, grpc.Header(&header), grpc.Trailer(&trailer)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkList(b *testing.B) {
	for _, caller := range callers(b) {
		b.Run(caller.name, func(b *testing.B) {
			client := entityv1.NewEntityServiceClient(caller.conn)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.ListEntities(b.Context(), &entityv1.ListEntitiesRequest{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkExport(b *testing.B) {
	for _, caller := range callers(b)[1:] {
		b.Run(caller.name, func(b *testing.B) {
			client := entityv1.NewEntityServiceClient(caller.conn)
			b.ReportAllocs()
			for b.Loop() {
				stream, err := client.ExportEntities(b.Context(), &entityv1.ExportEntitiesRequest{})
				for err == nil {
					_, err = stream.Recv()
				}
				if !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSize compares the cost of the check of a list's size with proto.Size.
func BenchmarkSize(b *testing.B) {
	list := entities(100)
	b.Run("bound", func(b *testing.B) {
		h := inprocess.NewHandover()
		b.ReportAllocs()
		for b.Loop() {
			h.Bound(list)
		}
	})
	b.Run("proto.Size", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			proto.Size(list)
		}
	})
}

// Allocations are gated, unlike times: they do not depend on the machine. Not
// parallel, because testing.AllocsPerRun counts those of all goroutines.
func TestAllocations(t *testing.T) { //nolint:paralleltest // see above
	conn := connect(t, newReads(), inprocess.Params{UnaryInterceptors: []grpc.UnaryServerInterceptor{pass}})
	tests := map[string]struct {
		method      string
		args, reply proto.Message
		most        float64
	}{
		// The generated handler takes 3 of them: its request, and a closure and an
		// info for the interceptor.
		"get":  {entityv1.EntityService_GetEntity_FullMethodName, &entityv1.GetEntityRequest{Id: "1"}, &entityv1.Entity{}, 6},
		"list": {entityv1.EntityService_ListEntities_FullMethodName, &entityv1.ListEntitiesRequest{}, &entityv1.ListEntitiesResponse{}, 6},
	}
	for name, test := range tests { //nolint:paralleltest // see above
		t.Run(name, func(t *testing.T) {
			got := testing.AllocsPerRun(100, func() {
				if err := conn.Invoke(t.Context(), test.method, test.args, test.reply); err != nil {
					t.Fatalf("Invoke() failed: %v", err)
				}
			})
			if got > test.most {
				t.Errorf("got %v allocations, want at most %v", got, test.most)
			}
		})
	}
}
