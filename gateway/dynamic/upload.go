package dynamic

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/forward"
	"github.com/statusway/statusway/gateway/jsoncodec"
)

// chunk is how much of a raw body one message takes, in bytes.
const chunk = 32 << 10

// sendOne sends the only request. An error of the stream itself is found by the
// receiver.
func (s *streaming) sendOne(request any) error {
	if err := s.SendMsg(request); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return s.CloseSend()
}

// sendAll sends the body: each of its JSON values is a message, with or without white
// space or line breaks between, or pieces of it as they arrive, if the message is a
// google.api.HttpBody.
func (s *streaming) sendAll(control *http.ResponseController) error {
	next := s.nextJSON(json.NewDecoder(s.r.Body))
	if s.method.raw {
		next = s.nextChunk
	}
	for {
		if s.backend.params.Silence > 0 {
			_ = control.SetReadDeadline(time.Now().Add(s.backend.params.Silence))
		}
		data, err := next()
		if errors.Is(err, io.EOF) {
			return s.CloseSend()
		}
		if err != nil {
			return err
		}
		request, err := s.request(data)
		if err != nil {
			return err
		}
		if err := s.SendMsg(request); err != nil {
			return nil //nolint:nilerr // the call is over, and the receiver knows why.
		}
	}
}

// nextJSON returns what reads the body's next JSON value.
func (s *streaming) nextJSON(decoder *json.Decoder) func() ([]byte, error) {
	return func() ([]byte, error) {
		var value json.RawMessage
		err := decoder.Decode(&value)
		var syntax *json.SyntaxError
		switch {
		case err == nil, errors.Is(err, io.EOF):
			return value, err //nolint:wrapcheck // io.EOF is the end.
		case errors.As(err, &syntax):
			return nil, forward.BadJSON(&jsoncodec.Error{
				Reason: jsoncodec.ReasonMalformedJSON, Detail: fmt.Sprintf("is not valid JSON at offset %d", decoder.InputOffset()),
			})
		default:
			return nil, forward.BadRead(exchange.From(s.r.Context()), err)
		}
	}
}

// nextChunk reads some of a raw body.
func (s *streaming) nextChunk() ([]byte, error) {
	data := make([]byte, chunk)
	for {
		n, err := s.r.Body.Read(data)
		switch {
		case n > 0:
			return data[:n], nil // an error comes again with the next Read
		case errors.Is(err, io.EOF):
			return nil, io.EOF
		case err != nil:
			return nil, forward.BadRead(exchange.From(s.r.Context()), err)
		}
	}
}
