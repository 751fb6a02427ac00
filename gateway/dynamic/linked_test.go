package dynamic_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/inprocess"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// keeper is an entity service that returns what it received.
type keeper struct {
	entityv1.UnimplementedEntityServiceServer
}

func (keeper) GetEntity(_ context.Context, in *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
	if in.GetId() == "nothing" {
		return nil, status.Error(codes.NotFound, "there is nothing")
	}
	return &entityv1.Entity{Id: in.GetId(), Etag: "7"}, nil
}

func (keeper) CreateEntity(_ context.Context, in *entityv1.CreateEntityRequest) (*entityv1.Entity, error) {
	return in.GetEntity(), nil
}

func (keeper) PutEntity(_ context.Context, in *entityv1.PutEntityRequest) (*entityv1.Entity, error) {
	in.GetEntity().Id = in.GetId()
	return in.GetEntity(), nil
}

func (keeper) UpdateEntity(_ context.Context, in *entityv1.UpdateEntityRequest) (*entityv1.Entity, error) {
	in.GetEntity().DisplayName += " " + strings.Join(in.GetUpdateMask().GetPaths(), ",")
	return in.GetEntity(), nil
}

func (keeper) DeleteEntity(context.Context, *entityv1.DeleteEntityRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (keeper) ListEntities(_ context.Context, in *entityv1.ListEntitiesRequest) (*entityv1.ListEntitiesResponse, error) {
	return &entityv1.ListEntitiesResponse{NextPageToken: in.GetPageToken(), Entities: make([]*entityv1.Entity, 0, in.GetPageSize())}, nil
}

func (keeper) ExportEntities(_ *entityv1.ExportEntitiesRequest, stream grpc.ServerStreamingServer[entityv1.Entity]) error {
	for _, id := range []string{"a", "b"} {
		if err := stream.Send(&entityv1.Entity{Id: id}); err != nil {
			return err
		}
	}
	return status.Error(codes.DataLoss, "the rest is lost")
}

// TestLinked: a service in the same process, with the program's own types, gives the same responses as a server over
// TCP, of which only the descriptors are known.
func TestLinked(t *testing.T) {
	t.Parallel()
	service := entityv1.File_entity_v1_entity_service_proto.Services().ByName("EntityService")
	here := inprocess.New(inprocess.Params{})
	entityv1.RegisterEntityServiceServer(here, keeper{})
	server := grpc.NewServer()
	entityv1.RegisterEntityServiceServer(server, keeper{})
	listener := listen(t)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-done })
	there, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = there.Close() })
	linked := serve(t, dynamic.Target{Linked: []protoreflect.ServiceDescriptor{service}, Conn: here})
	framed := serve(t, dynamic.Target{
		Descriptors: withImports(t, protodesc.ToFileDescriptorProto(entityv1.File_entity_v1_entity_service_proto)),
		Services:    []string{string(service.FullName())}, Conn: there,
	})
	for _, test := range []struct {
		method, target, body string
		fields               []string
		status               int
	}{
		{"GET", "/v1/entities/a%2Fb", "", nil, 200},
		{"GET", "/v1/entities/a", "", []string{"If-None-Match", `"7"`}, 304},
		{"HEAD", "/v1/entities/a", "", nil, 200},
		{"GET", "/v1/entities/nothing", "", nil, 404},
		{"GET", "/v1/entities?pageSize=3&pageToken=x", "", nil, 200},
		{"GET", "/v1/entities?pageSize=x", "", nil, 400},
		{"POST", "/v1/entities", `{"id":"a","attributes":{"b":[1,null]}}`, nil, 201},
		{"POST", "/v1/entities", `{"id":"a","colour":1}`, nil, 400},
		{"POST", "/v1/entities", `{"id":`, nil, 400},
		{"PUT", "/v1/entities/a", `{"displayName":"A"}`, nil, 200},
		{"PATCH", "/v1/entities/a", `{"displayName":"A","attributes":{}}`, nil, 200},
		{"DELETE", "/v1/entities/a", "", nil, 204},
		{"GET", "/v1/entities:export", "", nil, 200},
		{"POST", "/v1/entities:import", `{"entities":[]}`, nil, 500}, // not implemented
	} {
		fields := append([]string{"X-Request-Id", "r"}, test.fields...)
		first, second := linked.send(test.method, test.target, test.body, fields...), framed.send(test.method, test.target, test.body, fields...)
		if first.status != test.status {
			t.Errorf("%s %s: %d, want %d: %s", test.method, test.target, first.status, test.status, first.body)
		}
		first.header.Del("Date")
		second.header.Del("Date")
		if diff := cmp.Diff(second, first, cmp.AllowUnexported(response{})); diff != "" {
			t.Errorf("%s %s (-framed +linked):\n%s", test.method, test.target, diff)
		}
	}
}

// TestLinkedNeedsTypes: types that are not linked in are refused when the backend is made.
func TestLinkedNeedsTypes(t *testing.T) {
	t.Parallel()
	file := zooMessage(t, "Query").ParentFile()
	_, err := dynamic.Linked(inprocess.New(inprocess.Params{}), file.Services().Get(0))
	if err == nil || !strings.Contains(err.Error(), "zoo.v1.") {
		t.Errorf("Linked() = %v", err)
	}
}
