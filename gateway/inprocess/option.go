package inprocess

import (
	"google.golang.org/grpc"
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
