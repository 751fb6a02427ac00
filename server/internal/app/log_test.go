package app_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

// secret is what a client may put anywhere, and no log may tell.
const secret = "tell-nobody"

// secretRequests have the secret in every part that a client chooses.
func secretRequests() map[string]conformance.Request {
	type headers = [][2]string
	thing := map[string]any{"id": secret, "displayName": secret, "attributes": map[string]any{secret: secret}}
	all := map[string]conformance.Request{
		"a path":             apptest.Get("/v1/entities/" + secret),
		"a path of no route": apptest.Get("/" + secret + "/" + secret),
		"a path of escapes":  apptest.Get("/v1/entities/" + secret + "%zz"),
		"a retired path":     apptest.Get("/v0/" + secret),
		"a query":            apptest.Get("/v1/entities?pageToken=" + secret),
		"a parameter's name": apptest.Get("/v1/entities?" + secret + "=1"),
		"a query of a page":  apptest.Get("/readyz?token=" + secret),
		"a method":           {Method: strings.ToUpper(secret), Target: "/v1/entities"},
		"a password":         {Method: "POST", Target: "/v1/sessions", JSON: apptest.JSON(map[string]any{"username": "editor", "password": secret})},
		"a user":             {Method: "POST", Target: "/v1/sessions", JSON: apptest.JSON(map[string]any{"username": secret, "password": "demo"})},
		"a session":          {Method: "DELETE", Target: "/v1/sessions/" + secret},
		"a body":             {Method: "POST", Target: "/v1/entities", JSON: apptest.JSON(thing)},
		"an id":              {Method: "PUT", Target: "/v1/entities/" + secret, JSON: apptest.JSON(map[string]any{"displayName": secret})},
		"a field's name":     {Method: "POST", Target: "/v1/entities", JSON: apptest.JSON(map[string]any{secret: secret})},
		"a body that is cut": {Method: "POST", Target: "/v1/entities", Headers: headers{{"Content-Type", "application/json"}}, Text: new(`{"` + secret)},
		"an import":          {Method: "POST", Target: "/v1/entities:import", JSON: apptest.JSON(map[string]any{"entities": []any{thing}})},
		"a status": {Method: "POST", Target: "/v1/statuses:map", JSON: apptest.JSON(map[string]any{
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
			Method: "POST", Target: "/v1/entities", Headers: headers{{name, value}}, JSON: apptest.JSON(map[string]any{"displayName": "A thing"}),
		}
	}
	return all
}

// What a client sends is in no log, at no level, whether the request succeeds, is
// refused or fails for a fault of the server's.
func TestLogKeepsSecrets(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) *apptest.Server{
		"in process":   func(t *testing.T) *apptest.Server { t.Helper(); return apptest.Serve(t, nil, nil, time.Now) },
		"broken store": func(t *testing.T) *apptest.Server { t.Helper(); return apptest.Start(t, "broken-store") },
		"proxied": func(t *testing.T) *apptest.Server {
			t.Helper()
			return apptest.StartProxy(t, apptest.Serve(t, nil, nil, time.Now))
		},
		"full": func(t *testing.T) *apptest.Server {
			t.Helper()
			return apptest.Serve(t, func(c *config.Serve) { c.RateLimit = "4/1h" }, nil, time.Now)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			user := "admin"
			for part, one := range secretRequests() {
				for _, token := range []string{"", s.Tokens[user]} {
					m, err := conformance.Prepare(one, conformance.Variables{"token": token})
					if err != nil {
						t.Fatal(err)
					}
					if _, err := s.Send(t.Context(), conformance.OverHTTP1, m); err != nil {
						t.Fatalf("%s: %v", part, err)
					}
				}
			}
			callWithSecrets(t, s, s.Tokens[user])
			if text := strings.ToLower(s.Log.String()); strings.Contains(text, secret) {
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
func callWithSecrets(t *testing.T, s *apptest.Server, token string) {
	t.Helper()
	entities, sessions := entityv1.NewEntityServiceClient(s.GRPC), entityv1.NewSessionServiceClient(s.GRPC)
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

// lineOf is the line of a request, which is written after its response, or of a call.
func lineOf(t *testing.T, s *apptest.Server, message, id string) map[string]any {
	t.Helper()
	var found []map[string]any
	for deadline := time.Now().Add(conformance.EventuallyTimeout); len(found) == 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for _, line := range s.LogLines(t) {
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

// A 5xx does not tell the client its cause. The log line of the request contains it: over REST,
// over gRPC, and behind a proxy in the log of the server that failed.
func TestLogTellsTheCause(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, "broken-store")
	proxied := apptest.StartProxy(t, s)
	const cause = "no such table: entities"
	for transport, ask := range map[string]func(id string) (*apptest.Server, string){
		"rest": func(id string) (*apptest.Server, string) {
			mustBe500(t, s, id)
			return s, "request"
		},
		"grpc": func(id string) (*apptest.Server, string) {
			ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+s.Tokens["admin"], "x-request-id", id)
			if _, err := entityv1.NewEntityServiceClient(s.GRPC).GetEntity(ctx, &entityv1.GetEntityRequest{Id: "e"}); err == nil {
				t.Error("the call did not fail")
			}
			return s, "call"
		},
	} {
		from, message := ask("cause-over-" + transport)
		line := lineOf(t, from, message, "cause-over-"+transport)
		text, _ := line["error"].(string)
		if line["level"] != "ERROR" || line["code"] != "INTERNAL" || !strings.Contains(text, cause) || line["rpc"] != "/entity.v1.EntityService/GetEntity" {
			t.Errorf("over %s: %v", transport, line)
		}
	}
	// The proxy logs to the same place here, so the id has two lines.
	mustBe500(t, proxied, "cause-proxied")
	kinds := map[any]string{}
	for deadline := time.Now().Add(conformance.EventuallyTimeout); len(kinds) < 2 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for _, line := range s.LogLines(t) {
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
func mustBe500(t *testing.T, s *apptest.Server, id string) {
	t.Helper()
	m, err := conformance.Prepare(apptest.Get("/v1/entities/e", [2]string{"X-Request-Id", id}), conformance.Variables{"token": s.Tokens["admin"]})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Send(t.Context(), conformance.OverHTTP1, m)
	if err != nil {
		t.Fatal(err)
	}
	apptest.WantStatus(t, got, 500, "")
}
