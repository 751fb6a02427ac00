package conformance

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The ways in which a case is run.
const (
	OverHTTP1 = "http1" // HTTP/1.1, byte by byte on a connection of its own
	OverH2C   = "h2c"   // HTTP/2 without TLS, by net/http's client
	OverGRPC  = "grpc"  // a gRPC client
)

// A Case is one file. Its texts may hold variables such as ${id}; see [Variables].
type Case struct {
	// The case tests this exchange.
	Exchange `yaml:",inline"`

	// Name is the file's, without its extension. It begins with the row.
	Name string `yaml:"-"`
	// Title is a sentence that says what the case tests.
	Title string `yaml:"title"`
	// Row is the row of the documented table that the case shows. On
	// POST /v1/statuses:map it is the status that is described.
	Row int `yaml:"row"`
	// Checklist names the items of the HTTP checklist that the case covers.
	Checklist []string `yaml:"checklist,omitempty"`
	// Server is the variant of the server; empty means "default".
	Server string `yaml:"server,omitempty"`
	// Transports limits the case to some of the ways, with the reason.
	Transports *Limitation `yaml:"transports,omitempty"`
	// Policies limits the case to some of the built-in policies, with the reason.
	Policies *Limitation `yaml:"policies,omitempty"`
	// Varies says why the bodies over HTTP/1.1 and HTTP/2 are not the same.
	Varies string `yaml:"varies,omitempty"`

	// Before prepares the case.
	Before []Exchange `yaml:"before,omitempty"`
	// After checks the effects of the exchange.
	After []Exchange `yaml:"after,omitempty"`
	// GRPC is the same call by a gRPC client. It runs with the same Before and After.
	GRPC *Call `yaml:"grpc,omitempty"`
}

// A Limitation restricts a case to some transports, policies or variants, for a reason.
type Limitation struct {
	Only    []string `yaml:"only,omitempty"`
	Because string   `yaml:"because,omitempty"`
}

// An Exchange is one request and its expected response.
type Exchange struct {
	// As is the user: viewer, editor, admin, or empty for nobody.
	As string `yaml:"as,omitempty"`
	// Request is the request to send.
	Request Request `yaml:"request"`
	// Response is the expected response. Without a status, Before and After accept any
	// success.
	Response Response `yaml:"response"`
	// Eventually repeats the request until the response is right.
	Eventually bool `yaml:"eventually,omitempty"`
	// Race sends the request many times at once.
	Race *Race `yaml:"race,omitempty"`
}

// A Race is one request sent many times at once, of which some succeed.
type Race struct {
	Times int `yaml:"times,omitempty"`
	// Winners is how many responses are as Response says.
	Winners int `yaml:"winners,omitempty"`
	// Losers is the expected response of all others.
	Losers Response `yaml:"losers,omitempty"`
}

// A Request is either a method and a target with headers and a body, or raw.
type Request struct {
	Method string `yaml:"method,omitempty"`
	// Target is sent as it is written, percent-encoding and all.
	Target string `yaml:"target,omitempty"`
	// Headers are pairs, so that one name can come twice.
	Headers [][2]string `yaml:"headers,omitempty"`
	// JSON is a body; it brings Content-Type: application/json, unless Headers have one.
	JSON *JSON `yaml:"json,omitempty"`
	// Text is a body as it is written. It brings no Content-Type.
	Text *string `yaml:"text,omitempty"`
	// Chunked sends the body without its length.
	Chunked bool `yaml:"chunked,omitempty"`
	// Stalled announces one byte more than the body has, and never sends it.
	Stalled bool `yaml:"stalled,omitempty"`
	// Cut announces one byte more than the body has, and closes.
	Cut bool `yaml:"cut,omitempty"`
	// Steps is a body in pieces, and what the client does between them. A
	// body that stays open after the last step is also Stalled.
	Steps []Step `yaml:"steps,omitempty"`
	// Leaves has the client leave after the last step: it closes the connection over
	// HTTP/1.1, and cancels the stream over HTTP/2. The response is compared only if it
	// names a status, and only as far as it has come.
	Leaves bool `yaml:"leaves,omitempty"`

	// Raw are the lines of a whole request, which CRLF is put between; for what no
	// HTTP client would send. Only over HTTP/1.1.
	Raw []string `yaml:"raw,omitempty"`
}

// A Step is one thing that a client does while a request is under way.
type Step struct {
	// Send is the next piece of the body. The body ends with its last piece, which may be
	// empty, unless the request is Stalled.
	Send *string `yaml:"send,omitempty"`
	// Pause is a number of milliseconds in which the client does nothing.
	Pause int `yaml:"pause,omitempty"`
	// Await is a regular expression. The client waits until the response has begun and
	// all of its content that has come so far matches.
	Await *string `yaml:"await,omitempty"`
	// Meanwhile is another exchange, on a connection of its own.
	Meanwhile *Exchange `yaml:"meanwhile,omitempty"`
}

// IsHead reports whether the response has no content.
func (r Request) IsHead() bool {
	return r.Method == "HEAD" || len(r.Raw) > 0 && strings.HasPrefix(r.Raw[0], "HEAD ")
}

// A Response is an expected response. The [Invariants] check everything that it does not
// name.
type Response struct {
	// Status is the response's status under the documented policy.
	Status int `yaml:"status"`
	// Canonical is the status by the canonical policy; 0 means the same.
	Canonical int `yaml:"canonical,omitempty"`
	// Headers are values; the lines of one name are joined by ", ".
	Headers map[string]string `yaml:"headers,omitempty"`
	// Matches are regular expressions for the whole values.
	Matches map[string]string `yaml:"matches,omitempty"`
	// Absent are names of headers.
	Absent []string `yaml:"absent,omitempty"`
	// Continued means that 100 (Continue) came before the response.
	Continued bool `yaml:"continued,omitempty"`
	// Cut means that the server breaks off before the content ends: it closes the
	// connection without a last chunk over HTTP/1.1, and resets the stream over HTTP/2.
	Cut bool `yaml:"cut,omitempty"`
	// Raw means that the content is the bytes of a google.api.HttpBody, which need not be
	// JSON.
	Raw bool `yaml:"raw,omitempty"`
	// Problem is the expected application/problem+json.
	Problem *Problem `yaml:"problem,omitempty"`
	// Body is the expected body if the response is not a problem.
	Body *Body `yaml:"body,omitempty"`
	// Capture puts parts of the response into variables: header:NAME or a JSON pointer.
	Capture map[string]string `yaml:"capture,omitempty"`
}

// A Problem is the part of an error that clients branch on.
type Problem struct {
	Code   string `yaml:"code,omitempty"`
	Reason string `yaml:"reason,omitempty"`
	Domain string `yaml:"domain,omitempty"`
	// Detail is a regular expression for all of it; empty means any.
	Detail string `yaml:"detail,omitempty"`
	// Metadata is all of it; absent means any.
	Metadata map[string]string `yaml:"metadata,omitempty"`
	// Errors are all of them; absent means that there are none.
	Errors []Violation `yaml:"errors,omitempty"`
	// RetryAfter is a number of seconds; absent means that there is none.
	RetryAfter int `yaml:"retryAfter,omitempty"`
	// Details are the types of all details, without their prefix; absent means any.
	Details []string `yaml:"details,omitempty"`
}

// A Violation is one of the errors of a problem.
type Violation struct {
	Pointer string `yaml:"pointer,omitempty"`
	Reason  string `yaml:"reason,omitempty"`
}

// A Body is the expected content of a success.
type Body struct {
	// JSON has to be part of it: objects may have more members, except for an empty one,
	// which has none; arrays may not have more items.
	JSON *JSON `yaml:"json,omitempty"`
	// Matches are regular expressions by JSON pointer.
	Matches map[string]string `yaml:"matches,omitempty"`
	// Absent are JSON pointers that lead to nothing.
	Absent []string `yaml:"absent,omitempty"`
	// Frames has to be part of the messages of a stream: the lines of
	// application/x-ndjson, the elements of a JSON array, or the data of server-sent
	// events. There are no others.
	Frames []JSON `yaml:"frames,omitempty"`
	// Text is all of it; Pattern is a regular expression for all of it; Lacks are texts
	// that are nowhere in it.
	Text    *string  `yaml:"text,omitempty"`
	Pattern string   `yaml:"pattern,omitempty"`
	Lacks   []string `yaml:"lacks,omitempty"`
}

// A Call is an exchange over gRPC.
type Call struct {
	// Method is package.Service/Method.
	Method string `yaml:"method,omitempty"`
	// Request is the message as JSON.
	Request *JSON `yaml:"request"`
	// Metadata are pairs.
	Metadata [][2]string `yaml:"metadata,omitempty"`
	// Code is the name of the gRPC code; empty means OK.
	Code string `yaml:"code,omitempty"`
	// Reason and Domain are those of ErrorInfo.
	Reason string `yaml:"reason,omitempty"`
	Domain string `yaml:"domain,omitempty"`
	// Details are the types of all details, without their prefix; absent means any.
	Details []string `yaml:"details,omitempty"`
	// Response has to be part of the message, or of the list of a stream's messages.
	Response *JSON `yaml:"response"`
	// Headers are response metadata, by key; "" means that there is none.
	Headers map[string]string `yaml:"headers,omitempty"`
	// Capture puts parts of the message into variables, by JSON pointer.
	Capture map[string]string `yaml:"capture,omitempty"`
}

// JSON is any value of it; null is one too.
type JSON struct{ Value any }

// MarshalYAML writes the value alone.
func (j *JSON) MarshalYAML() (any, error) { return j.Value, nil }

// UnmarshalYAML keeps the value unchanged.
func (j *JSON) UnmarshalYAML(node *yaml.Node) error {
	if err := node.Decode(&j.Value); err != nil {
		return fmt.Errorf("a value of JSON: %w", err)
	}
	return nil
}
