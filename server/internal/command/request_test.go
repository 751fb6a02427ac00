package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// client returns an HTTP client that keeps no connections.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
}

// answer is what a test looks at of an HTTP answer.
type answer struct {
	status int
	header http.Header
	text   []byte
	// body is the text as a JSON object; nil if it is empty.
	body map[string]any
}

// ask sends one request with a JSON body, or none, and a token, or none.
func (p *process) ask(ctx context.Context, method, path, token string, body []byte) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, p.rest+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := client().Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	return read(response)
}

func read(response *http.Response) (answer, error) {
	text, err := io.ReadAll(response.Body)
	a := answer{status: response.StatusCode, header: response.Header, text: text}
	if len(text) > 0 {
		err = errors.Join(err, json.Unmarshal(text, &a.body))
	}
	return a, err
}

// must is ask for tests that need the response.
func (p *process) must(t *testing.T, method, path, token string, body []byte) answer {
	t.Helper()
	a, err := p.ask(t.Context(), method, path, token, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// login returns an access token.
func (p *process) login(t *testing.T, username, password string) string {
	t.Helper()
	body := fmt.Appendf(nil, `{"username": %q, "password": %q}`, username, password)
	a := p.must(t, http.MethodPost, "/v1/sessions", "", body)
	token, ok := a.body["accessToken"].(string)
	if a.status != http.StatusCreated || !ok {
		t.Fatalf("logging in: %+v", a)
	}
	return token
}

// demoToken returns the access token of the user editor that a demo prints, which
// spares the time that a login takes on purpose.
func (p *process) demoToken(t *testing.T) string {
	t.Helper()
	return p.await(t, `Authorization: Bearer ([^']+)'`)[1]
}
