package tour_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/statusway/statusway/server/internal/terminal"
	"github.com/statusway/statusway/server/internal/tour"
)

// What a person is shown of a visit: JSON in lines, no token, nothing that every response
// has, and nothing that could control the terminal.
func TestVisitWrite(t *testing.T) {
	t.Parallel()
	visit := tour.Visit{
		Before: []tour.Exchange{{Request: tour.Request{Method: "POST", Path: "/before"}, Status: "201 Created", Code: 201}},
		Exchange: tour.Exchange{
			Request: tour.Request{
				Method: "GET", Path: "/?{long}", Fields: []tour.Field{{Name: "Authorization", Value: "Bearer secret"}, {Name: "Accept", Value: "a/b"}}, Body: "plain",
			},
			Status: "404 Not\x1b[2J Found", Code: 404,
			Header: http.Header{"Vary": {"Accept", "Pre\afer"}, "Date": {"now"}, "X-Request-Id": {"7"}, "Ratelimit": {"9"}, "X-Rate-Limit-Limit": {"9"}},
			Body:   []byte("{\"a\":\"\x1b]0;x\a\u0085\",\"b\":[]}\n"),
		},
		Sent:  3,
		After: []tour.Exchange{{Request: tour.Request{Method: "PUT", Path: "/after"}, Status: "204 No Content", Code: 204}},
	}
	const want = `  > POST /before  201 Created
  > GET /?{long}  3 times
  > Authorization: Bearer …
  > Accept: a/b
  >
  > plain
  < 404 Not�[2J Found
  < Vary: Accept
  < Vary: Pre�fer
  <
  < {"a":"�]0;x��","b":[]}
  > PUT /after  204 No Content
`
	var out strings.Builder
	visit.Write(&out, terminal.Colours{})
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", &out, want)
	}

	visit.Code, visit.Body = 429, []byte(`{"list": [`+strings.Repeat("1,", 99)+"1]}")
	out.Reset()
	visit.Write(&out, terminal.Colours{})
	for _, part := range []string{
		"\n  < Ratelimit: 9\n", "\n  < X-Rate-Limit-Limit: 9\n", "\n  < {\n  <   \"list\": [\n  <     1,\n", "\n  < … and 44 lines more\n",
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no %q in\n%s", part, &out)
		}
	}
}
