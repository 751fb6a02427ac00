package inprocess

import (
	"reflect"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// handover passes messages from one side of a call to the other.
type handover struct {
	codec   encoding.CodecV2
	layouts layouts
}

// give makes dst equal to src. If both are structs of one type with plain fields,
// dst then shares the values that the fields of src point to.
//
// Why not copy the whole struct: encoding a message writes its size cache, and a
// handler may return the same message to many calls.
func (h *handover) give(dst, src any) error {
	to, ok := dst.(proto.Message)
	from, okay := src.(proto.Message)
	if !ok || !okay || reflect.TypeOf(dst) != reflect.TypeOf(src) {
		return recode(dst, src, h.codec, h.codec)
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
			return recode(dst, src, h.codec, h.codec)
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

// fill makes the caller's dst equal to src. If dst is not a message, the caller's own
// codec decodes it.
func (h *handover) fill(dst, src any, codec encoding.CodecV2) error {
	if codec == nil || dst == nil || messageOf(dst) != nil {
		return h.give(dst, src)
	}

	return recode(dst, src, h.codec, codec)
}

// wire is a message in its wire form.
type wire []byte

// encode returns a message unchanged, and any other value in the wire form of the
// caller's own codec.
func encode(message any, codec encoding.CodecV2) (any, error) {
	if codec == nil || message == nil || messageOf(message) != nil {
		return message, nil
	}
	data, err := codec.Marshal(message)
	if err != nil {
		return nil, status.Errorf(codes.Internal, "inprocess: encoding a message: %v", err)
	}
	defer data.Free()

	return wire(data.Materialize()), nil
}

// recode makes dst equal to src through the wire form.
func recode(dst, src any, from, to encoding.CodecV2) error {
	var data mem.BufferSlice
	switch src := src.(type) {
	case nil: // grpc-go encodes nothing at all for nil, which is an empty message
	case wire:
		data = mem.BufferSlice{mem.SliceBuffer(src)}
	default:
		var err error
		if data, err = from.Marshal(src); err != nil {
			return status.Errorf(codes.Internal, "inprocess: encoding a message: %v", err)
		}
	}
	defer data.Free()
	if err := to.Unmarshal(data, dst); err != nil {
		return status.Errorf(codes.Internal, "inprocess: decoding a message: %v", err)
	}

	return nil
}

// keep returns a copy of a message for a stream, because both sides may reuse a
// message after it was sent, as with grpc-go, which encodes it.
func (*handover) keep(message any) (any, error) {
	switch message.(type) {
	case nil: // an empty message of any type, as in grpc-go
		return nil, nil //nolint:nilnil // as above
	case wire: // encoded by the caller's codec
		return message, nil
	}
	m := messageOf(message)
	if m == nil {
		return nil, status.Errorf(codes.Internal, "inprocess: encoding a message: %T is not a proto.Message", message)
	}

	return proto.Clone(m), nil
}
