package gateway_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
)

// echoFrame returns the request as the response.
func echoFrame(_ any, stream grpc.ServerStream) error {
	var message frame
	if err := stream.RecvMsg(&message); err != nil {
		return err
	}
	return stream.SendMsg(&message)
}

// TestRequests: the sources of one message, and what is refused.
func TestRequests(t *testing.T) {
	t.Parallel()
	const both = "DUPLICATE_PARAMETER"
	onBothBackends(t, times{}, same(echoFrame), func(t *testing.T, f *zooFront) {
		t.Helper()
		for _, test := range []struct {
			method, target, body, kind string
			status                     int
			holds                      []string
		}{
			// A parameter must not replace another member of a oneof.
			{"GET", "/v1/animals/Ada?middle.name=a&far.name=b", "", "", 400, []string{both, "/far/name"}},
			{"GET", "/v1/animals/Ada?far.deeper.name=a&left=b", "", "", 400, []string{both, "/left"}},
			{"GET", "/v1/animals/Ada?middle.name=a&middle.deeper.name=b", "", "", 200, []string{`"name":"a"`, `"name":"b"`}},
			{"GET", "/v1/animals/Ada?maybe=a&middle.name=b", "", "", 200, []string{`"maybe":"a"`, `"name":"b"`}},
			{"GET", "/v1/middle/a?far.name=b", "", "", 400, []string{both, "/far/name"}},
			{"GET", "/v1/middle/a?far.deeper.timestamp=2026-01-02T03:04:05Z", "", "", 400, []string{both}},
			{"GET", "/v1/middle/a?left=b", "", "", 400, []string{both, "/left"}},
			{"GET", "/v1/middle/a?middle.int32=5", "", "", 200, []string{`"name":"a"`, `"int32":5`}},
			{"POST", "/v1/middle?far.name=b", `{"name":"a"}`, "", 400, []string{both}},
			{"POST", "/v1/middle?right=b", `{}`, "", 400, []string{both}},
			{"POST", "/v1/middle?right=b", ``, "", 200, []string{`"right":"b"`}},
			{"PUT", "/v1/left/a", `{"right":"b"}`, "", 400, []string{both, "/left"}},
			{"PUT", "/v1/left/a", `{"far":{}}`, "", 400, []string{both}},
			{"PUT", "/v1/left/a", `{"name":"b","maybe":""}`, "", 200, []string{`"left":"a"`, `"name":"b"`, `"maybe":""`}},
			// A raw field takes any media type.
			{"PUT", "/v1/uploads/a.png", "\x89PNG\x00", "image/png", 200, []string{`"contentType":"image/png"`, `"data":"iVBORwA="`, `"name":"a.png"`}},
			{"PUT", "/v1/uploads/a.png", `{"x":`, "application/json", 200, []string{`"contentType":"application/json"`}},
			{"POST", "/v1/tags/Ada", `["a","b"]`, "", 200, []string{`["a","b"]`}},
			{"POST", "/v1/tags/Ada", `["a"] ["b"]`, "", 400, []string{"TRAILING_DATA"}},
			{"POST", "/v1/notes", `"text"`, "", 200, []string{`"text"`}},
			{"POST", "/v1/notes", `1`, "", 400, []string{"INVALID_VALUE"}},
			// A mask is read as JSON, and one that is given replaces the body's.
			{"PATCH", "/v1/animals/Ada?updateMask=int32", `{"string":"s"}`, "", 200, []string{`"updateMask":"int32"`}},
			{"PATCH", "/v1/animals/Ada?update_mask.paths=int32", `{"string":"s"}`, "", 200, []string{`"updateMask":"int32"`}},
			{"PATCH", "/v1/animals/Ada", `{"string":"s","deeper":{"int64":"1"}}`, "", 200, []string{`"updateMask":"deeper.int64,string"`}},
			{"PATCH", "/v1/animals/Ada?updateMask=int32,", `{}`, "", 400, []string{"/updateMask"}},
			// Both backends name the parameter, and take the same values.
			{"GET", "/v1/kinds/77/1/2026-01-02T03:04:05Z", "", "", 200, []string{`"kind":77`}},
			{"GET", "/v1/kinds/1/1/yesterday", "", "", 400, []string{"/nested/timestamp"}},
			{"GET", "/v1/numbers/08/AA/T/1m", "", "", 400, []string{"INVALID_VALUE", "/int32Value"}}, // no JSON number begins so
			{
				"GET", "/v1/numbers/8/AA/T/1m?kind=99", "", "", 200,
				[]string{`"int32Value":8`, `"bytesValue":"AA=="`, `"boolValue":true`, `"duration":"60s"`, `"kind":99`},
			},
			{"GET", "/v1/animals/Ada?nested.bytes=!", "", "", 400, []string{"/nested/bytes"}},
			{"GET", "/v1/animals/Ada?doubleValue=0x1p-2", "", "", 400, []string{"/doubleValue"}},
			// A variable of several segments keeps %2F; where nothing else matches, %2F separates.
			{"GET", "/v1/shelves/1/books/2%2F3", "", "", 200, []string{`"name":"shelves/1/books/2%2F3"`}},
			{"GET", "/v1/shelves%2F1%2fbooks%2F2%21", "", "", 200, []string{`"name":"shelves/1/books/2!"`}},
			{"GET", "/v1/shelves/1%2Fbooks/2%252F", "", "", 200, []string{`"name":"shelves/1/books/2%2F"`}},
			{"HEAD", "/v1/shelves%2F1%2Fbooks%2F2", "", "", 200, nil},
			{"OPTIONS", "/v1/shelves%2F1%2Fbooks%2F2", "", "", 204, nil},
			{"DELETE", "/v1/shelves%2F1%2Fbooks%2F2", "", "", 405, nil},
			{"GET", "/v1/shelves%2F1%2Fbooks%2F2%2F3", "", "", 404, nil},
			{"OPTIONS", "/v1/shelves%2F1%2Fbooks%2F..", "", "", 404, nil},
			{"GET", "/v1/animals/shelves%2F1", "", "", 200, []string{`"name":"shelves/1"`}},
			{"GET", "/v1/files/a/b%20c%2F%21", "", "", 200, []string{`"name":"a/b c%2F!"`}},
		} {
			var header []string
			if test.kind != "" {
				header = []string{"Content-Type", test.kind}
			}
			code, fields, got := f.send(t, test.method, test.target, test.body, header...)
			if allow := fields.Get("Allow"); (code == 405 || code == 204) && allow != "GET, HEAD, OPTIONS" {
				t.Errorf("%s %s: Allow is %q", test.method, test.target, allow)
			}
			if code != test.status || slices.ContainsFunc(test.holds, func(part string) bool { return !strings.Contains(got, part) }) {
				t.Errorf("%s %s %q: %d %s, want %d and %q", test.method, test.target, test.body, code, got, test.status, test.holds)
			}
		}
	})
}
