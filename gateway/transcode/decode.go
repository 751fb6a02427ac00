package transcode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/jsoncodec"
	"github.com/statusway/statusway/gateway/respond"
)

// body is a request body that has been read: the decoder takes its bytes as they are.
type body struct {
	data        []byte
	contentType string
	begun       bool
	rest        *bytes.Reader
}

func (b *body) Read(p []byte) (int, error) {
	if !b.begun {
		b.begun = true
		b.rest = bytes.NewReader(b.data)
	}
	if b.rest == nil {
		return 0, io.EOF // The decoder has taken all of it.
	}
	return b.rest.Read(p)
}

func (*body) Close() error { return nil }

// marshaler is the only one that runtime gets. It decodes strictly and encodes
// nothing: the responder has answered before runtime would.
type marshaler struct{}

var _ runtime.Marshaler = (*marshaler)(nil)

func (*marshaler) Marshal(any) ([]byte, error) { return nil, nil }
func (*marshaler) NewEncoder(io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(any) error { return nil })
}
func (*marshaler) ContentType(any) string { return respond.JSONType }

func (*marshaler) Unmarshal(data []byte, into any) error { return decode(data, into) }

func (*marshaler) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(into any) error {
		data, err := readAll(r)
		if err != nil {
			return err
		}
		if raw, ok := into.(*httpbody.HttpBody); ok {
			raw.Data = data
			if b, ok := r.(*body); ok {
				raw.ContentType = b.contentType
			}
			return nil
		}
		if len(bytes.TrimSpace(data)) == 0 {
			return io.EOF // Generated code takes it as a body that sets nothing.
		}
		return decode(data, into)
	})
}

func readAll(r io.Reader) ([]byte, error) {
	if b, ok := r.(*body); ok && !b.begun {
		b.begun = true
		return b.data, nil
	}
	return io.ReadAll(r)
}

// decode fills a request, or the field of one that generated code points at.
func decode(data []byte, into any) error {
	if message, ok := into.(proto.Message); ok {
		return jsoncodec.Unmarshal(data, message)
	}
	if slot := reflect.ValueOf(into); slot.Kind() == reflect.Pointer && slot.Elem().Kind() == reflect.Pointer {
		fresh := reflect.New(slot.Elem().Type().Elem())
		if message, ok := reflect.TypeAssert[proto.Message](fresh); ok {
			slot.Elem().Set(fresh)
			return jsoncodec.Unmarshal(data, message)
		}
	}
	if !json.Valid(data) {
		return errNotOneValue // The decoder below would stop after the first value.
	}
	// A list, a map or a scalar as the body: rare, and runtime knows how.
	lenient := runtime.JSONPb{UnmarshalOptions: protojson.UnmarshalOptions{}}
	if err := lenient.NewDecoder(bytes.NewReader(data)).Decode(into); err != nil {
		return fmt.Errorf("decoding the body: %w", err)
	}
	return nil
}

var errNotOneValue = errors.New("the body is not one JSON value")
