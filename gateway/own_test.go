package gateway_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/observe"
	"github.com/statusway/statusway/gateway/policy"
)

// lastRecord keeps the record of the last request.
type lastRecord struct{ observe.Record }

func (*lastRecord) Begin()                       {}
func (l *lastRecord) End(record *observe.Record) { l.Record = *record }

// A response of a handler of Intercept is logged and counted with the status and the length
// that the client gets, and there is one response.
func TestInterceptResponds(t *testing.T) {
	t.Parallel()
	notYours := status.Error(codes.PermissionDenied, "not yours")
	write := func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusPaymentRequired)
		_, _ = io.WriteString(w, "pay")
	}
	for name, test := range map[string]struct {
		handler       func(call gateway.Handler, w http.ResponseWriter, r *http.Request) error
		unary, stream int
		body          string // if it is the same for both
		fails         bool
	}{
		"writes":  {func(_ gateway.Handler, w http.ResponseWriter, _ *http.Request) error { write(w); return nil }, 402, 402, "pay", false},
		"nothing": {func(gateway.Handler, http.ResponseWriter, *http.Request) error { return nil }, 200, 200, "", false},
		"writes, then fails": {func(_ gateway.Handler, w http.ResponseWriter, _ *http.Request) error {
			write(w)
			return notYours
		}, 402, 402, "pay", true},
		"calls, then writes": {func(call gateway.Handler, w http.ResponseWriter, r *http.Request) error {
			err := call(w, r)
			write(w)
			return err
		}, 200, 200, "", false},
		"calls, then fails": {func(call gateway.Handler, w http.ResponseWriter, r *http.Request) error {
			_ = call(w, r)
			return notYours
		}, 403, 200, "", true},
		"calls, then panics": {func(call gateway.Handler, w http.ResponseWriter, r *http.Request) error {
			if r.URL.Path != "/v1/entities/e1" {
				return call(w, r)
			}
			_ = call(w, r)
			panic("secret")
		}, 500, 200, "", false},
		"Error": {func(_ gateway.Handler, w http.ResponseWriter, r *http.Request) error {
			gateway.Error(w, r, notYours)
			return nil
		}, 403, 403, "", true},
		"File": {func(_ gateway.Handler, w http.ResponseWriter, r *http.Request) error {
			gateway.File("text/plain", []byte("file")).ServeHTTP(w, r)
			return nil
		}, 200, 200, "file", false},
		"a recorder, copied": {func(call gateway.Handler, w http.ResponseWriter, r *http.Request) error {
			recorder := httptest.NewRecorder()
			if err := call(recorder, r); err != nil || recorder.Body.Len() == 0 {
				return status.Error(codes.DataLoss, "there is no response")
			}
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, "copied")
			return nil
		}, 202, 202, "copied", false},
		"a writer around": {func(call gateway.Handler, w http.ResponseWriter, r *http.Request) error {
			return call(struct{ http.ResponseWriter }{w}, r)
		}, 200, 200, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, f := configure(t, policy.Documented)
			f.script.Store(&script{entity: simple().entity, messages: 2})
			seen := &lastRecord{}
			c.Observer = seen
			c.Intercept = func(_ gateway.Route, call gateway.Handler) gateway.Handler {
				return func(w http.ResponseWriter, r *http.Request) error { return test.handler(call, w, r) }
			}
			build(t, c, f)
			for path, want := range map[string]int{"/v1/entities/e1": test.unary, "/v1/entities:export": test.stream} {
				got := record(t, f.gateway, "GET", path, "")
				if got.Code != want || seen.Status != want || int(seen.Written) != got.Body.Len() {
					t.Errorf("%s: %d, recorded %d and %d bytes, want %d: %s", path, got.Code, seen.Status, seen.Written, want, got.Body)
				}
				if test.body != "" && got.Body.String() != test.body || len(got.Header()["Content-Type"]) > 1 {
					t.Errorf("%s: %v %s", path, got.Header(), got.Body)
				}
				if want >= 400 && want != 402 && got.Header().Get("Etag") != "" {
					t.Errorf("%s: an error with the fields of a success: %v", path, got.Header())
				}
				if failed := seen.Code == int32(codes.PermissionDenied); failed != test.fails {
					t.Errorf("%s: recorded code %d", path, seen.Code)
				}
			}
		})
	}
}
