package forward_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/dunglas/httpsfv"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/forward"
	"github.com/statusway/statusway/gateway/internal/respond"
)

// FuzzMetadata: for any metadata of a backend, only single well-formed fields and details
// that follow AIP-193 are sent.
func FuzzMetadata(f *testing.F) {
	f.Add("9", "5", "60", `"default";r=5;t=60`, `"default";q=9;w=60`, "OUT_OF_STOCK", "shop.v1", "30")
	f.Add("-1", "99999999999999999999", "1.5", `"a";r=1, ("b");r=2, c`, "\"a\";q=1\r\nX: 1", "out", "my shop", "-1")
	f.Add("", " 5", "5\x00", `"`, `:`, "A", ".", "1s")
	f.Fuzz(func(t *testing.T, limit, remaining, reset, state, policy, reason, domain, wait string) {
		request, ex := exchange.Begin(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		ex.Fields = fields{"9 5 60", `"default";q=9;w=60`, `"default";r=5;t=60`}.header()
		rules := forward.New(forward.Params{})
		failed := rules.Failed(request.Context(), status.Error(codes.NotFound, "no"), metadata.Pairs(
			"x-rate-limit-limit", limit, "x-rate-limit-remaining", remaining, "x-rate-limit-reset", reset,
			"ratelimit", state, "ratelimit-policy", policy,
			"statusway-reason", reason, "statusway-domain", domain, "statusway-retry-after", wait,
		), nil)
		for name, values := range ex.Fields {
			if len(values) != 1 || strings.ContainsFunc(values[0], func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%s: %q", name, values)
			}
			if _, err := httpsfv.UnmarshalList(values); err != nil {
				t.Errorf("%s: %q: %v", name, values, err)
			}
		}
		most, _ := strconv.Atoi(ex.Fields.Get("X-Rate-Limit-Limit"))
		if left, err := strconv.Atoi(ex.Fields.Get("X-Rate-Limit-Remaining")); err != nil || left < 0 || left > 5 || left > most {
			t.Errorf("%v", ex.Fields)
		}
		for _, detail := range respond.AsFailure(failed).Status.GetDetails() {
			info := &errdetails.ErrorInfo{}
			if detail.UnmarshalTo(info) == nil && (info.GetReason() != reason || info.GetReason() != strings.ToUpper(reason) || len(reason) > 63) {
				t.Errorf("%v", info)
			}
		}
	})
}
