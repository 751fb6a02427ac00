package documents_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/cache"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/content"
	failures "github.com/pb33f/libopenapi-validator/errors"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"

	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/conformance"
)

// check checks an exchange against the OpenAPI document that the same server serves: every
// request that succeeded, and every response to a request for a path of the document. It
// ignores what is not an HTTP request, and requests for other paths.
func check(ctx context.Context, s *apptest.Server, m *conformance.Message, got *conformance.Answer) error {
	r, err := requestOf(m, s.Address())
	if err != nil {
		return nil //nolint:nilerr // net/http cannot read it either.
	}
	d, err := documentOf(ctx, s)
	if err != nil {
		return err
	}
	if err := d.check(r, m, got); err != nil {
		return fmt.Errorf("/openapi.json: %s %s, answered %d: %w", m.Method, m.Target, got.Status, err)
	}
	return nil
}

// requestOf parses the message as net/http does.
func requestOf(m *conformance.Message, host string) (*http.Request, error) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(m.Text(host))))
	if err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	if r.ProtoMajor != 1 {
		return nil, fmt.Errorf("it is %s", r.Proto)
	}
	return r, nil
}

// described has the validators of one document.
type described struct {
	// mu guards them: compiling a schema is not safe for concurrent use.
	mu sync.Mutex
	// strict refuses everything that the document does not mention; bare ignores bodies.
	request, strict, bare validator.Validator
}

// documents has the validators of each document, and of each server: making them takes
// longer than running the cases that need them, and most servers have the same document.
var documents struct {
	sync.Mutex

	byText   map[string]func() (*described, error)
	byServer map[*apptest.Server]func() (*described, error)
}

// documentOf asks a server for its document, once.
func documentOf(ctx context.Context, s *apptest.Server) (*described, error) {
	documents.Lock()
	once, ok := documents.byServer[s]
	documents.Unlock()
	if ok {
		return once()
	}
	got, err := s.Send(ctx, conformance.OverHTTP1, &conformance.Message{Method: http.MethodGet, Target: "/openapi.json"})
	if err != nil {
		return nil, err
	}
	if got.Status != http.StatusOK {
		return nil, fmt.Errorf("/openapi.json is answered %d", got.Status)
	}
	return remember(s, string(got.Body))()
}

func remember(s *apptest.Server, text string) func() (*described, error) {
	documents.Lock()
	defer documents.Unlock()
	if documents.byText == nil {
		documents.byText, documents.byServer = map[string]func() (*described, error){}, map[*apptest.Server]func() (*described, error){}
	}
	once, ok := documents.byText[text]
	if !ok {
		once = sync.OnceValues(func() (*described, error) { return newDescribed([]byte(text)) })
		documents.byText[text] = once
	}
	documents.byServer[s] = once
	return once
}

func newDescribed(text []byte) (*described, error) {
	open, err := modelOf(text)
	if err != nil {
		return nil, err
	}
	closed, err := closedDocument(text)
	if err != nil {
		return nil, err
	}
	// A schema is compiled when it is first needed: most of them never are.
	cold, coldClosed := newColdCache(), newColdCache()
	defer cold.open.Store(true)
	defer coldClosed.open.Store(true)
	always := []config.Option{
		config.WithFormatAssertions(),
		config.WithSchemaCache(cold),
		config.WithBodyDecoder("application/x-ndjson", content.DecoderFunc(decodeLines)),
		config.WithBodyDecoder("text/event-stream", content.DecoderFunc(decodeEvents)),
		config.WithBodyDecoder("text/html", content.TextDecoder()),
	}
	strict := append(slices.Clone(always), config.WithSchemaCache(coldClosed), config.WithRejectUnsupportedBodyContent(),
		// The closed schemas check the members of bodies; this mode would refuse free-form ones too.
		config.WithStrictMode(), config.WithStrictIgnoredHeaders(undocumented()...), config.WithStrictIgnorePaths("$.body", "$.body.**"))
	return &described{
		request: validator.NewValidatorFromV3Model(open, always...),
		strict:  validator.NewValidatorFromV3Model(closed, strict...),
		bare:    validator.NewValidatorFromV3Model(closed, append(slices.Clone(strict), config.WithoutResponseBodyValidation())...),
	}, nil
}

// coldCache keeps compiled schemas. Until it is open it claims to have them all, so that
// a new validator compiles none.
type coldCache struct {
	cache.SchemaCache

	open atomic.Bool
}

func newColdCache() *coldCache { return &coldCache{SchemaCache: cache.NewDefaultCache()} }

func (c *coldCache) Load(key uint64) (*cache.SchemaCacheEntry, bool) {
	if !c.open.Load() {
		return nil, true
	}
	return c.SchemaCache.Load(key)
}

func modelOf(text []byte) (*v3.Document, error) {
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		return nil, fmt.Errorf("reading the document: %w", err)
	}
	model, err := document.BuildV3Model()
	if err != nil {
		return nil, fmt.Errorf("reading the document: %w", err)
	}
	return &model.Model, nil
}

// closedDocument is the document, but its objects may have no other members than those it
// names, unless it says that there may be more.
func closedDocument(text []byte) (*v3.Document, error) {
	var root any
	if err := json.Unmarshal(text, &root); err != nil {
		return nil, fmt.Errorf("reading the document: %w", err)
	}
	eachObject(root, func(object map[string]any) {
		_, isOpen := object["additionalProperties"]
		if _, isSchema := object["properties"].(map[string]any); isSchema && object["type"] == "object" && !isOpen {
			object["additionalProperties"] = false
		}
	})
	closed, err := json.Marshal(root)
	if err != nil {
		return nil, fmt.Errorf("closing the document: %w", err)
	}
	return modelOf(closed)
}

// eachObject calls do for every object in a value, an outer one before those in it.
func eachObject(value any, do func(object map[string]any)) {
	switch value := value.(type) {
	case map[string]any:
		do(value)
		for _, inner := range value {
			eachObject(inner, do)
		}
	case []any:
		for _, inner := range value {
			eachObject(inner, do)
		}
	}
}

// undocumented are the headers that no operation lists, because they belong to HTTP or
// are for browsers.
func undocumented() []string {
	return []string{
		"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Date", "Transfer-Encoding",
		"Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers",
		"Access-Control-Max-Age", "Content-Security-Policy", "Strict-Transport-Security", "X-Content-Type-Options",
	}
}

// decodeLines decodes NDJSON into a list.
func decodeLines(in *content.DecodeInput) (any, error) {
	all := []any{}
	decoder := json.NewDecoder(in.Body)
	for {
		var line any
		if err := decoder.Decode(&line); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("a line: %w", err)
		}
		all = append(all, line)
	}
}

// decodeEvents decodes server-sent events into a list.
func decodeEvents(in *content.DecodeInput) (any, error) {
	text, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	all := []any{}
	for event := range strings.SplitSeq(strings.TrimSuffix(string(text), "\n\n"), "\n\n") {
		fields := map[string]any{}
		for line := range strings.SplitSeq(event, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				fields[name] = value
			}
		}
		if len(fields) > 0 {
			all = append(all, fields)
		}
	}
	return all, nil
}

func (d *described) check(r *http.Request, m *conformance.Message, got *conformance.Answer) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	response := &http.Response{StatusCode: got.Status, Header: got.Header, Body: io.NopCloser(bytes.NewReader(got.Body)), Request: r}
	answers := d.strict
	// The response to HEAD, and a minimal response, are the others without the body. That an
	// error may be a page the document says only in words.
	minimal := got.Header.Get("Preference-Applied") == "return=minimal"
	isErrorPage := got.Status >= http.StatusBadRequest && strings.HasPrefix(got.Header.Get("Content-Type"), "text/html")
	if r.Method == http.MethodHead || minimal || isErrorPage {
		answers = d.bare
	}
	asked := *r
	_, wrong := answers.ValidateHttpResponse(&asked, response)
	if r.Method == http.MethodHead && isOtherMethod(wrong) {
		asked.Method = http.MethodGet
		_, wrong = answers.ValidateHttpResponse(&asked, response)
	}
	switch {
	case isElsewhere(wrong):
		if got.Status < 400 && !slices.Contains(apptest.Pages(), r.URL.Path) && r.Method != http.MethodOptions {
			return errors.New("it is a success, and the document has no such path")
		}
		return nil
	case isOtherMethod(wrong):
		return d.checkOther(answers, &asked, response)
	case len(wrong) > 0:
		return joined(wrong)
	case got.Status >= 300 || r.Method == http.MethodHead:
		return nil
	}
	body := m.Body
	if r.Method != http.MethodPatch {
		body = withoutNull(body)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	_, wrong = d.request.ValidateHttpRequestSync(r)
	return joined(wrong)
}

// withoutNull removes the members that are null, as ProtoJSON does; the document says so
// only in words. In a merge patch null has a meaning.
func withoutNull(body []byte) []byte {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil {
		return body
	}
	eachObject(value, func(object map[string]any) {
		maps.DeleteFunc(object, func(_ string, member any) bool { return member == nil })
	})
	text, err := json.Marshal(value)
	if err != nil {
		return body
	}
	return text
}

// checkOther checks the response to a method that the path does not have: the document
// describes it under the methods that the path has.
func (d *described) checkOther(answers validator.Validator, r *http.Request, response *http.Response) error {
	if r.Method == http.MethodOptions {
		return nil
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} {
		response.Body = io.NopCloser(bytes.NewReader(content))
		r.Method = method
		_, wrong := answers.ValidateHttpResponse(r, response)
		if !isOtherMethod(wrong) {
			return joined(wrong)
		}
	}
	return errors.New("the path has no method")
}

func isElsewhere(wrong []*failures.ValidationError) bool {
	return slices.ContainsFunc(wrong, (*failures.ValidationError).IsPathMissingError)
}

func isOtherMethod(wrong []*failures.ValidationError) bool {
	return slices.ContainsFunc(wrong, (*failures.ValidationError).IsOperationMissingError)
}

func joined(wrong []*failures.ValidationError) error {
	errs := make([]error, len(wrong))
	for i, one := range wrong {
		errs[i] = one
	}
	return errors.Join(errs...)
}
