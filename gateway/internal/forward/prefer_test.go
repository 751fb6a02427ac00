package forward_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/forward"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// The time to wait is the one that the gateway has read, never one that a client has sent
// with that name, even if the field is allowed.
//
// checklist: PRE-06, GRPC-08
func TestPreferWaitIsTheGateways(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prefer rfc9110.Preferences
		want   []string
	}{
		"nothing":         {rfc9110.Preferences{}, nil},
		"return":          {rfc9110.Preferences{Return: rfc9110.ReturnMinimal}, nil},
		"respond-async":   {rfc9110.Preferences{RespondAsync: true}, []string{"0"}},
		"wait of nothing": {rfc9110.Preferences{Waits: true}, []string{"0"}},
		"wait":            {rfc9110.Preferences{Waits: true, Wait: 7 * time.Second}, []string{"7"}},
		"both":            {rfc9110.Preferences{RespondAsync: true, Waits: true, Wait: 7 * time.Second}, []string{"7"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, rules := range []*forward.Rules{
				forward.New(forward.Params{}), forward.New(forward.Params{RequestHeaders: []string{"Prefer-Wait"}}),
			} {
				request, ex := exchange.Begin(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil))
				request.Header.Set("Prefer-Wait", "999")
				ex.Prefer = test.prefer
				if diff := cmp.Diff(test.want, rules.Metadata(request)["prefer-wait"]); diff != "" {
					t.Errorf("prefer-wait (-want +got):\n%s", diff)
				}
			}
		})
	}
}
