package inprocess_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/statusway/statusway/gateway/inprocess"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// attributes is free-form JSON with every kind of value.
func attributes() *structpb.Struct {
	value := structpb.NewStructValue
	list := func(values ...*structpb.Value) *structpb.Value {
		return structpb.NewListValue(&structpb.ListValue{Values: values})
	}

	return &structpb.Struct{Fields: map[string]*structpb.Value{
		"":       nil,
		"none":   {},
		"null":   structpb.NewNullValue(),
		"number": structpb.NewNumberValue(-1.5e300),
		"yes":    structpb.NewBoolValue(true),
		"text":   structpb.NewStringValue(strings.Repeat("ä", 100)),
		"object": value(&structpb.Struct{Fields: map[string]*structpb.Value{"a": value(nil)}}),
		"list":   list(structpb.NewStringValue("x"), nil, list(), structpb.NewListValue(nil)),
	}}
}

func entity(i int) *entityv1.Entity {
	return &entityv1.Entity{
		Id: strconv.Itoa(i), DisplayName: "An entity", Group: "editors", Attributes: attributes(), Etag: "7",
		CreateTime: &timestamppb.Timestamp{Seconds: -1, Nanos: -1}, UpdateTime: timestamppb.Now(),
	}
}

func entities(n int) *entityv1.ListEntitiesResponse {
	list := &entityv1.ListEntitiesResponse{NextPageToken: "more"}
	for i := range n {
		list.Entities = append(list.Entities, entity(i))
	}

	return list
}

// odd is a message that is not a pointer.
type odd struct{ proto.Message }

// samples are messages of every shape of field that the code knows, and of some
// that it doesn't.
func samples(tb testing.TB) []proto.Message {
	tb.Helper()
	unknown := entity(1)
	for _, m := range []proto.Message{unknown, unknown.GetAttributes(), unknown.GetAttributes().GetFields()["text"], unknown.GetCreateTime()} {
		m.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 99, protowire.BytesType), make([]byte, 300)))
	}
	packed, err := anypb.New(entity(1))
	if err != nil {
		tb.Fatalf("anypb.New() failed: %v", err)
	}
	file := protodesc.ToFileDescriptorProto((&descriptorpb.FileDescriptorProto{}).ProtoReflect().Descriptor().ParentFile())

	return []proto.Message{
		&testpb.Empty{}, (*testpb.Empty)(nil), (*entityv1.Entity)(nil), (*structpb.Struct)(nil), (*structpb.Value)(nil),
		&testpb.SimpleRequest{ResponseType: 1, ResponseSize: -1, Payload: payload(300), FillUsername: true},
		entity(1), entities(3), unknown, &entityv1.ListEntitiesResponse{Entities: []*entityv1.Entity{nil, {}}},
		attributes(), structpb.NewStructValue(attributes()), &structpb.ListValue{Values: []*structpb.Value{nil, {}}},
		packed, wrapperspb.Bytes(make([]byte, 200)), wrapperspb.Int64(-1), wrapperspb.Double(1),
		&fieldmaskpb.FieldMask{Paths: []string{"", "a", strings.Repeat("b", 1000)}},
		&errdetails.ErrorInfo{Reason: "R", Metadata: map[string]string{"": "", "key": strings.Repeat("v", 200)}},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "f", Reason: "R"}}},
		&rpcstatus.Status{Code: -1, Message: "m", Details: []*anypb.Any{packed, nil}},
		&longrunningpb.Operation{Name: "op", Done: true, Result: &longrunningpb.Operation_Response{Response: packed}},
		&annotations.HttpRule{
			Pattern: &annotations.HttpRule_Get{Get: "/v1"}, AdditionalBindings: []*annotations.HttpRule{{Body: "*"}},
		},
		file, &descriptorpb.SourceCodeInfo_Location{Path: []int32{-1}, Span: []int32{1, 2, 3}, LeadingComments: new("c")},
		&descriptorpb.UninterpretedOption{NegativeIntValue: proto.Int64(-1), StringValue: []byte{}, DoubleValue: proto.Float64(1)},
		dynamic(entity(1)),
		odd{entity(1)},
	}
}

// checkHandover checks that the bound of a message is not below its size, and that the
// copy is equal and replaces everything in the target.
func checkHandover(t *testing.T, h *inprocess.Handover, m proto.Message) {
	t.Helper()
	if size, bound := proto.Size(m), h.Bound(m); bound < size {
		t.Errorf("%T of %d bytes is bounded by %d: %v", m, size, bound, m)
	}
	target := m.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(protowire.AppendVarint(protowire.AppendTag(nil, 500, protowire.VarintType), 1), target); err != nil {
		t.Fatalf("Unmarshal() failed: %v", err)
	}
	if err := h.Give(target, m); err != nil {
		t.Fatalf("Give() failed: %v", err)
	}
	want := m
	if !m.ProtoReflect().IsValid() {
		want = m.ProtoReflect().New().Interface()
	}
	if !proto.Equal(want, target) {
		t.Errorf("given %v, got %v", want, target)
	}
}

func TestHandover(t *testing.T) {
	t.Parallel()
	h := inprocess.NewHandover()
	for _, m := range samples(t) {
		t.Run(fmt.Sprintf("%T", m), func(t *testing.T) {
			t.Parallel()
			checkHandover(t, h, m)
		})
	}
}

// A bound that is far off makes proto.Size run in vain.
func TestBoundIsNear(t *testing.T) {
	t.Parallel()
	h := inprocess.NewHandover()
	for _, m := range []proto.Message{entity(1), entities(100), attributes()} {
		if size, bound := proto.Size(m), h.Bound(m); bound > 4*size {
			t.Errorf("%T of %d bytes is bounded by %d", m, size, bound)
		}
	}
}

func FuzzHandover(f *testing.F) {
	all := samples(f)
	for i, m := range all {
		data, err := proto.Marshal(m)
		if err != nil {
			f.Fatalf("Marshal(%T) failed: %v", m, err)
		}
		f.Add(uint8(i), data)
	}
	h := inprocess.NewHandover()
	f.Fuzz(func(t *testing.T, i uint8, data []byte) {
		m := all[int(i)%len(all)].ProtoReflect().New().Interface()
		if proto.Unmarshal(data, m) != nil {
			return
		}
		checkHandover(t, h, m)
	})
}

// legacy is a message of the API of 2010, which has no reflection.
type legacy struct {
	Text *string `protobuf:"bytes,1,opt,name=text"`
}

func (m *legacy) Reset()       { *m = legacy{} }
func (*legacy) String() string { return "legacy" }
func (*legacy) ProtoMessage()  {}

var _ protoadapt.MessageV1 = (*legacy)(nil)

func TestLegacyMessages(t *testing.T) {
	t.Parallel()
	conn := connectInProcess(&service{unary: func(_ context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		return &testpb.SimpleResponse{Payload: body("re: " + string(in.ProtoReflect().GetUnknown()))}, nil
	}})
	in, out := &legacy{Text: new("old")}, &testpb.SimpleResponse{}
	if err := conn.Invoke(t.Context(), unaryMethod, in, out); err != nil {
		t.Fatalf("Invoke() failed: %v", err)
	}
	if got, want := string(out.GetPayload().GetBody()), "re: \n\x03old"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
