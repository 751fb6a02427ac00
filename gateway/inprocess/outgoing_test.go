package inprocess_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/statusway/statusway/gateway/inprocess"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// relay calls itself once, with the context that it got.
type relay struct {
	entityv1.UnimplementedEntityServiceServer

	client entityv1.EntityServiceClient
	seen   []metadata.MD
}

func (r *relay) register(s grpc.ServiceRegistrar) { entityv1.RegisterEntityServiceServer(s, r) }

func (r *relay) GetEntity(ctx context.Context, _ *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	r.seen = append(r.seen, md)
	if len(r.seen) > 1 {
		return &entityv1.Entity{}, nil
	}

	return r.client.GetEntity(ctx, &entityv1.GetEntityRequest{})
}

// What Outgoing hands over arrives as other metadata does: alone, without what belongs to
// the transport, and no further than to the handler.
func TestOutgoing(t *testing.T) {
	t.Parallel()
	conn := inprocess.New(inprocess.Params{})
	service := &relay{client: entityv1.NewEntityServiceClient(conn)}
	service.register(conn)
	md := metadata.MD{"a": {"1", "2"}, "user-agent": {"me"}, "b-bin": {"\x00"}}
	before := md.Copy()
	ctx := metadata.NewOutgoingContext(t.Context(), metadata.Pairs("other", "x"))
	if _, err := service.client.GetEntity(conn.Outgoing(ctx, md), &entityv1.GetEntityRequest{}); err != nil {
		t.Fatal(err)
	}
	want := []metadata.MD{{"a": {"1", "2"}, "b-bin": {"\x00"}}, {}}
	if diff := cmp.Diff(want, service.seen); diff != "" {
		t.Errorf("arrived (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, md); diff != "" {
		t.Errorf("it was changed:\n%s", diff)
	}
	bad := metadata.MD{"a": {"\x01"}}
	if _, err := service.client.GetEntity(conn.Outgoing(ctx, bad), &entityv1.GetEntityRequest{}); err == nil {
		t.Error("metadata that cannot be sent was sent")
	}
}
