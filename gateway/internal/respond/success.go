package respond

import (
	"bytes"
	"net/http"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
)

// JSONType is the media type of a success, except raw bytes; see also [NDJSONType].
const JSONType = contract.JSONType

// Reply is the successful response of a backend.
type Reply struct {
	// Message is the response.
	Message proto.Message
	// Chosen is the success status that the backend chose, or 0. It counts only if the method declares
	// it.
	Chosen int32
	// Header contains the headers from the backend's metadata that the allow-list permits.
	Header http.Header
}

// Reply sends a success: the status that the method declares, Location, the validators and the body. It
// sends 304, or returns a failure for 412, if the request's conditions require it. If it returns an
// error, it has written nothing.
func (r *Responder) Reply(w http.ResponseWriter, req *http.Request, reply Reply) error {
	ex := exchange.From(req.Context())
	s := success{responder: r, reply: reply, method: ex.Binding.Method, current: validators(ex.Binding.Method, reply.Message)}
	s.coding = r.coding(req)
	buffer := buffers.get()
	if err := s.complete(w, req, buffer); err != nil {
		buffers.put(buffer)
		return err
	}
	// Nothing below can fail, so headers of a success never get into an error response.
	s.fields(w.Header())
	r.finish(w, req, Answer{Decision: s.decision, Body: s.body}, buffer)
	return nil
}

// complete decides the status, builds the body, and reserves memory for it.
func (s *success) complete(w http.ResponseWriter, req *http.Request, buffer *[]byte) error {
	ex := exchange.From(req.Context())
	if ex.Unacceptable != nil {
		return ex.Unacceptable
	}
	in := policy.Input{Declared: s.method.Success, Chosen: s.reply.Chosen}
	s.decision = s.responder.table.Decide(in)
	if ex.Binding.Conditions == contract.ConditionsCompared && ex.Conditions.Present() {
		outcome, err := s.evaluate(ex, buffer)
		switch {
		case err != nil:
			return err
		case outcome == rfc9110.Failed:
			return Fail(policy.ReasonPreconditionFailed, "a condition of the request does not hold for the current representation")
		case outcome == rfc9110.NotModified:
			in.NotModified = true
			s.decision = s.responder.table.Decide(in)
		}
	}
	if err := s.locate(ex.Prefix); err != nil {
		return err
	}
	s.prefer(ex.Prefer)
	if err := s.encode(buffer, ex.Binding); err != nil {
		return err
	}
	s.keep(ex)
	if err := s.recode(buffer); err != nil {
		return err
	}
	return s.responder.reserve(w, req, len(s.body))
}

// evaluate evaluates the request's conditions for the representation that the client would get. If the
// client has the compressed representation, it gets 304 without any encoding. Otherwise the size of the
// body determines the representation.
func (s *success) evaluate(ex *exchange.Exchange, buffer *[]byte) (rfc9110.Outcome, error) {
	if s.coding == "" || !s.current.HasTag {
		return ex.Conditions.Evaluate(true, s.current), nil
	}
	compressed := s.current
	compressed.Tag.Opaque += gzipTag
	if ex.Conditions.Evaluate(true, compressed) == rfc9110.NotModified && ex.Conditions.Evaluate(true, s.current) != rfc9110.NotModified {
		s.current = compressed
		return rfc9110.NotModified, nil
	}
	if err := s.encode(buffer, ex.Binding); err != nil {
		return rfc9110.Proceed, err
	}
	return ex.Conditions.Evaluate(true, s.current), nil
}

// success is the response to a successful call while it is built.
type success struct {
	responder *Responder
	reply     Reply
	method    *contract.Method
	current   rfc9110.Validators
	decision  policy.Decision

	location, contentLocation string
	applied                   string // Preference-Applied
	bare                      bool   // the request prefers a response without a body
	contentType               string
	coding                    string // negotiated; encode clears it where the body is not compressible
	encoded                   bool
	body                      []byte

	// values holds the values of the headers in one array, to save allocations.
	values [8]string
	used   int
}

// fields sets the headers of the response.
func (s *success) fields(header http.Header) {
	merge(header, s.reply.Header)
	s.set(header, "Cache-Control", s.method.CacheControl)
	if s.responder.gzip {
		header.Add("Vary", "Accept-Encoding")
	}
	s.setValidators(header)
	for _, one := range [...]struct{ name, value string }{
		{"Location", s.location}, {"Content-Location", s.contentLocation}, {"Preference-Applied", s.applied}, {"Content-Type", s.contentType},
	} {
		if one.value != "" {
			s.set(header, one.name, one.value)
		}
	}
	if s.coding != "" && len(s.body) > 0 {
		s.set(header, "Content-Encoding", s.coding)
	}
}

// set sets a header by its canonical name.
func (s *success) set(header http.Header, name, value string) {
	if s.used == len(s.values) {
		header[name] = []string{value}
		return
	}
	s.values[s.used] = value
	s.used++
	header[name] = s.values[s.used-1 : s.used : s.used]
}

// validators returns the entity-tag and the date of the resource, from the fields that the method
// declares. The tag contains the version of the resource and not a hash of the body, because the bytes of
// the body may differ between builds for the same version.
func validators(method *contract.Method, message proto.Message) rfc9110.Validators {
	var current rfc9110.Validators
	if method.ETag != nil {
		if version, ok := method.ETag.Text(message); ok && version != "" {
			current.Tag, current.HasTag = rfc9110.StrongETag(version), true
		}
	}
	if method.LastModified != nil {
		current.LastModified, _ = method.LastModified.Time(message)
	}
	return current
}

func (s *success) setValidators(header http.Header) {
	if s.current.HasTag {
		s.set(header, "Etag", s.current.Tag.String())
	}
	// A 304 with an ETag does not need Last-Modified (RFC 9110 §15.4.5).
	if s.current.LastModified.IsZero() || (s.decision.Status() == http.StatusNotModified && s.current.HasTag) {
		return
	}
	// A date in the future comes from another clock and must not be sent (RFC 9110 §8.8.2.1).
	modified := s.current.LastModified
	if now := time.Now(); modified.After(now) {
		modified = now
	}
	s.set(header, "Last-Modified", rfc9110.FormatDate(modified))
}

// locate sets the Location if the status needs it.
func (s *success) locate(prefix string) error {
	status := s.decision.Status()
	if s.method.Location == nil || (status != http.StatusCreated && status != http.StatusAccepted) {
		return nil
	}
	var err error
	if s.location, err = s.method.Location.Of(s.reply.Message); err != nil {
		return Fail(policy.ReasonInternal, "the response has no location").Because(err)
	}
	s.location = prefix + s.location
	if status == http.StatusCreated && s.method.ETag != nil {
		// The body is the representation that a GET of the new resource returns (RFC 9110 §8.7).
		s.contentLocation = s.location
	}
	return nil
}

// encode encodes the body, unless it is already encoded, and applies the content coding and its
// entity-tag.
func (s *success) encode(buffer *[]byte, binding *contract.Binding) error {
	if s.bare || !hasContent(s.decision.Status()) {
		s.body, s.contentType = nil, ""
		return nil
	}
	if s.encoded {
		return nil
	}
	if err := s.encodeBody(buffer, binding); err != nil {
		return err
	}
	s.encoded = true
	switch {
	case s.coding == "":
	case !compressible(s.contentType, len(s.body)):
		s.coding = ""
	case s.current.HasTag:
		s.current.Tag.Opaque += gzipTag
	}
	return nil
}

// encodeBody encodes the body. It may use the buffer, and may grow it.
func (s *success) encodeBody(buffer *[]byte, binding *contract.Binding) error {
	if binding.RawResponse {
		s.body, s.contentType = rawBody(binding, s.reply.Message)
		return nil
	}
	s.contentType = JSONType
	var err error
	if *buffer, err = s.responder.appendJSON(*buffer, binding, s.reply.Message); err != nil {
		return Fail(policy.ReasonInternal, "the response could not be encoded").Because(err)
	}
	s.body = *buffer
	return nil
}

// appendJSON appends the response, or its field that response_body names.
func (r *Responder) appendJSON(dst []byte, binding *contract.Binding, message proto.Message) ([]byte, error) {
	if binding.ResponseBody != nil {
		return r.codec.AppendField(dst, message.ProtoReflect(), binding.ResponseBody)
	}
	return r.codec.Append(dst, message)
}

// recode applies the content coding, and stores the result in the buffer.
func (s *success) recode(buffer *[]byte) error {
	if s.coding == "" || len(s.body) == 0 {
		return nil
	}
	compressed := buffers.get()
	defer buffers.put(compressed)
	var err error
	if *compressed, err = compress(*compressed, s.body); err != nil {
		return err
	}
	// The buffer may contain the old body and can be reused now.
	*buffer, *compressed = *compressed, *buffer
	s.body = *buffer
	return nil
}

// keep passes the response to [exchange.Exchange].Keep, without its content coding, because the next
// client may accept another one. It does so before the response is sent, so that a client can repeat the
// request if the response does not arrive.
func (s *success) keep(ex *exchange.Exchange) {
	if ex.Keep == nil {
		return
	}
	plain := *s
	plain.coding, plain.used = "", 0
	header := http.Header{}
	plain.fields(header)
	if tags := header["Etag"]; len(tags) > 0 {
		header["Etag"] = PlainTags(tags)
	}
	ex.Keep(exchange.Sent{Status: s.decision.Status(), Header: header, Body: bytes.Clone(s.body)})
}
