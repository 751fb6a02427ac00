package checklist_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/policy"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/conformance"
)

// wire sends a gRPC request as HTTP/2 alone and returns what is on the wire: the
// status, and the trailers, which are the headers where there is nothing else.
func wire(t *testing.T, s *apptest.Server, method, user string, message proto.Message) (int, http.Header) {
	t.Helper()
	content, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	framed := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(content))), content...)
	return grpcPost(t, s, method, "application/grpc", user, framed)
}

// grpcPost posts to the gRPC port.
func grpcPost(t *testing.T, s *apptest.Server, method, contentType, user string, content []byte) (int, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.App.GRPCAddr()+"/"+method, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Content-Type": {contentType}, "Te": {"trailers"}}
	if user != "" {
		r.Header.Set("Authorization", "Bearer "+s.Tokens[user])
	}
	response, err := s.HTTP2().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if len(response.Trailer) > 0 {
		return response.StatusCode, response.Trailer
	}
	return response.StatusCode, response.Header
}

const (
	getEntity    = "entity.v1.EntityService/GetEntity"
	createEntity = "entity.v1.EntityService/CreateEntity"
)

// checklist: GRPC-03, GRPC-05, GRPC-06, GRPC-09
func TestStatusOnTheWire(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	entity := func(id, name string) *entityv1.CreateEntityRequest {
		return &entityv1.CreateEntityRequest{Entity: &entityv1.Entity{Id: id, DisplayName: name}}
	}
	for name, test := range map[string]struct {
		method, user string
		message      proto.Message
		code         codes.Code
	}{
		"OK":                {getEntity, "viewer", &entityv1.GetEntityRequest{Id: "cup"}, codes.OK},
		"a stream":          {"entity.v1.EntityService/ExportEntities", "viewer", &entityv1.ExportEntitiesRequest{}, codes.OK},
		"nobody":            {getEntity, "", &entityv1.GetEntityRequest{Id: "cup"}, codes.Unauthenticated},
		"nobody, missing":   {getEntity, "", &entityv1.GetEntityRequest{Id: "none"}, codes.Unauthenticated},
		"another group":     {getEntity, "viewer", &entityv1.GetEntityRequest{Id: "ledger"}, codes.PermissionDenied},
		"missing":           {getEntity, "viewer", &entityv1.GetEntityRequest{Id: "none"}, codes.NotFound},
		"not allowed":       {createEntity, "viewer", entity("", "x"), codes.PermissionDenied},
		"taken":             {createEntity, "editor", entity("cup", "x"), codes.AlreadyExists},
		"invalid":           {createEntity, "editor", entity("", ""), codes.InvalidArgument},
		"invalid, not text": {createEntity, "editor", entity("naïve\t100%", "x"), codes.InvalidArgument},
		"out of range":      {"entity.v1.EntityService/ListEntities", "viewer", &entityv1.ListEntitiesRequest{PageSize: 1001}, codes.InvalidArgument},
		"no such method":    {"entity.v1.EntityService/Brew", "viewer", &entityv1.GetEntityRequest{}, codes.Unimplemented},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answered, trailer := wire(t, s, test.method, test.user, test.message)
			number := trailer.Values("Grpc-Status")
			if answered != 200 || len(number) != 1 || number[0] != strconv.Itoa(int(test.code)) {
				t.Fatalf("HTTP %d with grpc-status %q, want %d", answered, number, test.code)
			}
			if message := trailer.Get("Grpc-Message"); !regexp.MustCompile(`^([ -$&-~]|%[0-9A-F]{2})*$`).MatchString(message) {
				t.Errorf("grpc-message is %q", message)
			}
			details := trailer.Values("Grpc-Status-Details-Bin")
			if test.code == codes.OK || test.code == codes.Unimplemented {
				if len(details) > 0 {
					t.Errorf("grpc-status-details-bin with %s", test.code)
				}
				return
			}
			if len(details) != 1 {
				t.Fatalf("grpc-status-details-bin is %q", details)
			}
			sameStatus(t, details[0], test.code, trailer.Get("Grpc-Message"))
		})
	}
}

// sameStatus holds grpc-status-details-bin to the two fields beside it.
func sameStatus(t *testing.T, details string, code codes.Code, message string) {
	t.Helper()
	raw, err := base64.RawStdEncoding.DecodeString(details)
	if err != nil {
		t.Fatalf("grpc-status-details-bin is %q: %v", details, err)
	}
	var sent spb.Status
	if err := proto.Unmarshal(raw, &sent); err != nil {
		t.Fatalf("grpc-status-details-bin: %v", err)
	}
	if sent.GetCode() != int32(code) || unescape(message) != sent.GetMessage() {
		t.Errorf("the details are of %d %q, and grpc-status is %d %q", sent.GetCode(), sent.GetMessage(), code, message)
	}
}

// unescape is grpc-message without its percent-encoding.
func unescape(message string) string {
	return regexp.MustCompile(`%[0-9A-F]{2}`).ReplaceAllStringFunc(message, func(escaped string) string {
		octet, err := strconv.ParseUint(escaped[1:], 16, 8)
		if err != nil {
			return escaped
		}
		return string([]byte{byte(octet)})
	})
}

// checklist: 415-08
func TestWrongContentTypeOnGRPC(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	for contentType, status := range map[string]int{
		"application/json": 415, "text/plain": 415, "": 415, "application/grpcweb": 415,
		"application/grpc": 200, "application/grpc+proto": 200, "application/grpc;x=y": 200,
	} {
		if got, _ := grpcPost(t, s, getEntity, contentType, "viewer", make([]byte, 5)); got != status {
			t.Errorf("%q is answered %d, want %d", contentType, got, status)
		}
	}
}

// A hundred violations are too much for the 8 KiB of header fields that clients take
// by default (PROTOCOL-HTTP2), unless they are few.
//
// checklist: GRPC-06
func TestManyViolations(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	many := &entityv1.ImportEntitiesRequest{}
	for range 100 {
		many.Entities = append(many.Entities, &entityv1.Entity{Group: "NOT A GROUP"})
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+s.Tokens["editor"])
	_, err := entityv1.NewEntityServiceClient(s.GRPC).ImportEntities(ctx, many)
	got := status.Convert(err)
	if got.Code() != codes.InvalidArgument || apptest.ErrorInfo(got) == nil {
		t.Fatalf("got %v", got)
	}
	shown := 0
	for _, detail := range got.Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			shown = len(bad.GetFieldViolations())
		}
	}
	if shown < 20 || shown == 100 || apptest.ErrorInfo(got).GetMetadata()["violations"] != "100" {
		t.Errorf("%d violations are shown, and the metadata is %v", shown, apptest.ErrorInfo(got).GetMetadata())
	}
	_, trailer := wire(t, s, "entity.v1.EntityService/ImportEntities", "editor", many)
	size := 0
	for name, values := range trailer {
		for _, value := range values {
			size += len(name) + len(value) + 32
		}
	}
	if size > 8<<10 {
		t.Errorf("the trailers have %d octets", size)
	}
	// HTTP's body has room for all of them.
	entities := make([]any, 100)
	for i := range entities {
		entities[i] = map[string]any{"displayName": "x", "group": "NOT A GROUP"}
	}
	var all conformance.ProblemBody
	refused := s.Do(t, "editor", apptest.Post(importURL, map[string]any{"entities": entities}))
	if err := json.Unmarshal(refused.Body, &all); err != nil || refused.Status != 400 || len(all.Errors) != 100 {
		t.Errorf("over HTTP %d with %d violations: %v", refused.Status, len(all.Errors), err)
	}
}

// The table for clients that got no grpc-status is nowhere read backwards.
//
// checklist: GRPC-02, 400-11
func TestStatusesAreNotTheClientsTable(t *testing.T) {
	t.Parallel()
	clients := map[codes.Code]int{codes.Internal: 400, codes.Unimplemented: 404, codes.Unavailable: 429, codes.Unknown: 418}
	for _, name := range []string{policy.Documented, policy.Canonical} {
		table, err := policy.Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		decide := func(code codes.Code) int { return table.Decide(policy.Input{Code: int32(code)}).Status() }
		for code, wrong := range clients {
			if got := decide(code); got == wrong || got < 500 {
				t.Errorf("%s: %s becomes %d", name, code, got)
			}
		}
		failed := map[string]int{policy.Documented: 409, policy.Canonical: 400}[name]
		if decide(codes.InvalidArgument) != 400 || decide(codes.OutOfRange) != 400 || decide(codes.FailedPrecondition) != failed {
			t.Errorf("%s: %d, %d, %d", name, decide(codes.InvalidArgument), decide(codes.OutOfRange), decide(codes.FailedPrecondition))
		}
	}
}

// Every error that the cases bring about on a plain server has each type of detail
// once, and what its message says of this one request is in the metadata too.
//
// checklist: ERR-04, ERR-05, ERR-06
func TestDetailsOfEveryError(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	quoted := regexp.MustCompile(`"(?:[^"\\]|\\.)+"|[0-9]{2,}`)
	read := 0
	for _, c := range apptest.LoadCases(t) {
		if c.Variant() != "default" || !c.Runs(conformance.OverHTTP1) || c.Response.Status < 400 || c.Request.IsHead() || c.Race != nil {
			continue
		}
		c.After = nil
		r, err := s.RunHTTP(t.Context(), c, conformance.OverHTTP1)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		var got conformance.ProblemBody
		if err := json.Unmarshal(r.Answer.Body, &got); err != nil || got.Type == "" {
			continue // another shape
		}
		read++
		checkInfo(t, c.Name, got)
		types := conformance.TypesOf(got.Details)
		slices.Sort(types)
		if len(slices.Compact(slices.Clone(types))) != len(types) {
			t.Errorf("%s: a type of detail comes twice: %q", c.Name, types)
		}
		var metadata strings.Builder
		for name, value := range got.Metadata {
			metadata.WriteString(name + " " + value + "\n")
		}
		for _, one := range got.Errors {
			metadata.WriteString(one.Pointer + " " + one.Detail + "\n")
		}
		said := metadata.String()
		for _, part := range quoted.FindAllString(strings.ReplaceAll(got.Detail, "RFC 8259", ""), -1) {
			if plain, err := strconv.Unquote(part); err == nil && part[0] == '"' {
				part = plain
			}
			if !strings.Contains(said, part) {
				t.Errorf("%s: %q says %q, and the metadata does not: %q", c.Name, got.Detail, part, said)
			}
		}
		for _, detail := range got.Details {
			checkHelpful(t, c.Name, detail)
		}
	}
	if read < 100 {
		t.Errorf("only %d errors were read", read)
	}
}

var (
	reasonPattern   = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$`)
	metadataPattern = regexp.MustCompile(`^[a-z][a-zA-Z0-9_-]{1,63}$`)
)

// checkInfo holds ErrorInfo to what AIP-193 and error_details.proto ask of it.
func checkInfo(t *testing.T, name string, got conformance.ProblemBody) {
	t.Helper()
	// Of a failure of the server's own the details are left out, unless it speaks on purpose.
	if redacted := got.Status >= 500 && got.Reason == ""; !redacted && (!reasonPattern.MatchString(got.Reason) || got.Domain == "") {
		t.Errorf("%s: the reason is %q of %q", name, got.Reason, got.Domain)
	}
	for key := range got.Metadata {
		if !metadataPattern.MatchString(key) {
			t.Errorf("%s: the metadata has the key %q", name, key)
		}
	}
	for _, one := range got.Errors {
		if !reasonPattern.MatchString(one.Reason) || one.Detail == "" {
			t.Errorf("%s: a violation is %v", name, one)
		}
	}
}

// checkHelpful holds the details for people to what AIP-193 asks of them.
func checkHelpful(t *testing.T, name string, detail json.RawMessage) {
	t.Helper()
	var one struct {
		Type    string `json:"@type"`
		Locale  string `json:"locale"`
		Message string `json:"message"`
		Links   []struct {
			URL string `json:"url"`
		} `json:"links"`
	}
	if err := json.Unmarshal(detail, &one); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if strings.HasSuffix(one.Type, "LocalizedMessage") && (one.Locale == "" || one.Message == "") {
		t.Errorf("%s: %s", name, detail)
	}
	for _, link := range one.Links {
		if !strings.HasPrefix(link.URL, "https://") {
			t.Errorf("%s: Help links to %q", name, link.URL)
		}
	}
}
