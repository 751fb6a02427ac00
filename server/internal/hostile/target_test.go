package hostile_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/conformance"
	"github.com/statusway/statusway/server/internal/processtest"
)

// target is a process that is attacked.
type target struct {
	name    string
	process *processtest.Process
	// login is the process that has the users: the backend of a proxy, else the same one.
	login *processtest.Process
	// broken reports that the process did not recover from an attack.
	broken bool
	// healthyToken authenticates the healthy client, attackerToken the attackers. They are
	// two users, because each user has an allowance.
	healthyToken, attackerToken string
	// routes are all routes of the API, from its OpenAPI document.
	routes []apiRoute
	// invariants are what every response must satisfy.
	invariants conformance.Invariants
}

// apiRoute is one operation of the OpenAPI document.
type apiRoute struct {
	method string
	// target is the path with values for its parameters.
	target string
	// fields are the members of the JSON body and their schemas. Nil means no body.
	fields map[string]schema
}

// isEndless reports whether a call of the route lasts until it is cancelled, and so holds
// its slot by right.
func (r apiRoute) isEndless() bool {
	return strings.Contains(r.target, "/waits") || strings.Contains(r.target, "/holds")
}

// schema is what the attacks need to know of a JSON schema.
type schema struct {
	Ref        string            `json:"$ref"`
	Type       any               `json:"type"`
	Properties map[string]schema `json:"properties"`
	AllOf      []schema          `json:"allOf"`
}

func (r apiRoute) String() string { return r.method + " " + r.target }

func newTarget(t *testing.T, name string, process, login *processtest.Process) *target {
	t.Helper()
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		t.Fatal(err)
	}
	g := &target{name: name, process: process, login: login, invariants: conformance.Invariants{
		Table: table, Pages: []string{"/healthz", "/readyz", "/metrics", "/openapi.json", "/openapi.yaml"},
	}}
	for user, token := range map[string]*string{"editor": &g.healthyToken, "admin": &g.attackerToken} {
		var session struct {
			AccessToken string `json:"accessToken"`
		}
		g.mustJSON(t, login.REST, http.MethodPost, "/v1/sessions", fmt.Sprintf(`{"username": %q, "password": "demo"}`, user), &session)
		*token = session.AccessToken
	}
	var document struct {
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components struct {
			Schemas map[string]schema `json:"schemas"`
		} `json:"components"`
	}
	g.mustJSON(t, process.REST, http.MethodGet, "/openapi.json", "", &document)
	for path, operations := range document.Paths {
		for method, text := range operations {
			if !slices.Contains([]string{"get", "post", "put", "patch", "delete"}, method) {
				continue
			}
			var operation struct {
				RequestBody *struct {
					Content map[string]struct {
						Schema schema `json:"schema"`
					} `json:"content"`
				} `json:"requestBody"`
			}
			if err := json.Unmarshal(text, &operation); err != nil {
				t.Fatalf("%s %s: %v", method, path, err)
			}
			route := apiRoute{method: strings.ToUpper(method), target: fillPath(path)}
			if operation.RequestBody != nil {
				route.fields = fieldsOf(operation.RequestBody.Content["application/json"].Schema, document.Components.Schemas, 0)
			}
			g.routes = append(g.routes, route)
		}
	}
	slices.SortFunc(g.routes, func(a, b apiRoute) int { return strings.Compare(a.String(), b.String()) })
	if len(g.routes) < 30 {
		t.Fatalf("the OpenAPI document of %s has only %d routes", name, len(g.routes))
	}
	return g
}

// fieldsOf returns the members of an object, also where its schema refers to another.
func fieldsOf(s schema, all map[string]schema, depth int) map[string]schema {
	fields := map[string]schema{}
	if depth > 4 {
		return fields
	}
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return fieldsOf(all[name], all, depth+1)
	}
	for name, field := range s.Properties {
		if referred, ok := strings.CutPrefix(field.Ref, "#/components/schemas/"); ok {
			field.Type = all[referred].Type
		}
		fields[name] = field
	}
	for _, part := range s.AllOf {
		maps.Copy(fields, fieldsOf(part, all, depth+1))
	}
	return fields
}

var pathParameter = regexp.MustCompile(`\{([^}]*)\}`)

// fillPath puts values into the parameters of a path.
func fillPath(path string) string {
	return pathParameter.ReplaceAllStringFunc(path, func(parameter string) string {
		switch strings.Trim(parameter, "{}") {
		case "code":
			return "404"
		case "name":
			return "documented"
		case "number":
			return "7"
		default:
			return "attacked"
		}
	})
}

var trusting = &http.Client{
	Timeout:   20 * time.Second,
	Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
}

func (g *target) mustJSON(t *testing.T, base, method, path, body string, into any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := trusting.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: %d %s, %v", method, path, response.StatusCode, text, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// check returns an error if a response is not in the documented table, is a 5xx that no
// backend caused, or is an error without the documented body.
func (g *target) check(method, path string, response *http.Response, body []byte) error {
	status := response.StatusCode
	if !slices.Contains(conformance.DocumentedRows(), status) {
		return fmt.Errorf("%s %.80s: the status %d is not in the documented table: %.200s", method, path, status, body)
	}
	if status < http.StatusBadRequest {
		return nil
	}
	if status >= http.StatusInternalServerError && (status != http.StatusServiceUnavailable || !bytes.Contains(body, []byte(`"SERVICE_OVERLOADED"`))) {
		return fmt.Errorf("%s %.80s: no backend caused this %d: %.300s", method, path, status, body)
	}
	got := &conformance.Answer{
		Transport: conformance.OverHTTP1, Status: status, Header: response.Header.Clone(), Body: body, Length: len(body),
	}
	if response.ContentLength >= 0 && method != http.MethodHead {
		got.Header.Set("Content-Length", strconv.FormatInt(response.ContentLength, 10))
	}
	if err := g.invariants.Check(&conformance.Message{Method: method, Target: path}, got); err != nil {
		return fmt.Errorf("%s %.80s: %d: %w", method, path, status, err)
	}
	return nil
}

// credentials returns the attackers' Authorization field for routes that need a user, and
// nothing for others, which count the address.
func (g *target) credentials(path string) []string {
	if strings.HasPrefix(path, "/v1/") && !strings.HasPrefix(path, "/v1/status") && !strings.HasPrefix(path, "/v1/polic") {
		return []string{"Authorization: Bearer " + g.attackerToken}
	}
	return nil
}

// certificateFiles writes a certificate for loopback and its key.
func certificateFiles(t *testing.T) (certificate, key string) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	secret, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, block := range map[string]*pem.Block{
		"certificate.pem": {Type: "CERTIFICATE", Bytes: server.Certificate().Raw},
		"key.pem":         {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "certificate.pem"), filepath.Join(folder, "key.pem")
}
