// Package browser_test looks at the pages of the program in Chromium.
package browser_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/statusway/statusway/server/internal/command"
	"github.com/statusway/statusway/server/internal/processtest"
)

func TestMain(m *testing.M) { os.Exit(processtest.Run(m)) }

// patience limits how long a test waits. Only a failure takes so long.
const patience = 30 * time.Second

// A demo is a running demo server.
type demo struct{ *processtest.Process }

func startDemo(t *testing.T, arguments ...string) demo {
	t.Helper()
	arguments = append([]string{"serve", "--demo", "--http-addr=127.0.0.1:0", "--grpc-addr=127.0.0.1:0"}, arguments...)
	return demo{processtest.Start(t, processtest.Params{Arguments: arguments, Env: nil, Log: nil})}
}

// do sends a request with a token, if it is not empty, and returns the status and the JSON.
func (d demo) do(t *testing.T, method, path, token, body string) (int, map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, d.REST+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var value map[string]any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%s %s: %d %s: %v", method, path, response.StatusCode, text, err)
	}
	return response.StatusCode, value
}

func (d demo) get(t *testing.T, path, token string) (int, map[string]any) {
	t.Helper()
	return d.do(t, http.MethodGet, path, token, "")
}

// login returns an access token of a demo user.
func (d demo) login(t *testing.T, user string) string {
	t.Helper()
	status, body := d.do(t, http.MethodPost, "/v1/sessions", "", fmt.Sprintf(`{"username": %q, "password": "demo"}`, user))
	token, ok := body["accessToken"].(string)
	if !ok {
		t.Fatalf("logging in: %d %v", status, body)
	}
	return token
}

// mapStatus prints what the command map prints for a status.
func mapStatus(t *testing.T, status string, arguments ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	streams := command.Streams{In: strings.NewReader(status), Out: &out, Err: &errs}
	if code := command.Run(ctx, streams, append([]string{"map", "--json"}, arguments...)); code != 0 {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	return out.String()
}
