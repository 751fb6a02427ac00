package respond_test

import (
	"net/http"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
)

// sink is a ResponseWriter that costs nothing, and is empty again for each run.
type sink struct{ header http.Header }

func (s sink) Header() http.Header       { return s.header }
func (sink) Write(p []byte) (int, error) { return len(p), nil }
func (sink) WriteHeader(int)             {}

// TestCost limits the allocations that every request costs. Not parallel: testing.AllocsPerRun
// counts those of the whole process.
func TestCost(t *testing.T) { //nolint:paralleltest // as above.
	binding := bindingOf(t, entities(t), getEntity)
	responder := documented(t)
	full := entity("e1", "7")
	full.DisplayName, full.Group = "The first", "staff"
	w := sink{http.Header{}}
	reply := func(request *http.Request) func() {
		return func() {
			clear(w.header)
			exchange.From(request.Context()).Status = 0
			if err := responder.Reply(w, request, respond.Reply{Message: full}); err != nil {
				t.Error(err)
			}
		}
	}
	failure := respond.FailAs(codes.NotFound, "ENTITY_NOT_FOUND", "no such entity").With(&errdetails.ResourceInfo{ResourceType: "entity", ResourceName: "e1"})
	for _, test := range []struct {
		name string
		run  func()
		most float64
		why  string
	}{
		{"get", reply(ask(t, "GET", binding)), maxGet, "a slice for each field, the texts of ETag, date and length, and the encoder's own"},
		{"304", reply(ask(t, "GET", binding, "If-None-Match", `"7"`)), maxNotModified, "the fields alone: nothing is encoded"},
		{
			"error", func() { responder.Render(failure, respond.Request{Path: "/v1/entities/e1", RequestID: "r-1"}) }, maxError,
			"two details are unpacked and written, and the body is encoded twice over by encoding/json",
		},
	} {
		if got := testing.AllocsPerRun(200, test.run); got > test.most {
			t.Errorf("%s: %v allocations, at most %v: %s", test.name, got, test.most, test.why)
		} else {
			t.Logf("%s: %v allocations of %v", test.name, got, test.most)
		}
	}
}

const (
	maxGet         = 36
	maxNotModified = 12
	maxError       = 76
)
