package generated

import (
	"io"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	"github.com/statusway/statusway/gateway/internal/respond"
)

// marshaler is the only one that runtime gets. It decodes nothing, because the relay fills the
// message that generated code leaves empty. It encodes nothing, because the responder has sent
// the response before runtime would.
type marshaler struct{}

var _ runtime.Marshaler = marshaler{}

func (marshaler) Marshal(any) ([]byte, error) { return nil, nil }
func (marshaler) Unmarshal([]byte, any) error { return nil }
func (marshaler) ContentType(any) string      { return respond.JSONType }

// NewDecoder returns one that finds an empty body. Generated code sends a request without
// it, and a client stream without messages.
func (marshaler) NewDecoder(io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(any) error { return io.EOF })
}

func (marshaler) NewEncoder(io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(any) error { return nil })
}
