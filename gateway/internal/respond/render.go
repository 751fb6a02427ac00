package respond

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
)

// Answer is a whole response before it is sent.
type Answer struct {
	Decision policy.Decision
	// Code, Domain and Reason are those of the failure; zero for a success.
	Code           int32
	Domain, Reason string
	Header         http.Header
	// Body is empty if the response has none.
	Body []byte
	// Omitted counts the parts of the failure that were left out.
	Omitted Omitted
}

// decided is a failure after the decision of the policy and the redaction. The client may read its
// contents.
type decided struct {
	decision   policy.Decision
	code       int32
	info       *errdetails.ErrorInfo // what was decided by, which is not all shown
	message    string
	parts      details
	shown      []*anypb.Any
	typeURI    string
	retryAfter int64
	final      bool
	language   string
	request    Request
	codec      jsoncodec.Codec
}

// Render builds the response to a failure, always with a JSON body. It sends nothing and never fails.
func (r *Responder) Render(failure *Failure, request Request) Answer {
	return r.render(nil, failure, request, r.choose(request.Accept))
}

// render appends the body to buffer.
func (r *Responder) render(buffer []byte, failure *Failure, request Request, format format) Answer {
	d := r.decide(failure, request)
	header := r.errorHeader(d, failure)
	header["Content-Type"] = []string{format.contentType}
	var body []byte
	if format.contentType == HTMLType {
		body = d.appendPage(buffer)
	} else {
		body = d.appendBody(buffer, format.shape)
	}
	return Answer{
		Decision: d.decision, Code: d.code, Domain: d.info.GetDomain(), Reason: d.info.GetReason(),
		Header: header, Body: body, Omitted: d.parts.omitted,
	}
}

func (r *Responder) decide(failure *Failure, request Request) *decided {
	status := failure.Status
	parts := parseDetails(status.GetDetails())
	d := &decided{
		code: errorCode(status.GetCode()), info: parts.info, message: status.GetMessage(),
		shown: parts.public(), request: request, codec: r.codec, final: failure.Final,
	}
	d.parts = parts // with what public has counted
	d.decision = r.table.Decide(policy.Input{
		Code:        d.code,
		Domain:      parts.info.GetDomain(),
		Reason:      parts.info.GetReason(),
		Details:     parts.names,
		Conditional: request.Conditional,
	})
	d.retryAfter = d.retrySeconds()
	d.typeURI = r.TypeURI(d.decision.Status(), request.Prefix)
	r.redact(d)
	d.localize()
	d.message = d.parts.omitted.shorten(d.message, MaxMessageBytes)
	return d
}

// errorCode returns UNKNOWN for OK. An error with the code OK is a bug of its sender, and must not look
// like a success.
func errorCode(code int32) int32 {
	if code == int32(codes.OK) {
		return int32(codes.Unknown)
	}
	return code
}

// redact replaces the message and details of a server error by the text of the policy's row. It keeps
// them if the rule's key is a reason: a reason is meant for the client, but a plain INTERNAL may contain
// anything.
func (r *Responder) redact(d *decided) {
	if d.decision.Status() < http.StatusInternalServerError || d.decision.Rule.GetReason() != "" {
		return
	}
	if !r.redaction.GetKeepMessage() {
		d.message = d.decision.Row.GetDescription()
		d.parts.localized, d.parts.problem = nil, nil
	}
	if !r.redaction.GetKeepDetails() {
		d.shown = nil
		d.parts = details{}
	}
}

// localize chooses a message in a language that the request asks for, if there is one.
func (d *decided) localize() {
	if len(d.parts.localized) == 0 || len(d.request.Languages) == 0 {
		return
	}
	offers := make([]string, len(d.parts.localized))
	for i, one := range d.parts.localized {
		offers[i] = one.GetLocale()
	}
	if tag, ok := rfc9110.NegotiateLanguage(d.request.Languages, offers); ok {
		d.language = tag
		d.message = d.parts.localized[slices.Index(offers, tag)].GetMessage()
	}
}

// retrySeconds returns the value of Retry-After, or 0 if a retry would not help.
func (d *decided) retrySeconds() int64 {
	switch d.decision.Status() {
	case http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return 0
	}
	wait := d.decision.Rule.GetRetryAfter().AsDuration()
	if d.parts.retry.GetRetryDelay() != nil {
		wait = d.parts.retry.GetRetryDelay().AsDuration()
	} else if d.decision.Rule.GetRetryAfter() == nil || d.final {
		return 0
	}
	seconds := max(1, rfc9110.DelaySeconds(wait))
	if d.decision.Status() == http.StatusTooManyRequests {
		// Whatever refuses the request, the caller's allowance would refuse the next one until its reset.
		seconds = max(seconds, d.request.Held)
	}
	return seconds
}

// errorHeader returns the headers of the response to a failure.
func (r *Responder) errorHeader(d *decided, failure *Failure) http.Header {
	// Clone the header, because many requests may share one failure.
	header := failure.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	cacheControl := d.decision.Row.GetCacheControl()
	if cacheControl == "" {
		cacheControl = noStore
	}
	header.Set("Cache-Control", cacheControl)
	if d.retryAfter > 0 {
		header.Set("Retry-After", strconv.FormatInt(d.retryAfter, 10))
	}
	if d.decision.Status() == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", r.challenge(d.request.Credentials))
	}
	if d.language != "" {
		header.Set("Content-Language", d.language)
	}
	if len(d.parts.localized) > 0 {
		header.Add("Vary", "Accept-Language")
	}
	if links := d.helpLinks(); links != "" {
		header.Add("Link", links)
	}
	return header
}

// challenge returns the Bearer challenge (RFC 6750 §3). It contains an error code only if the request has
// credentials (§3.1).
func (r *Responder) challenge(credentials bool) string {
	if credentials {
		return rfc9110.Challenge("Bearer", rfc9110.Param{Name: "realm", Value: r.realm}, rfc9110.Param{Name: "error", Value: "invalid_token"})
	}
	return rfc9110.Challenge("Bearer", rfc9110.Param{Name: "realm", Value: r.realm})
}

// helpLinks returns the Link header, or "". It leaves out links that do not fit.
func (d *decided) helpLinks() string {
	field := ""
	for _, link := range d.parts.help.GetLinks() {
		if len(link.GetUrl()) > MaxNameBytes {
			d.parts.omitted.Links++
			continue
		}
		target, err := url.Parse(link.GetUrl())
		if err != nil || (target.Scheme != "https" && target.Scheme != "http") {
			continue
		}
		one := rfc9110.Link(rfc9110.LinkTarget{URI: target.String(), Rel: "help"})
		switch {
		case field == "" && len(one) <= MaxLinkBytes:
			field = one
		case field != "" && len(field)+len(", ")+len(one) <= MaxLinkBytes:
			field += ", " + one
		default:
			d.parts.omitted.Links++
		}
	}
	return field
}

// detail returns the detail of the backend's Problem, unless there is a message in a language that the
// request asks for, because the text has to match Content-Language.
func (d *decided) detail() string {
	if d.language != "" {
		return d.message
	}
	if stated := d.parts.problem.GetDetail(); stated != "" {
		return d.parts.omitted.shorten(stated, MaxMessageBytes)
	}
	return d.message
}
