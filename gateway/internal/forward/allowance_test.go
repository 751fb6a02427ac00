package forward_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/metadata"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/forward"
)

// fields are those of an exchange: X-Rate-Limit-Limit, -Remaining and -Reset in one
// text, RateLimit-Policy and RateLimit.
type fields struct{ quota, policy, state string }

func (f fields) header() http.Header {
	header := http.Header{}
	if f.quota != "" {
		for i, name := range []string{"X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset"} {
			header[name] = []string{strings.Fields(f.quota)[i]}
		}
	}
	for name, text := range map[string]string{"Ratelimit-Policy": f.policy, "Ratelimit": f.state} {
		if text != "" {
			header[name] = []string{text}
		}
	}
	return header
}

// A backend's allowance is sent together with the gateway's own, and no field comes twice.
//
// checklist: ALL-06, 429-05, 429-06
func TestAllowance(t *testing.T) {
	t.Parallel()
	own := fields{"9 5 60", `"default";q=9;w=60`, `"default";r=5;t=60`}
	quota := func(limit, remaining, reset string) metadata.MD {
		return metadata.Pairs("x-rate-limit-limit", limit, "x-rate-limit-remaining", remaining, "x-rate-limit-reset", reset)
	}
	for name, test := range map[string]struct {
		counted fields
		header  metadata.MD
		trailer metadata.MD
		want    fields
	}{
		"nothing":                {own, nil, nil, own},
		"alone":                  {fields{}, quota("3", "2", "1"), nil, fields{quota: "3 2 1"}},
		"in the trailer":         {fields{}, nil, quota("3", "2", "1"), fields{quota: "3 2 1"}},
		"the header goes first":  {fields{}, quota("3", "2", "1"), quota("30", "20", "10"), fields{quota: "3 2 1"}},
		"zeros in front":         {fields{}, quota("003", "02", "0"), nil, fields{quota: "3 2 0"}},
		"nearer its end":         {own, quota("100", "4", "7"), nil, fields{"100 4 7", own.policy, own.state}},
		"as near":                {own, quota("100", "5", "7"), nil, own},
		"as near, for longer":    {own, quota("100", "5", "61"), nil, fields{"100 5 61", own.policy, own.state}},
		"further":                {own, quota("6", "6", "7"), nil, own},
		"used up":                {own, quota("6", "0", "7"), nil, fields{"6 0 7", own.policy, own.state}},
		"negative":               {own, quota("6", "-1", "7"), nil, own},
		"no number":              {own, quota("6", "x", "7"), nil, own},
		"a fraction":             {own, quota("6", "1.5", "7"), nil, own},
		"a sign":                 {own, quota("6", "+1", "7"), nil, own},
		"empty":                  {own, quota("6", "", "7"), nil, own},
		"a space":                {own, quota("6", "1 ", "7"), nil, own},
		"too many digits":        {own, quota("6", "1", "1000000000000000"), nil, own},
		"as many as can be":      {own, quota("6", "1", "999999999999999"), nil, fields{"6 1 999999999999999", own.policy, own.state}},
		"more left than allowed": {own, quota("3", "4", "7"), nil, own},
		"another line":           {own, quota("6", "1\r\nX-Evil: 1", "7"), nil, own},
		"a part":                 {own, metadata.Pairs("x-rate-limit-remaining", "1"), nil, own},
		"twice":                  {own, metadata.Join(quota("6", "1", "7"), metadata.Pairs("x-rate-limit-limit", "7")), nil, own},

		"lists": {
			own, metadata.Pairs("ratelimit-policy", `"daily";q=100;w=86400`, "ratelimit", `"daily";r=42;t=3`), nil,
			fields{own.quota, `"default";q=9;w=60, "daily";q=100;w=86400`, `"default";r=5;t=60, "daily";r=42;t=3`},
		},
		"lists in the trailer": {
			fields{}, nil, metadata.Pairs("ratelimit", `"a";r=1, "b";r=2`), fields{state: `"a";r=1, "b";r=2`},
		},
		"lists of several lines": {
			fields{}, metadata.Pairs("ratelimit", `"a";r=1`, "ratelimit", `"b";r=2`), nil, fields{state: `"a";r=1, "b";r=2`},
		},
		"a policy alone": {own, metadata.Pairs("ratelimit-policy", `"daily";q=100`), nil, fields{own.quota, own.policy + `, "daily";q=100`, own.state}},
		"other parameters": {
			fields{},
			metadata.Pairs("ratelimit-policy", `"a";q=1;qu="content-bytes";pk=:QUE=:;acme=?1`), nil,
			fields{policy: `"a";q=1;qu="content-bytes";pk=:QUE=:;acme`},
		},
		"a name that is taken": {own, metadata.Pairs("ratelimit-policy", `"default";q=7`, "ratelimit", `"default";r=6`), nil, own},
		"a name that is taken, nearer its end": {
			own, metadata.Pairs("ratelimit-policy", `"default";q=7`, "ratelimit", `"default";r=4;t=1`), nil,
			fields{own.quota, `"default";q=7`, `"default";r=4;t=1`},
		},
		"a name twice":       {fields{}, metadata.Pairs("ratelimit", `"a";r=2, "a";r=1, "a";r=3`), nil, fields{state: `"a";r=1`}},
		"no list":            {own, metadata.Pairs("ratelimit", `"daily;r=1`, "ratelimit-policy", "q="), nil, own},
		"a token":            {own, metadata.Pairs("ratelimit", `daily;r=1`), nil, own},
		"an inner list":      {own, metadata.Pairs("ratelimit", `("a" "b");r=1`), nil, own},
		"an empty name":      {own, metadata.Pairs("ratelimit", `"";r=1`), nil, own},
		"without r":          {own, metadata.Pairs("ratelimit", `"daily";t=1`), nil, own},
		"r of another type":  {own, metadata.Pairs("ratelimit", `"daily";r="1"`), nil, own},
		"negative r":         {own, metadata.Pairs("ratelimit", `"daily";r=-1`), nil, own},
		"negative t":         {own, metadata.Pairs("ratelimit", `"daily";r=1;t=-1`), nil, own},
		"without q":          {own, metadata.Pairs("ratelimit-policy", `"daily";w=1`), nil, own},
		"no window":          {own, metadata.Pairs("ratelimit-policy", `"daily";q=1;w=0`), nil, own},
		"one that is wrong":  {fields{}, metadata.Pairs("ratelimit", `"a";r=1, "b";r=-1, "c";r=3`), nil, fields{state: `"a";r=1, "c";r=3`}},
		"a list on its line": {own, metadata.Pairs("ratelimit", "\"daily\";r=1\r\nX-Evil: 1"), nil, own},
		"a list too long":    {own, metadata.Pairs("ratelimit", `"`+strings.Repeat("x", 2<<10)+`";r=1`), nil, own},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, ex := exchange.Begin(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
			ex.Fields = test.counted.header()
			rules := forward.New(forward.Params{})
			for range 2 { // A stream that fails before its first message is looked at twice.
				if left := rules.Answered(request.Context(), test.header, test.trailer); left != nil {
					t.Errorf("%v has left as well", left)
				}
				if diff := cmp.Diff(test.want.header(), ex.Fields); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

// What means something to the gateway means nothing else by an allow-list.
//
// checklist: GRPC-08
func TestOwnKeysHaveNoOtherMeaning(t *testing.T) {
	t.Parallel()
	allowed := map[string]string{
		"x-rate-limit-limit": "X-Limit", "ratelimit": "Ratelimit", "statusway-reason": "X-Reason", "statusway-status": "X-Status",
		"limit": "X-RATE-LIMIT-LIMIT", "x-info": "X-Info",
	}
	rules := forward.New(forward.Params{ResponseHeaders: allowed})
	sent := metadata.MD{}
	for key := range allowed {
		sent.Set(key, "1")
	}
	for name, header := range map[string]http.Header{
		"answered": rules.Answered(t.Context(), sent, nil), "in the trailer": rules.Answered(t.Context(), nil, sent),
	} {
		if diff := cmp.Diff(http.Header{"X-Info": {"1"}}, header); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if len(allowed) != 6 {
		t.Errorf("the caller's map was changed: %v", allowed)
	}
}
