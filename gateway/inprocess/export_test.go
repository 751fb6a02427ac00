package inprocess

import (
	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/protobuf/proto"
)

// Handover gives tests what callers cannot see.
type Handover struct{ handover }

// NewHandover returns one as a Conn has it.
func NewHandover() *Handover {
	return &Handover{handover{codec: encoding.GetCodecV2(grpcproto.Name)}}
}

// Bound is handover.bound.
func (h *Handover) Bound(m proto.Message) int { return h.bound(m) }

// Give is handover.give.
func (h *Handover) Give(dst, src any) error { return h.give(dst, src) }
