package forward_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/metadata"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/forward"
	"github.com/statusway/statusway/gateway/observe"
)

// followed is a trace and its only call, as a tracer would make them.
type followed struct {
	parent, state string
	local         bool
	method        string
	ended         []error
}

type (
	traceOf struct{ *followed }
	callOf  struct{ *followed }
)

var errCall = errors.New("the call failed")

func (traceOf) ID() string          { return "" }
func (traceOf) End(*observe.Record) {}

func (t traceOf) Call(ctx context.Context, method string, local bool) (context.Context, observe.Call) {
	t.method, t.local = method, local
	return ctx, callOf(t)
}

func (c callOf) Fields() (string, string) { return c.parent, c.state }
func (c callOf) End(err error)            { c.ended = append(c.ended, err) }

// local is a connection within the process.
type local struct{ sent *metadata.MD }

func (l local) Outgoing(ctx context.Context, md metadata.MD) context.Context {
	*l.sent = md
	return ctx
}

// TestTraceContextGoesOn: without tracing the backend gets the client's trace context
// unchanged, else the call's own, even if that is empty.
func TestTraceContextGoesOn(t *testing.T) {
	t.Parallel()
	const client, own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-aaaaaaaaaaaaaaaa-01"
	for name, test := range map[string]struct {
		trace *followed
		want  map[string][]string
	}{
		"not followed":     {nil, map[string][]string{"traceparent": {client}, "tracestate": {"vendor=1"}}},
		"followed":         {&followed{parent: own, state: "vendor=2"}, map[string][]string{"traceparent": {own}, "tracestate": {"vendor=2"}}},
		"without a state":  {&followed{parent: own}, map[string][]string{"traceparent": {own}, "tracestate": nil}},
		"without anything": {&followed{}, map[string][]string{"traceparent": nil, "tracestate": nil}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, inProcess := range []bool{false, true} {
				request, ex := exchange.Begin(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
				request.Header.Set("Traceparent", client)
				request.Header.Set("Tracestate", "vendor=1")
				ex.Binding = &contract.Binding{Method: &contract.Method{FullName: "/a.B/C"}}
				if test.trace != nil {
					ex.Trace = traceOf{test.trace}
				}
				var sent metadata.MD
				var conn any
				if inProcess {
					conn = local{&sent}
				}
				ctx, call := forward.New(forward.Params{}).Begin(request.Context(), conn, request)
				if !inProcess {
					sent, _ = metadata.FromOutgoingContext(ctx)
				}
				for key, want := range test.want {
					if diff := cmp.Diff(want, sent[key]); diff != "" {
						t.Errorf("%s (-want +got):\n%s", key, diff)
					}
				}
				call.End(errCall)
				if test.trace == nil {
					continue
				}
				if len(test.trace.ended) != 1 || !errors.Is(test.trace.ended[0], errCall) || test.trace.method != "/a.B/C" || test.trace.local != inProcess {
					t.Errorf("followed %+v", test.trace)
				}
				test.trace.ended = nil
			}
		})
	}
}
