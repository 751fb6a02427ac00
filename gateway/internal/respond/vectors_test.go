package respond_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
)

// vectorsFile shows the results of this mapping to its ports in other languages.
const vectorsFile = "../../../proto/vectors/mapping.json"

// vectorsVersion grows whenever a vector changes or goes, and not when one comes.
const vectorsVersion = 1

// The configuration of the vectors' responder, without its policy.
const (
	vectorsURL   = "https://api.example.com"
	vectorsRealm = "example"
)

// A vector is a status, a request, a policy, and the response. proto/vectors/README.md
// describes its fields.
type vector struct {
	Name    string          `json:"name"`
	Policy  string          `json:"policy"`
	Status  json.RawMessage `json:"status"`
	Wire    []byte          `json:"wire"`
	Request vectorRequest   `json:"request"`
	Answer  vectorAnswer    `json:"answer"`
}

type vectorRequest struct {
	Method         string   `json:"method"`
	Path           string   `json:"path,omitempty"`
	BodyField      string   `json:"bodyField,omitempty"`
	Accept         []string `json:"accept,omitempty"`
	AcceptLanguage []string `json:"acceptLanguage,omitempty"`
	Conditional    bool     `json:"conditional,omitempty"`
	Credentials    bool     `json:"credentials,omitempty"`
	RequestID      string   `json:"requestId,omitempty"`
	TraceID        string   `json:"traceId,omitempty"`
}

type vectorAnswer struct {
	Status  int               `json:"status"`
	Rule    string            `json:"rule"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body,omitempty"`
}

// TestVectors compares the file with the core, or writes it again with -update.
func TestVectors(t *testing.T) {
	t.Parallel()
	text := encodeVectors(t)
	if *update {
		if err := os.WriteFile(vectorsFile, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatalf("run the test with -update once: %v", err)
	}
	// By line, because a line is a vector.
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(text), "\n")); diff != "" {
		t.Errorf("%s is stale: run the test with -update (-file +core):\n%s", vectorsFile, diff)
	}
}

// encodeVectors is the file: JSON with a line for each policy and each vector.
func encodeVectors(t *testing.T) []byte {
	t.Helper()
	var policies, vectors [][]byte
	responders := map[string]*respond.Responder{}
	for _, table := range vectorTables(t) {
		policy, err := jsoncodec.Marshal(table.Policy())
		if err != nil {
			t.Fatal(err)
		}
		policies = append(policies, policy)
		responders[table.Name()], err = respond.New(respond.Params{
			Table: table, PublicURL: vectorsURL, Realm: vectorsRealm, Gzip: false,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	names := map[string]bool{}
	for _, one := range allVectorCases(t) {
		for _, policy := range one.policies {
			name := policy + ": " + one.name
			if names[name] {
				t.Errorf("there are two vectors %q", name)
			}
			names[name] = true
			vectors = append(vectors, encodeJSON(t, one.vector(t, name, responders[policy])))
		}
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\"version\": %d, \"publicUrl\": %q, \"realm\": %q,\n\"policies\": [\n", vectorsVersion, vectorsURL, vectorsRealm)
	out.Write(bytes.Join(policies, []byte(",\n")))
	out.WriteString("\n],\n\"vectors\": [\n")
	out.Write(bytes.Join(vectors, []byte(",\n")))
	out.WriteString("\n]}\n")
	return out.Bytes()
}

// vector returns the vector of a case.
func (c vectorCase) vector(t *testing.T, name string, responder *respond.Responder) vector {
	t.Helper()
	v := vector{Name: name, Policy: responder.Table().Name(), Status: c.statusJSON(t), Wire: c.wire(t), Request: c.request}
	if v.Request.Method == "" {
		v.Request.Method = http.MethodGet
	}
	ranges, err := rfc9110.ParseAccept(c.request.Accept)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if c.status.GetCode() == 0 {
		// The same as MappingService for a status that is not an error.
		decision := responder.Table().Decide(policy.Input{})
		v.Answer = vectorAnswer{Status: decision.Status(), Rule: decision.Rule.GetName(), Headers: map[string]string{}}
		return v
	}
	answer := responder.Render(&respond.Failure{Status: c.status}, respond.Request{
		Method: v.Request.Method, Path: c.request.Path, BodyField: c.request.BodyField, Accept: ranges, Languages: c.request.AcceptLanguage,
		Conditional: c.request.Conditional, Credentials: c.request.Credentials, RequestID: c.request.RequestID, TraceID: c.request.TraceID,
	})
	v.Answer = vectorAnswer{
		Status: answer.Decision.Status(), Rule: answer.Decision.Rule.GetName(), Headers: map[string]string{}, Body: shortest(answer.Body),
	}
	for field, values := range answer.Header {
		v.Answer.Headers[strings.ToLower(field)] = strings.Join(values, ", ")
	}
	if v.Request.Method == http.MethodHead {
		v.Answer.Body = ""
	}
	return v
}

// wire returns the status as a backend sends it. grpc-status-details-bin cannot contain a
// message that is not UTF-8. Only grpc-message can, so such a status has no details.
func (c vectorCase) wire(t *testing.T) []byte {
	t.Helper()
	if !utf8.ValidString(c.status.GetMessage()) {
		wire := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(c.status.GetCode()))
		return protowire.AppendString(protowire.AppendTag(wire, 2, protowire.BytesType), c.status.GetMessage())
	}
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(c.status)
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	return wire
}

// statusJSON is the status as a reader wants it.
func (c vectorCase) statusJSON(t *testing.T) json.RawMessage {
	t.Helper()
	shown := map[string]any{"code": c.status.GetCode(), "message": c.status.GetMessage()}
	var details []json.RawMessage
	for _, detail := range c.status.GetDetails() {
		details = append(details, json.RawMessage(shortest(jsoncodec.MarshalAny(detail))))
	}
	if details != nil {
		shown["details"] = details
	}
	return encodeJSON(t, shown)
}

func encodeJSON(t *testing.T, value any) []byte {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return []byte(shortest(bytes.TrimSuffix(out.Bytes(), []byte("\n"))))
}

// shortest writes the strings of a JSON text in their shortest form (RFC 8259 §7), as
// most languages do: encoding/json escapes a few characters for the sake of HTML.
func shortest(text []byte) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out.WriteByte(text[i])
			continue
		}
		escape := string(text[i : i+min(len(text)-i, len(`\u2028`))])
		switch escape {
		case `\u003c`, `\u003e`, `\u0026`, `\u2028`, `\u2029`, `\ufffd`:
			var plain string
			_ = json.Unmarshal([]byte(`"`+escape+`"`), &plain) // It is one of six.
			out.WriteString(plain)
			i += len(escape) - 1
		default:
			out.WriteString(escape[:2])
			i++
		}
	}
	return out.String()
}

// vectorCase is what vectors are made of.
type vectorCase struct {
	name     string
	policies []string
	status   *spb.Status
	request  vectorRequest
}
