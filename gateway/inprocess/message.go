package inprocess

import (
	"reflect"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// handover gives messages from one side of a call to the other.
type handover struct {
	codec   encoding.CodecV2
	layouts layouts
}

// give makes dst equal to src. Where both are structs of one type with plain
// fields, dst then shares with src what the fields point to.
//
// Why not copy the struct whole: its size cache is written by whoever encodes
// it, and a handler may return one and the same message to many calls.
func (h *handover) give(dst, src any) error {
	to, ok := dst.(proto.Message)
	from, okay := src.(proto.Message)
	if !ok || !okay || reflect.TypeOf(dst) != reflect.TypeOf(src) {
		return h.recode(dst, src)
	}
	source := from.ProtoReflect()
	if !source.IsValid() { // a nil pointer: an empty message on the wire
		proto.Reset(to)

		return nil
	}

	target := to.ProtoReflect()
	known := h.layouts.of(reflect.TypeOf(src))
	if !known.plain {
		if target.Descriptor() != source.Descriptor() { // dynamicpb: one Go type for all messages
			return h.recode(dst, src)
		}
		proto.Reset(to)
		proto.Merge(to, from)

		return nil
	}
	t, s := reflect.ValueOf(dst).Elem(), reflect.ValueOf(src).Elem()
	for _, i := range known.content {
		t.Field(i).Set(s.Field(i))
	}
	target.SetUnknown(source.GetUnknown())

	return nil
}

// recode makes dst equal to src by way of the wire form.
func (h *handover) recode(dst, src any) error {
	var data mem.BufferSlice
	if src != nil { // grpc-go encodes nothing at all for nil, which is an empty message
		var err error
		if data, err = h.codec.Marshal(src); err != nil {
			return status.Errorf(codes.Internal, "inprocess: encoding a message: %v", err)
		}
	}
	defer data.Free()
	if err := h.codec.Unmarshal(data, dst); err != nil {
		return status.Errorf(codes.Internal, "inprocess: decoding a message: %v", err)
	}

	return nil
}

// keep returns a copy of a message that is sent on a stream: grpc-go lets both
// sides reuse a message once it was sent, and encodes it for that reason.
func (*handover) keep(message any) (proto.Message, error) {
	if message == nil {
		return nil, nil //nolint:nilnil // an empty message of any type, as in grpc-go
	}
	m := messageOf(message)
	if m == nil {
		return nil, status.Errorf(codes.Internal, "inprocess: encoding a message: %T is not a proto.Message", message)
	}

	return proto.Clone(m), nil
}
