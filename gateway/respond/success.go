package respond

import (
	"net/http"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/rfc9110"
)

// JSONType is the media type of a success.
const JSONType = "application/json"

// Reply is what a backend answered.
type Reply struct {
	// Message is the response.
	Message proto.Message
	// Chosen is the status of success that the backend asked for; 0 if it did not.
	// It counts only if the method declares it.
	Chosen int32
	// Header are fields that the backend may set, by the gateway's allow-list.
	Header http.Header
}

// Reply answers with a success: the status that the method declares, Location, the
// validators and the body; or 304 or 412, where the request's conditions say so. An
// error means that nothing was written.
func (r *Responder) Reply(w http.ResponseWriter, req *http.Request, reply Reply) error {
	ex := exchange.From(req.Context())
	method := ex.Binding.Method
	current := validators(method, reply.Message)
	coding := r.coding(req)
	if coding != "" && current.HasTag {
		current.Tag.Opaque += gzipTag
	}
	in := mapping.Input{Declared: method.Success, Chosen: reply.Chosen}
	if isRead(req) && ex.Conditions.Present() {
		switch ex.Conditions.Evaluate(true, current) {
		case rfc9110.Failed:
			return Fail(codes.Aborted, mapping.ReasonPreconditionFailed, "a condition of the request does not hold for the current representation")
		case rfc9110.NotModified:
			in.NotModified = true
		case rfc9110.Proceed:
		}
	}
	answer := Answer{Decision: r.table.Decide(in), Header: http.Header{}}
	fields := fields{header: answer.Header}
	merge(answer.Header, reply.Header)
	fields.set("Cache-Control", method.CacheControl)
	if r.gzip {
		answer.Header.Add("Vary", "Accept-Encoding")
	}
	fields.setValidators(current, answer.Decision.Status())
	if err := fields.locate(answer.Decision.Status(), method, reply.Message); err != nil {
		return err
	}
	bare := r.prefer(&answer, ex.Prefer)
	if hasContent(answer.Decision.Status()) && !bare {
		buffer := buffers.get()
		defer buffers.put(buffer)
		var err error
		if answer.Body, err = r.encode(&fields, buffer, ex.Binding, reply.Message); err != nil {
			return err
		}
	}
	keep(ex, answer)
	if err := recode(&answer, coding); err != nil {
		return err
	}
	r.send(w, req, answer)
	return nil
}

func isRead(req *http.Request) bool {
	return req.Method == http.MethodGet || req.Method == http.MethodHead
}

// validators reads the entity-tag and the date that the method declares. The tag is
// made of the resource's own version, never of the body's bytes: those may differ
// between builds while the version does not.
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

// fields are a success's header fields, whose values share an array: an answer has
// few, and each would be allocated otherwise.
type fields struct {
	header http.Header
	values [6]string
	used   int
}

// set sets a field by its canonical name.
func (f *fields) set(name, value string) {
	if f.used == len(f.values) {
		f.header[name] = []string{value}
		return
	}
	f.values[f.used] = value
	f.used++
	f.header[name] = f.values[f.used-1 : f.used : f.used]
}

func (f *fields) setValidators(current rfc9110.Validators, status int) {
	if current.HasTag {
		f.set("Etag", current.Tag.String())
	}
	// Beside an ETag a 304 has no use for it (RFC 9110 §15.4.5).
	if current.LastModified.IsZero() || (status == http.StatusNotModified && current.HasTag) {
		return
	}
	// A date ahead of ours is another clock's, and must not be sent (RFC 9110 §8.8.2.1).
	modified := current.LastModified
	if now := time.Now(); modified.After(now) {
		modified = now
	}
	f.set("Last-Modified", rfc9110.FormatDate(modified))
}

// locate sets Location where the answer is one that has it.
func (f *fields) locate(status int, method *contract.Method, message proto.Message) error {
	if method.Location == nil || (status != http.StatusCreated && status != http.StatusAccepted) {
		return nil
	}
	location, err := method.Location.Of(message)
	if err != nil {
		return Fail(codes.Internal, mapping.ReasonInternal, "the response has no location").Because(err)
	}
	f.set("Location", location)
	if status == http.StatusCreated && method.ETag != nil {
		// The body is what a GET of the new resource returns (RFC 9110 §8.7).
		f.set("Content-Location", location)
	}
	return nil
}

// encode returns the body of a success and sets its Content-Type. The body may stand in
// the buffer, which it then may have grown.
func (r *Responder) encode(fields *fields, buffer *[]byte, binding *contract.Binding, message proto.Message) ([]byte, error) {
	if isRaw(binding) {
		data, kind := rawBody(content(binding, message))
		fields.set("Content-Type", kind)
		return data, nil
	}
	fields.set("Content-Type", JSONType)
	var err error
	if binding.ResponseBody != nil {
		*buffer, err = r.codec.AppendField(*buffer, message.ProtoReflect(), binding.ResponseBody)
	} else {
		*buffer, err = r.codec.Append(*buffer, message)
	}
	if err != nil {
		return nil, Fail(codes.Internal, mapping.ReasonInternal, "the response could not be encoded").Because(err)
	}
	return *buffer, nil
}
