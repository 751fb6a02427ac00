package generated

import (
	"io"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	"github.com/statusway/statusway/gateway/internal/respond"
)

// marshaler is the only marshaler of the mux. It decodes nothing, because the relay fills the
// message. It encodes nothing, because the responder sends the response.
type marshaler struct{}

var _ runtime.Marshaler = marshaler{}

func (marshaler) Marshal(any) ([]byte, error) { return nil, nil }
func (marshaler) Unmarshal([]byte, any) error { return nil }
func (marshaler) ContentType(any) string      { return respond.JSONType }

// NewDecoder returns a decoder for an empty body. Generated code then makes an empty message, or a
// client stream without messages.
func (marshaler) NewDecoder(io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(any) error { return io.EOF })
}

func (marshaler) NewEncoder(io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(any) error { return nil })
}
