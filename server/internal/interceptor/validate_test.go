package interceptor_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	"github.com/statusway/statusway/server/internal/interceptor"
)

func newValidator(t *testing.T, requests ...proto.Message) *interceptor.Validator {
	t.Helper()
	validator, err := interceptor.NewValidator(requests...)
	if err != nil {
		t.Fatal(err)
	}
	return validator
}

// A broken is a field and the rule that it breaks.
type broken struct{ field, reason string }

func TestValidator(t *testing.T) {
	t.Parallel()
	validator := newValidator(t)
	long := strings.Repeat("x", 129)
	for _, test := range []struct {
		name    string
		request any
		want    []broken
	}{
		{name: "all in order", request: &entityv1.ListEntitiesRequest{PageSize: 1000}},
		{name: "one beyond", request: &entityv1.ListEntitiesRequest{PageSize: 1001}, want: []broken{{"page_size", "INT32_GTE_LTE"}}},
		{name: "below", request: &entityv1.ListEntitiesRequest{PageSize: -1}, want: []broken{{"page_size", "INT32_GTE_LTE"}}},
		{name: "missing", request: &entityv1.CreateEntityRequest{}, want: []broken{{"entity", "REQUIRED"}}},
		{name: "in a message", request: &entityv1.CreateEntityRequest{Entity: &entityv1.Entity{Id: long}}, want: []broken{{"entity.id", "STRING_MAX_LEN"}}},
		{
			name:    "in a list",
			request: &entityv1.ImportEntitiesRequest{Entities: []*entityv1.Entity{{Id: "a"}, {Group: "NOT A GROUP"}}},
			want:    []broken{{"entities[1].group", "STRING_PATTERN"}},
		},
		{name: "an empty list", request: &entityv1.ImportEntitiesRequest{}, want: []broken{{"entities", "REPEATED_MIN_ITEMS"}}},
		{
			name:    "two at once",
			request: &entityv1.CreateSessionRequest{Password: strings.Repeat("ä", 37)},
			want:    []broken{{"username", "STRING_MIN_LEN"}, {"password", "STRING_MAX_BYTES"}},
		},
		{
			name:    "of another contract",
			request: &mappingv1.MapStatusRequest{Context: &mappingv1.RequestContext{Method: "GET /"}},
			want:    []broken{{"status", "REQUIRED"}, {"context.method", "STRING_PATTERN"}},
		},
		{name: "no message at all", request: "request"},
		{name: "nothing", request: nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			reached := false
			_, err := validator.Unary()(t.Context(), test.request, nil, func(context.Context, any) (any, error) {
				reached = true
				return struct{}{}, nil
			})
			if reached != (test.want == nil) {
				t.Errorf("the handler was reached: %t", reached)
			}
			checkBroken(t, err, test.want)
		})
	}
}

func checkBroken(t *testing.T, err error, want []broken) {
	t.Helper()
	if want == nil {
		if err != nil {
			t.Errorf("error %v", err)
		}
		return
	}
	got := status.Convert(err)
	bad := &errdetails.BadRequest{}
	for _, detail := range got.Details() {
		switch detail := detail.(type) {
		case *errdetails.BadRequest:
			bad = detail
		case *errdetails.ErrorInfo:
			if detail.GetDomain() != "entity.v1" || detail.GetReason() != interceptor.ReasonInvalidRequest {
				t.Errorf("ErrorInfo %v", detail)
			}
		default:
			t.Errorf("detail %v", detail)
		}
	}
	if got.Code() != codes.InvalidArgument || len(got.Details()) != 2 || len(bad.GetFieldViolations()) != len(want) {
		t.Fatalf("got %v, want %v", got.Proto(), want)
	}
	for i, one := range bad.GetFieldViolations() {
		if one.GetField() != want[i].field || one.GetReason() != want[i].reason || one.GetDescription() == "" {
			t.Errorf("violation %v, want %v", one, want[i])
		}
	}
	if !strings.Contains(got.Message(), want[0].field) {
		t.Errorf("the message does not name %s: %s", want[0].field, got.Message())
	}
}

// exporter streams two entities to whoever is let through.
type exporter struct {
	entityv1.UnimplementedEntityServiceServer
}

func (exporter) ExportEntities(request *entityv1.ExportEntitiesRequest, stream grpc.ServerStreamingServer[entityv1.Entity]) error {
	return errors.Join(stream.Send(&entityv1.Entity{Id: "a", Group: request.GetGroup()}), stream.Send(&entityv1.Entity{Id: "b"}))
}

// A stream's request is checked before its handler gets it.
func TestValidatorOnStreams(t *testing.T) {
	t.Parallel()
	validator := newValidator(t, &entityv1.ExportEntitiesRequest{})
	conn := serve(t, func(server *grpc.Server) { entityv1.RegisterEntityServiceServer(server, exporter{}) }, validator)
	for _, test := range []struct {
		name  string
		group string
		want  []broken
		sent  int
	}{
		{name: "all in order", group: strings.Repeat("g", 64), sent: 2},
		{name: "one beyond", group: strings.Repeat("g", 65), want: []broken{{"group", "STRING_MAX_LEN"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stream, err := entityv1.NewEntityServiceClient(conn).ExportEntities(t.Context(), &entityv1.ExportEntitiesRequest{Group: test.group})
			if err != nil {
				t.Fatal(err)
			}
			sent := 0
			for {
				if _, err = stream.Recv(); err != nil {
					break
				}
				sent++
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
			checkBroken(t, err, test.want)
			if sent != test.sent {
				t.Errorf("%d messages came, want %d", sent, test.sent)
			}
		})
	}
}

// withBadRule returns a message one of whose rules does not compile, and messages
// that hold it as a field, in a list and in a map.
func withBadRule(t *testing.T) []proto.Message {
	t.Helper()
	options := &descriptorpb.FieldOptions{}
	proto.SetExtension(options, validate.E_Field, &validate.FieldRules{Cel: []*validate.Rule{{
		Id: new("bad"), Expression: new("this.no_such_function() == "),
	}}})
	field := func(name, typeName string, repeated bool, options *descriptorpb.FieldOptions) *descriptorpb.FieldDescriptorProto {
		one := &descriptorpb.FieldDescriptorProto{
			Name: &name, Number: proto.Int32(1), Options: options,
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(),
		}
		if typeName != "" {
			one.Type, one.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), &typeName
		}
		if repeated {
			one.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		}
		return one
	}
	value := field("value", ".Bad", false, nil)
	value.Number = proto.Int32(2)
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: new("bad.proto"), Syntax: new("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{
			{Name: new("Bad"), Field: []*descriptorpb.FieldDescriptorProto{field("id", "", false, options)}},
			{Name: new("One"), Field: []*descriptorpb.FieldDescriptorProto{field("bad", ".Bad", false, nil)}},
			{Name: new("List"), Field: []*descriptorpb.FieldDescriptorProto{field("bad", ".Bad", true, nil)}},
			{
				Name: new("Map"), Field: []*descriptorpb.FieldDescriptorProto{field("bad", ".Map.BadEntry", true, nil)},
				NestedType: []*descriptorpb.DescriptorProto{{
					Name: new("BadEntry"), Options: &descriptorpb.MessageOptions{MapEntry: new(true)},
					Field: []*descriptorpb.FieldDescriptorProto{field("key", "", false, nil), value},
				}},
			},
		},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var messages []proto.Message
	for i := range file.Messages().Len() {
		messages = append(messages, dynamicpb.NewMessage(file.Messages().Get(i)))
	}
	return messages
}

// A rule that does not compile fails the start, however deep it is. One that nobody
// announced is no violation of the caller's: the call fails, and tells nothing.
func TestValidatorOfBadRules(t *testing.T) {
	t.Parallel()
	messages := withBadRule(t)
	for _, message := range messages {
		if _, err := interceptor.NewValidator(&entityv1.GetEntityRequest{}, message); err == nil || !strings.Contains(err.Error(), "Bad") {
			t.Errorf("%s: error %v", message.ProtoReflect().Descriptor().FullName(), err)
		}
	}
	validator := newValidator(t)
	unary := interceptor.ErrorsUnary(interceptor.Noted)
	_, err := unary(t.Context(), messages[0], &grpc.UnaryServerInfo{}, func(ctx context.Context, request any) (any, error) {
		return validator.Unary()(ctx, request, nil, func(context.Context, any) (any, error) { return nil, nil })
	})
	compare(t, status.Convert(err), status.New(codes.Internal, "internal error"))
}
