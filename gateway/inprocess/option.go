package inprocess

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
)

// limits are sizes in bytes of a message's wire form; below 0 there is none.
type limits struct {
	request, response int
}

// options are the call options that have a meaning in process.
type options []grpc.CallOption

// limits narrows and replaces the limits of the connection as grpc-go would:
// MaxCallSendMsgSize comes on top of the server's limit for requests, and
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

// codec returns the caller's own codec, or nil. It is used for what is not a message: as in
// grpc-go, whoever sends such a value says how to encode it.
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

// byteCodec makes a codec of one that knows no buffers.
type byteCodec struct{ encoding.Codec }

func (c byteCodec) Marshal(v any) (mem.BufferSlice, error) {
	data, err := c.Codec.Marshal(v)

	return mem.BufferSlice{mem.SliceBuffer(data)}, err
}

func (c byteCodec) Unmarshal(data mem.BufferSlice, v any) error {
	return c.Codec.Unmarshal(data.Materialize(), v)
}

// report tells the caller how a call ended.
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
