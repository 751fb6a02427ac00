package inprocess

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
)

// limits are maximum sizes of messages in bytes on the wire; negative means no limit.
type limits struct {
	request, response int
}

// options are the options of a call. Some have no effect in process.
type options []grpc.CallOption

// limits applies the options to the limits of the connection, as grpc-go does:
// MaxCallSendMsgSize applies in addition to the server's limit for requests, and
// MaxCallRecvMsgSize replaces the client's limit for responses.
func (o options) limits(conn limits) limits {
	for _, option := range o {
		switch option := option.(type) {
		case grpc.MaxSendMsgSizeCallOption:
			if conn.request < 0 || option.MaxSendMsgSize < conn.request {
				conn.request = max(option.MaxSendMsgSize, 0)
			}
		case grpc.MaxRecvMsgSizeCallOption:
			conn.response = max(option.MaxRecvMsgSize, 0)
		}
	}

	return conn
}

// codec returns the caller's own codec, or nil. It is used for values that are not
// protobuf messages.
func (o options) codec() encoding.CodecV2 {
	var codec encoding.CodecV2
	for _, option := range o {
		switch option := option.(type) {
		case grpc.ForceCodecV2CallOption:
			codec = option.CodecV2
		case grpc.ForceCodecCallOption:
			codec = byteCodec{option.Codec}
		}
	}

	return codec
}

// byteCodec adapts a codec without buffers to [encoding.CodecV2].
type byteCodec struct{ encoding.Codec }

func (c byteCodec) Marshal(v any) (mem.BufferSlice, error) {
	data, err := c.Codec.Marshal(v)

	return mem.BufferSlice{mem.SliceBuffer(data)}, err
}

func (c byteCodec) Unmarshal(data mem.BufferSlice, v any) error {
	return c.Codec.Unmarshal(data.Materialize(), v)
}

// report reports the end of a call to the caller's options.
func (o options) report(header, trailer metadata.MD, err error) {
	for _, option := range o {
		switch option := option.(type) {
		case grpc.HeaderCallOption:
			*option.HeaderAddr = header
		case grpc.TrailerCallOption:
			*option.TrailerAddr = trailer
		case grpc.PeerCallOption:
			*option.PeerAddr = *loopback()
		case grpc.OnFinishCallOption:
			option.OnFinish(err)
		}
	}
}
