package app_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

// newLogger logs all that there is.
func newLogger(to io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// lines are those of the log.
func (s *server) lines(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	for text := range strings.Lines(s.log.String()) {
		line := map[string]any{}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Errorf("%v: %s", err, text)
		}
		all = append(all, line)
	}
	return all
}

// checkLog holds the log of every server that a test has used to what it promises: one
// line a request, which tells no token.
func (s *server) checkLog(t *testing.T) {
	t.Helper()
	seen := map[any]bool{}
	for _, line := range s.lines(t) {
		if line["msg"] != "request" {
			continue
		}
		for _, name := range []string{"requestId", "method", "status", "code", "milliseconds"} {
			if line[name] == nil || line[name] == "" {
				t.Errorf("a line without %s: %v", name, line)
			}
		}
		seen[line["requestId"]] = true
	}
	if len(seen) == 0 {
		t.Error("no request was logged")
	}
	text := s.log.String()
	for user, token := range s.tokens {
		if strings.Contains(text, token) {
			t.Errorf("the log tells the token of %s", user)
		}
	}
	if password := s.app.Start.AdminPassword; password != "" && strings.Contains(text, password) {
		t.Error("the log tells the password")
	}
}

// secret is what a client may put anywhere, and no log may tell.
const secret = "tell-nobody"

// secretRequests have the secret in every part that a client chooses.
func secretRequests() map[string]conformance.Request {
	type headers = [][2]string
	thing := map[string]any{"id": secret, "displayName": secret, "attributes": map[string]any{secret: secret}}
	all := map[string]conformance.Request{
		"a path":             get("/v1/entities/" + secret),
		"a path of no route": get("/" + secret + "/" + secret),
		"a path of escapes":  get("/v1/entities/" + secret + "%zz"),
		"a retired path":     get("/v0/" + secret),
		"a query":            get("/v1/entities?pageToken=" + secret),
		"a parameter's name": get("/v1/entities?" + secret + "=1"),
		"a query of a page":  get("/readyz?token=" + secret),
		"a method":           {Method: strings.ToUpper(secret), Target: "/v1/entities"},
		"a password":         {Method: "POST", Target: "/v1/sessions", JSON: asJSON(map[string]any{"username": "editor", "password": secret})},
		"a user":             {Method: "POST", Target: "/v1/sessions", JSON: asJSON(map[string]any{"username": secret, "password": "demo"})},
		"a session":          {Method: "DELETE", Target: "/v1/sessions/" + secret},
		"a body":             {Method: "POST", Target: "/v1/entities", JSON: asJSON(thing)},
		"an id":              {Method: "PUT", Target: "/v1/entities/" + secret, JSON: asJSON(map[string]any{"displayName": secret})},
		"a field's name":     {Method: "POST", Target: "/v1/entities", JSON: asJSON(map[string]any{secret: secret})},
		"a body that is cut": {Method: "POST", Target: "/v1/entities", Headers: headers{{"Content-Type", "application/json"}}, Text: new(`{"` + secret)},
		"an import":          {Method: "POST", Target: "/v1/entities:import", JSON: asJSON(map[string]any{"entities": []any{thing}})},
		"a status": {Method: "POST", Target: "/v1/statuses:map", JSON: asJSON(map[string]any{
			"status": map[string]any{"code": 13, "message": secret, "details": []any{map[string]any{
				"@type": "type.googleapis.com/google.rpc.ErrorInfo", "domain": secret, "reason": secret,
			}}},
		})},
		"bytes that are no request": {Raw: []string{secret + " " + secret, "Host: " + secret, "", ""}},
		"a field that is none":      {Raw: []string{"GET / HTTP/1.1", "Host: x", secret + " : " + secret, "", ""}},
		"a version":                 {Raw: []string{"GET /" + secret + " HTTP/9.9", "Host: x", "", ""}},
		"a host":                    {Raw: []string{"GET /v1/entities HTTP/1.1", "Host: " + secret, "Connection: close", "", ""}},
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer " + secret, "Cookie": secret + "=" + secret, "Accept": secret, "Accept-Language": secret, "Accept-Encoding": secret,
		"Content-Type": secret, "Content-Encoding": secret, "Idempotency-Key": `"` + secret + `"`, "If-Match": `"` + secret + `"`, "If-None-Match": secret,
		"If-Modified-Since": secret, "Prefer": secret, "Expect": secret, "Forwarded": "for=" + secret, "X-Forwarded-For": secret, "Origin": secret,
		"Traceparent": "00-" + secret, "Tracestate": secret + "=" + secret, "Baggage": secret + "=" + secret, "User-Agent": secret, "Referer": secret,
		"X-Request-Id": secret + "?", "Grpc-Timeout": secret, "Grpc-Metadata-X": secret, "X-" + secret: secret,
	} {
		all["the field "+name] = conformance.Request{
			Method: "POST", Target: "/v1/entities", Headers: headers{{name, value}}, JSON: asJSON(map[string]any{"displayName": "A thing"}),
		}
	}
	return all
}

// What a client sends stands in no log, at no level, whether the request succeeds, is
// refused or fails for a fault of the server's.
func TestLogKeepsSecrets(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) *server{
		"in process":   func(t *testing.T) *server { t.Helper(); return serve(t, nil, nil, time.Now) },
		"broken store": func(t *testing.T) *server { t.Helper(); return start(t, "broken-store") },
		"proxied":      func(t *testing.T) *server { t.Helper(); return startProxy(t, serve(t, nil, nil, time.Now)) },
		"full": func(t *testing.T) *server {
			t.Helper()
			return serve(t, func(c *config.Serve) { c.RateLimit = "4/1h" }, nil, time.Now)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			user := "admin"
			for part, one := range secretRequests() {
				for _, token := range []string{"", s.tokens[user]} {
					m, err := conformance.Prepare(one, conformance.Variables{"token": token})
					if err != nil {
						t.Fatal(err)
					}
					if _, err := s.Send(t.Context(), conformance.OverHTTP1, m); err != nil {
						t.Fatalf("%s: %v", part, err)
					}
				}
			}
			s.callWithSecrets(t, s.tokens[user])
			if text := strings.ToLower(s.log.String()); strings.Contains(text, secret) {
				for line := range strings.Lines(text) {
					if strings.Contains(line, secret) {
						t.Errorf("the log tells the secret: %s", line)
					}
				}
			}
		})
	}
}

// callWithSecrets calls over gRPC.
func (s *server) callWithSecrets(t *testing.T, token string) {
	t.Helper()
	entities, sessions := entityv1.NewEntityServiceClient(s.grpc), entityv1.NewSessionServiceClient(s.grpc)
	for _, authorization := range []string{"", "Bearer " + token, "Bearer " + secret} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", authorization, "x-request-id", secret+"?", "x-secret", secret, "if-match", secret)
		// What comes of it does not matter.
		_, _ = entities.GetEntity(ctx, &entityv1.GetEntityRequest{Id: secret})
		_, _ = entities.CreateEntity(ctx, &entityv1.CreateEntityRequest{Entity: &entityv1.Entity{Id: secret, DisplayName: secret}})
		_, _ = entities.ListEntities(ctx, &entityv1.ListEntitiesRequest{PageToken: secret})
		_, _ = sessions.CreateSession(ctx, &entityv1.CreateSessionRequest{Username: secret, Password: secret})
		if stream, err := entities.ExportEntities(ctx, &entityv1.ExportEntitiesRequest{}); err == nil {
			_, _ = stream.Recv()
		}
	}
}

// lineOf is the line of a request, which is written after its answer, or of a call.
func (s *server) lineOf(t *testing.T, message, id string) map[string]any {
	t.Helper()
	var found []map[string]any
	for deadline := time.Now().Add(conformance.EventuallyTimeout); len(found) == 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for _, line := range s.lines(t) {
			if line["requestId"] == id {
				found = append(found, line)
			}
		}
	}
	if len(found) != 1 || found[0]["msg"] != message {
		t.Fatalf("the lines of %s: %v", id, found)
	}
	return found[0]
}

// The cause of a 5xx, which no client is told, stands in the one line of its request:
// over REST, over gRPC, and behind the proxy in that of the server that knows it.
func TestLogTellsTheCause(t *testing.T) {
	t.Parallel()
	s := start(t, "broken-store")
	proxied := startProxy(t, s)
	const cause = "no such table: entities"
	for transport, ask := range map[string]func(id string) (*server, string){
		"rest": func(id string) (*server, string) {
			s.mustBe500(t, id)
			return s, "request"
		},
		"grpc": func(id string) (*server, string) {
			ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+s.tokens["admin"], "x-request-id", id)
			if _, err := entityv1.NewEntityServiceClient(s.grpc).GetEntity(ctx, &entityv1.GetEntityRequest{Id: "e"}); err == nil {
				t.Error("the call did not fail")
			}
			return s, "call"
		},
	} {
		from, message := ask("cause-over-" + transport)
		line := from.lineOf(t, message, "cause-over-"+transport)
		text, _ := line["error"].(string)
		if line["level"] != "ERROR" || line["code"] != "INTERNAL" || !strings.Contains(text, cause) || line["rpc"] != "/entity.v1.EntityService/GetEntity" {
			t.Errorf("over %s: %v", transport, line)
		}
	}
	// The proxy logs to the same place here, so the id has two lines.
	proxied.mustBe500(t, "cause-proxied")
	kinds := map[any]string{}
	for deadline := time.Now().Add(conformance.EventuallyTimeout); len(kinds) < 2 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for _, line := range s.lines(t) {
			if line["requestId"] == "cause-proxied" {
				kinds[line["msg"]], _ = line["error"].(string)
			}
		}
	}
	if len(kinds) != 2 || !strings.Contains(kinds["call"], cause) || strings.Contains(kinds["request"], cause) {
		t.Errorf("proxied: %v", kinds)
	}
}

// mustBe500 reads an entity, which fails.
func (s *server) mustBe500(t *testing.T, id string) {
	t.Helper()
	m, err := conformance.Prepare(get("/v1/entities/e", [2]string{"X-Request-Id", id}), conformance.Variables{"token": s.tokens["admin"]})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Send(t.Context(), conformance.OverHTTP1, m)
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, got, 500, "")
}
