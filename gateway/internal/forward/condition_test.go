package forward_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/forward"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/observe"
)

// No condition is lost on its way to a backend that has to decide it, in any spelling,
// whatever the backend's library does with several values of a key.
func TestConditionsArrive(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		field string
		lines []string
		want  []string
	}{
		"none":             {"If-Match", nil, nil},
		"one":              {"If-Match", []string{`"a"`}, []string{`"a"`}},
		"any":              {"If-None-Match", []string{"*"}, []string{"*"}},
		"a list":           {"If-Match", []string{`W/"a" ,"b"`}, []string{`W/"a" ,"b"`}},
		"a tab":            {"If-Match", []string{"\"a\",\t\"b\""}, []string{`"a", "b"`}},
		"several lines":    {"If-None-Match", []string{`"a",`, `"b"`}, []string{`"a",, "b"`}},
		"an octet":         {"If-Match", []string{"\"\xc3\xa9\"", `"b"`}, []string{`"%_%_", "b"`}},
		"compressed":       {"If-Match", []string{`"a%gzip"`}, []string{`"a"`}},
		"a date":           {"If-Unmodified-Since", []string{"Sun, 06 Nov 1994 08:49:37 GMT"}, []string{"Sun, 06 Nov 1994 08:49:37 GMT"}},
		"an old date":      {"If-Unmodified-Since", []string{"Sun Nov  6 08:49:37 1994"}, []string{"Sun, 06 Nov 1994 08:49:37 GMT"}},
		"no date":          {"If-Unmodified-Since", []string{"yesterday"}, nil},
		"too many dates":   {"If-Unmodified-Since", []string{"Sun Nov  6 08:49:37 1994", "Sun Nov  6 08:49:38 1994"}, nil},
		"one for reads":    {"If-Modified-Since", []string{"Sun, 06 Nov 1994 08:49:37 GMT"}, nil},
		"one of a range":   {"If-Range", []string{`"a"`}, nil},
		"under a key only": {"Prefer-Wait", []string{"7"}, nil},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/x", http.NoBody)
		r.Header[test.field] = test.lines
		conditions, err := rfc9110.ParsePreconditions(r.Header.Values)
		if err != nil {
			t.Fatal(name, err)
		}
		for _, decides := range []bool{true, false} {
			binding := &contract.Binding{Method: &contract.Method{Preconditions: decides}}
			ex := &exchange.Exchange{Record: observe.Record{Start: time.Now()}, Conditions: conditions, Binding: binding, Fields: http.Header{}}
			md := forward.New(forward.Params{}).Metadata(r.WithContext(exchange.With(r.Context(), ex)))
			want := test.want
			if !decides {
				want = nil
			}
			got := append(append(md["if-match"], md["if-none-match"]...), md["if-unmodified-since"]...)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, decided by the backend: %t (-want +got):\n%s", name, decides, diff)
			}
		}
	}
}
