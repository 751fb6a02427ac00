package respond

import (
	"net/http"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

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
	message := reply.Message.ProtoReflect()
	current := validators(method, message)
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
	merge(answer.Header, reply.Header)
	answer.Header.Set("Cache-Control", method.CacheControl)
	if r.gzip {
		answer.Header.Add("Vary", "Accept-Encoding")
	}
	setValidators(answer.Header, current, answer.Decision.Status())
	if err := locate(answer, method, reply.Message); err != nil {
		return err
	}
	bare := r.prefer(&answer, ex.Prefer)
	if hasContent(answer.Decision.Status()) && !bare {
		var err error
		if answer.Body, err = r.encode(answer.Header, ex.Binding, reply.Message); err != nil {
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
func validators(method *contract.Method, message protoreflect.Message) rfc9110.Validators {
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

func setValidators(header http.Header, current rfc9110.Validators, status int) {
	if current.HasTag {
		header.Set("ETag", current.Tag.String())
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
	header.Set("Last-Modified", rfc9110.FormatDate(modified))
}

// locate sets Location where the answer is one that has it.
func locate(answer Answer, method *contract.Method, message proto.Message) error {
	status := answer.Decision.Status()
	if method.Location == nil || (status != http.StatusCreated && status != http.StatusAccepted) {
		return nil
	}
	location, err := method.Location.Expand(func(name string) (string, bool) {
		path, err := contract.ParseFieldPath(method.Descriptor.Output(), name)
		if err != nil {
			return "", false
		}
		return path.Text(message.ProtoReflect())
	})
	if err != nil {
		return Fail(codes.Internal, mapping.ReasonInternal, "the response has no location").Because(err)
	}
	answer.Header.Set("Location", location)
	if status == http.StatusCreated && method.ETag != nil {
		// The body is what a GET of the new resource returns (RFC 9110 §8.7).
		answer.Header.Set("Content-Location", location)
	}
	return nil
}

// encode returns the body of a success and sets its Content-Type.
func (r *Responder) encode(header http.Header, binding *contract.Binding, message proto.Message) ([]byte, error) {
	if data, kind, ok := rawBody(content(binding, message.ProtoReflect())); ok {
		header.Set("Content-Type", kind)
		return data, nil
	}
	header.Set("Content-Type", JSONType)
	var body []byte
	var err error
	if binding.ResponseBody != nil {
		body, err = r.codec.AppendField(nil, message.ProtoReflect(), binding.ResponseBody)
	} else {
		body, err = r.codec.Append(nil, message)
	}
	if err != nil {
		return nil, Fail(codes.Internal, mapping.ReasonInternal, "the response could not be encoded").Because(err)
	}
	return body, nil
}
