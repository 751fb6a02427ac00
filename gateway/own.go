package gateway

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
)

// own calls code of the program that may write to w itself: a page, or what Intercept put around a
// call. The exchange gets the status that the client gets. If the code fails after it wrote
// something, the response stays as it is and the failure is logged; if it fails before, the
// response that may wait to be sent is dropped, with its header fields.
func own(ex *exchange.Exchange, responder *respond.Responder, call func(w *ownWriter, r *http.Request) error) error {
	before := maps.Clone(ex.Fields)
	w := &ownWriter{ResponseWriter: ex.Writer, exchange: ex, responder: responder}
	failed := true // also by a panic
	defer func() {
		if failed && ex.Outgoing.Ready {
			respond.Discard(ex)
			clear(ex.Fields)
			maps.Copy(ex.Fields, before)
		}
	}()
	err := cmp.Or(call(w, ex.Request.WithContext(context.WithValue(ex.Context, ownKey{}, w))), w.err)
	switch {
	case err != nil && (w.sent || ex.Status != 0 && !ex.Outgoing.Ready):
		ex.Fail(err, respond.AsFailure(err).Status.GetCode(), true)
		return nil
	case err != nil:
		return err //nolint:wrapcheck // it is the failure of the call, or of the page.
	case ex.Status == 0:
		ex.Status = http.StatusOK // net/http sends that if nothing was written.
	}
	failed = false
	return nil
}

type ownKey struct{}

// ownWriter notes what code of the program writes.
type ownWriter struct {
	http.ResponseWriter

	exchange  *exchange.Exchange
	responder *respond.Responder
	err       error // what [Error] got
	sent      bool  // the header section was written through this writer
	forwards  bool  // the backend's response is written, and counted elsewhere
}

var errDecided = errors.New("there is a response to this request already")

// decided reports whether there is a response that was not written through w. It waits to be sent,
// or was sent as a stream.
func (w *ownWriter) decided() bool { return !w.sent && !w.forwards && w.exchange.Status != 0 }

// forward calls the backend, whose response is written through w if it is at all.
func (w *ownWriter) forward(call func() error) error {
	w.forwards, w.exchange.Outgoing.Later = true, false
	defer func() {
		w.forwards, w.exchange.Outgoing.Later = false, true
		if !w.sent { // The program has kept it.
			w.exchange.Status, w.exchange.Written = 0, 0
		}
	}()
	return call()
}

func (w *ownWriter) WriteHeader(status int) {
	if w.decided() {
		return // As of any second call, nothing comes of it.
	}
	if !w.sent && status >= http.StatusOK {
		w.sent, w.exchange.Status = true, status
	}
	w.ResponseWriter.WriteHeader(status) //nolint:forbidigo // the program itself responds.
}

func (w *ownWriter) Write(data []byte) (int, error) {
	if w.decided() {
		return 0, errDecided
	}
	if !w.sent {
		w.sent, w.exchange.Status = true, http.StatusOK
	}
	n, err := w.ResponseWriter.Write(data)
	if !w.forwards && w.exchange.Request.Method != http.MethodHead {
		w.exchange.Written += int64(n)
	}
	return n, err //nolint:wrapcheck // it is the writer's own.
}

// Flush is for handlers that do not know [http.ResponseController].
func (w *ownWriter) Flush() { _ = w.FlushError() }

// FlushError sends what has been written, and the header section.
func (w *ownWriter) FlushError() error {
	if w.decided() {
		return nil
	}
	if !w.sent {
		w.sent, w.exchange.Status = true, http.StatusOK
	}
	return http.NewResponseController(w.ResponseWriter).Flush() //nolint:wrapcheck // as above.
}

// Unwrap is for [http.ResponseController].
func (w *ownWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
