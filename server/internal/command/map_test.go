package command_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file in testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", path, diff)
	}
}

// What map prints for people and for programs.
func TestMap(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		status    string
		arguments []string
	}{
		{name: "ok", status: `{}`},
		{name: "not-found", status: `{"code": 5, "message": "no such <teapot>"}`},
		{name: "internal", status: `{"code": 13, "message": "disk /dev/sda1 is full"}`},
		{name: "beyond", status: `{"code": 17}`},
		{
			name: "rich",
			status: `{"code": 8, "message": "Too many.", "details": [
				{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "domain": "statusway.v1", "reason": "RATE_LIMITED"},
				{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"},
				{"@type": "type.googleapis.com/nobody.knows.This", "value": "AQI="}]}`,
		},
		{name: "canonical", status: `{"code": 12}`, arguments: []string{"--policy=canonical", "--public-url=https://api.example.com"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := run(t, test.status, append([]string{"map"}, test.arguments...)...)
			if got.code != 0 || got.err != "" {
				t.Fatalf("exit code %d: %s", got.code, got.err)
			}
			golden(t, "map-"+test.name+".txt.golden", got.out)
			got = run(t, test.status, append([]string{"map", "--json"}, test.arguments...)...)
			if got.code != 0 || got.err != "" {
				t.Fatalf("--json: exit code %d: %s", got.code, got.err)
			}
			golden(t, "map-"+test.name+".json.golden", got.out)
			checkShape(t, got.out)
		})
	}
}

// checkShape holds the documented shape, {httpStatus, headers, body, rule}: these
// members always, of these types, and no others.
func checkShape(t *testing.T, text string) {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		t.Fatal(err)
	}
	var status int
	var headers map[string]string
	var rule string
	var body any
	for name, into := range map[string]any{"httpStatus": &status, "headers": &headers, "rule": &rule, "body": &body} {
		if err := json.Unmarshal(members[name], into); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(members) != 4 || status < 200 || status > 599 || headers == nil || rule == "" {
		t.Errorf("the output is %s", text)
	}
}
