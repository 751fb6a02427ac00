package app_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// casesFolder holds one file a case. The files are data and nothing else: whoever
// can send HTTP and gRPC can run them.
const casesFolder = "../../testdata/cases"

// The three ways in which a case is run.
const (
	overHTTP1 = "http1" // HTTP/1.1, byte by byte on a connection of its own
	overH2C   = "h2c"   // HTTP/2 without TLS, by net/http's client
	overGRPC  = "grpc"  // a gRPC client
)

// A testCase is one file. Its texts may hold variables such as ${id}; see [variables].
type testCase struct {
	// The exchange is what the case is about.
	exchange `yaml:",inline"`

	// Name is the file's, without its extension. It begins with the row.
	Name string `yaml:"-"`
	// Title says in a sentence what holds.
	Title string `yaml:"title"`
	// Row is the row of the documented table that the case shows. On
	// POST /v1/statuses:map it is the status that is described.
	Row int `yaml:"row"`
	// Checklist names the items of the HTTP checklist that the case covers.
	Checklist []string `yaml:"checklist"`
	// Server is the variant of the server; empty means "default".
	Server string `yaml:"server"`
	// Transports limits the case to some of the ways, with the reason.
	Transports *limitation `yaml:"transports"`
	// Varies says why the bodies over HTTP/1.1 and HTTP/2 are not the same.
	Varies string `yaml:"varies"`

	// Before sets up what the case is about.
	Before []exchange `yaml:"before"`
	// After looks at what the exchange has left behind.
	After []exchange `yaml:"after"`
	// GRPC is the same call by a gRPC client. It runs with the same Before and After.
	GRPC *call `yaml:"grpc"`
}

type limitation struct {
	Only    []string `yaml:"only"`
	Because string   `yaml:"because"`
}

// An exchange is one request and what its answer has to be.
type exchange struct {
	// As is the user: viewer, editor, admin, or empty for nobody.
	As string `yaml:"as"`
	// Request is what is sent.
	Request request `yaml:"request"`
	// Response is what has to come back. Before and After take any success where it
	// names no status.
	Response response `yaml:"response"`
	// Eventually repeats the request until the answer is right.
	Eventually bool `yaml:"eventually"`
	// Race sends the request many times at once.
	Race *race `yaml:"race"`
}

// A race is one request sent many times at once, of which some succeed.
type race struct {
	Times int `yaml:"times"`
	// Winners is how many are answered as Response says.
	Winners int `yaml:"winners"`
	// Losers is how all others are answered.
	Losers response `yaml:"losers"`
}

// A request is either a method and a target with headers and a body, or raw.
type request struct {
	Method string `yaml:"method"`
	// Target is sent as it is written, percent-encoding and all.
	Target string `yaml:"target"`
	// Headers are pairs, so that one name can come twice.
	Headers [][2]string `yaml:"headers"`
	// JSON is a body; it brings Content-Type: application/json, unless Headers have one.
	JSON *anyJSON `yaml:"json"`
	// Text is a body as it is written. It brings no Content-Type.
	Text *string `yaml:"text"`
	// Chunked sends the body without its length.
	Chunked bool `yaml:"chunked"`
	// Stalled announces one byte more than the body has, and never sends it.
	Stalled bool `yaml:"stalled"`
	// Cut announces one byte more than the body has, and closes.
	Cut bool `yaml:"cut"`

	// Raw are the lines of a whole request, which CRLF is put between; for what no
	// HTTP client would send. Only over HTTP/1.1.
	Raw []string `yaml:"raw"`
}

// isHead says whether the answer has no content.
func (r request) isHead() bool {
	return r.Method == "HEAD" || len(r.Raw) > 0 && strings.HasPrefix(r.Raw[0], "HEAD ")
}

// A response is what an answer has to be. What is not named here is still held to
// the invariants; see checkInvariants.
type response struct {
	Status int `yaml:"status"`
	// Headers are values; the lines of one name are joined by ", ".
	Headers map[string]string `yaml:"headers"`
	// Matches are regular expressions for the whole values.
	Matches map[string]string `yaml:"matches"`
	// Absent are names of headers.
	Absent []string `yaml:"absent"`
	// Continued says that 100 (Continue) came before the answer.
	Continued bool `yaml:"continued"`
	// Problem is what an application/problem+json has to say.
	Problem *problem `yaml:"problem"`
	// Body is of an answer that is no problem.
	Body *body `yaml:"body"`
	// Capture puts parts of the answer into variables: header:NAME or a JSON pointer.
	Capture map[string]string `yaml:"capture"`
}

// A problem is the part of an error that clients branch on.
type problem struct {
	Code   string `yaml:"code"`
	Reason string `yaml:"reason"`
	Domain string `yaml:"domain"`
	// Detail is a regular expression for all of it; empty means any.
	Detail string `yaml:"detail"`
	// Metadata is all of it; absent means any.
	Metadata map[string]string `yaml:"metadata"`
	// Errors are all of them; absent means that there are none.
	Errors []violation `yaml:"errors"`
	// RetryAfter is a number of seconds; absent means that there is none.
	RetryAfter int `yaml:"retryAfter"`
	// Details are the types of all details, without their prefix; absent means any.
	Details []string `yaml:"details"`
}

type violation struct {
	Pointer string `yaml:"pointer"`
	Reason  string `yaml:"reason"`
}

// A body is what the content of a success has to be.
type body struct {
	// JSON has to be part of it: objects may have more members, arrays may not.
	JSON *anyJSON `yaml:"json"`
	// Matches are regular expressions by JSON pointer.
	Matches map[string]string `yaml:"matches"`
	// Absent are JSON pointers that lead to nothing.
	Absent []string `yaml:"absent"`
	// Text is all of it; Pattern is a regular expression for all of it; Lacks are texts
	// that are nowhere in it.
	Text    *string  `yaml:"text"`
	Pattern string   `yaml:"pattern"`
	Lacks   []string `yaml:"lacks"`
}

// A call is an exchange over gRPC.
type call struct {
	// Method is package.Service/Method.
	Method string `yaml:"method"`
	// Request is the message as JSON.
	Request *anyJSON `yaml:"request"`
	// Metadata are pairs.
	Metadata [][2]string `yaml:"metadata"`
	// Code is the name of the gRPC code; empty means OK.
	Code string `yaml:"code"`
	// Reason and Domain are those of ErrorInfo.
	Reason string `yaml:"reason"`
	Domain string `yaml:"domain"`
	// Details are the types of all details, without their prefix; absent means any.
	Details []string `yaml:"details"`
	// Response has to be part of the message, or of the list of a stream's messages.
	Response *anyJSON `yaml:"response"`
	// Headers are response metadata, by key; "" means that there is none.
	Headers map[string]string `yaml:"headers"`
	// Capture puts parts of the message into variables, by JSON pointer.
	Capture map[string]string `yaml:"capture"`
}

// anyJSON is a value of JSON; null is one too.
type anyJSON struct{ value any }

func (a *anyJSON) UnmarshalYAML(node *yaml.Node) error { return node.Decode(&a.value) }

// loadCases reads every case, or fails with the name of each file that is wrong.
func loadCases(t *testing.T) []testCase {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(casesFolder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", casesFolder, err)
	}
	cases := make([]testCase, 0, len(files))
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := parseCase(strings.TrimSuffix(filepath.Base(file), ".yaml"), source)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
		cases = append(cases, c)
	}
	if t.Failed() {
		t.FailNow()
	}
	return cases
}

func parseCase(name string, source []byte) (testCase, error) {
	c := testCase{}
	decoder := yaml.NewDecoder(bytes.NewReader(source))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil {
		return c, fmt.Errorf("decoding: %w", err)
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return c, errors.New("it holds more than one document")
	}
	c.Name = name
	return c, errors.Join(c.faults()...)
}

var (
	caseName      = regexp.MustCompile(`^[1-5][0-9]{2}(-[a-z0-9]+)+$`)
	checklistItem = regexp.MustCompile(`^[A-Z0-9]{3,4}-[0-9]{2}$`)
)

// faults says what a case lacks beyond what its types ask.
func (c *testCase) faults() []error {
	var found []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			found = append(found, fmt.Errorf(format, args...))
		}
	}
	fault(!caseName.MatchString(c.Name), "a name is its row and lower-case words")
	fault(!strings.HasPrefix(c.Name, strconv.Itoa(c.Row)+"-"), "the name does not begin with the row %d", c.Row)
	fault(!strings.HasSuffix(c.Title, ".") || strings.Contains(c.Title, "\n"), "the title is no sentence")
	for _, item := range c.Checklist {
		fault(!checklistItem.MatchString(item), "%q is no item of a checklist", item)
	}
	_, known := variants()[c.variant()]
	fault(!known, "there is no server %q", c.Server)
	fault(c.Response.Status == 0, "the response has no status")
	fault(!c.describes() && c.Response.Status != c.Row, "the row is %d and the status %d", c.Row, c.Response.Status)
	fault(c.Response.Status >= 400 && !c.Request.isHead() && c.Response.Problem == nil && c.Response.Body == nil, "an error states its problem")
	if c.Transports != nil {
		fault(c.Transports.Because == "" || len(c.Transports.Only) == 0, "transports are limited for a reason")
		for _, one := range c.Transports.Only {
			fault(!slices.Contains([]string{overHTTP1, overH2C, overGRPC}, one), "there is no transport %q", one)
		}
	}
	for _, one := range slices.Concat(c.Before, []exchange{c.exchange}, c.After) {
		raw := len(one.Request.Raw) > 0
		fault(raw == (one.Request.Method != "" && one.Request.Target != ""), "a request has a method and a target, or is raw")
		fault(one.Request.JSON != nil && one.Request.Text != nil, "a body is json or text")
		for name := range one.Response.Capture {
			fault(name == "id" || strings.HasSuffix(strings.ToLower(name), "token"), "the variable %s is taken", name)
		}
		fault(one.Race != nil && (one.Race.Winners >= one.Race.Times || one.Race.Losers.Status == 0), "a race has losers")
	}
	fault(len(c.Request.Raw) > 0 && c.runs(overH2C), "a raw request goes over HTTP/1.1 alone: limit the transports")
	fault(c.GRPC != nil && c.GRPC.Code != "" && c.GRPC.Reason == "" && c.GRPC.Domain != "", "a domain goes with a reason")
	return found
}

// describes says that the case is about what MapStatus describes, and not about the
// answer that describes it.
func (c *testCase) describes() bool { return c.Request.Target == mapTarget && c.Response.Status == 200 }

const mapTarget = "/v1/statuses:map"

func (c *testCase) variant() string {
	if c.Server == "" {
		return "default"
	}
	return c.Server
}

// runs says whether the case is run in a certain way.
func (c *testCase) runs(transport string) bool {
	if transport == overGRPC && c.GRPC == nil {
		return false
	}
	return c.Transports == nil || slices.Contains(c.Transports.Only, transport)
}
