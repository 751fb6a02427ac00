package respond

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// appendBody appends the body of a failure in the given format.
func (d *decided) appendBody(dst []byte, shape statuswayv1.ErrorFormat) []byte {
	o := object{out: append(dst, '{')}
	switch shape {
	case statuswayv1.ErrorFormat_ERROR_FORMAT_STATUS:
		// google.rpc.Status; its code is the gRPC number.
		o.number("code", int64(d.code))
		o.text("message", d.message)
		d.appendDetails(&o)
	case statuswayv1.ErrorFormat_ERROR_FORMAT_ERROR:
		// AIP-193's; its code is the HTTP status.
		o.begin("error", '{')
		o.number("code", int64(d.decision.Status()))
		o.text("message", d.message)
		o.text("status", policy.CodeName(d.code))
		if len(d.shown) > 0 {
			d.appendDetails(&o)
		}
		o.end('}')
	default:
		d.appendProblem(&o)
	}
	o.end('}')
	return o.out
}

// appendProblem appends the members of RFC 9457 and this project's extensions, in the order in which
// they are sent. Keep [members] in step.
func (d *decided) appendProblem(o *object) {
	stated, info, omitted := d.parts.problem, d.parts.info, &d.parts.omitted
	o.text("type", cmp.Or(omitted.whole(stated.GetType()), d.typeURI))
	o.text("title", cmp.Or(omitted.shorten(stated.GetTitle(), MaxTextBytes), d.decision.Row.GetTitle()))
	o.number("status", int64(d.decision.Status()))
	o.optional("detail", d.detail())
	o.optional("instance", omitted.whole(cmp.Or(omitted.whole(stated.GetInstance()), d.request.Path)))
	o.text("code", policy.CodeName(d.code))
	o.optional("reason", omitted.whole(info.GetReason()))
	o.optional("domain", omitted.whole(info.GetDomain()))
	d.appendMetadata(o)
	d.appendViolations(o)
	if d.retryAfter > 0 {
		o.number("retryAfter", d.retryAfter)
	}
	d.appendQuotas(o)
	o.optional("requestId", d.request.RequestID)
	o.optional("traceId", d.request.TraceID)
	if len(d.shown) > 0 {
		d.appendDetails(o)
	}
	d.appendStated(o)
	d.appendOmitted(o)
}

func (d *decided) appendMetadata(o *object) {
	metadata := d.parts.info.GetMetadata()
	if len(metadata) == 0 {
		return
	}
	o.begin("metadata", '{')
	list := o.list(MaxMetadata, MaxListBytes)
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		value := metadata[key]
		list.add(len(key) <= MaxNameBytes && len(value) <= MaxTextBytes, func() { o.text(key, value) })
	}
	o.end('}')
	d.parts.omitted.Metadata += list.omitted
}

// appendViolations appends each google.rpc.BadRequest.FieldViolation. Its pointer is a
// JSON pointer (RFC 6901) into the request's body.
func (d *decided) appendViolations(o *object) {
	violations := d.parts.violations()
	if len(violations) == 0 {
		return
	}
	o.begin("errors", '[')
	list := o.list(MaxViolations, MaxListBytes)
	for _, one := range violations {
		list.add(len(one.GetField()) <= MaxNameBytes && len(one.GetReason()) <= MaxNameBytes, func() {
			o.next()
			o.out = append(o.out, '{')
			o.text("pointer", pointer(one.GetField(), d.request.BodyField))
			o.optional("detail", d.parts.omitted.shorten(one.GetDescription(), MaxTextBytes))
			o.optional("reason", one.GetReason())
			o.end('}')
		})
	}
	o.end(']')
	d.parts.omitted.Errors += list.omitted
}

// appendQuotas appends the names of the exhausted quotas, as in
// draft-ietf-httpapi-ratelimit-headers-10 §6.
func (d *decided) appendQuotas(o *object) {
	var named []string
	for _, one := range d.parts.quota.GetViolations() {
		if id := one.GetQuotaId(); id != "" {
			named = append(named, id)
		}
	}
	if len(named) == 0 {
		return
	}
	o.begin("violated-policies", '[')
	list := o.list(MaxQuotaViolations, MaxListBytes)
	for _, id := range named {
		list.add(len(id) <= MaxNameBytes, func() {
			o.next()
			o.out = jsoncodec.AppendString(o.out, id)
		})
	}
	o.end(']')
	d.parts.omitted.Policies += list.omitted
}

// appendDetails appends every detail that the client may read, without loss. A detail can be many
// times as long in JSON as in protobuf, so both the work and the result have limits.
func (d *decided) appendDetails(o *object) {
	o.begin("details", '[')
	list := o.list(MaxDetails, MaxDetailsBytes)
	for _, one := range d.shown {
		list.add(list.work < maxWork, func() {
			o.next()
			o.out = d.codec.AppendAny(o.out, one)
		})
	}
	o.end(']')
	d.parts.omitted.Details += list.omitted
}

// appendStated appends the extension members of the backend, except names that this project uses: the
// meaning of those must not depend on the backend. It leaves out a value without a JSON form, such as
// NaN, and keeps the others.
func (d *decided) appendStated(o *object) {
	stated := d.parts.problem.GetExtensions().GetFields()
	if len(stated) == 0 {
		return
	}
	reserved := members()
	list := o.list(MaxExtensions, MaxListBytes)
	for _, name := range slices.Sorted(maps.Keys(stated)) {
		if !isExtensionName(name) || slices.Contains(reserved, name) {
			continue
		}
		list.add(len(name) <= MaxNameBytes && list.work < maxWork, func() {
			if value, err := jsoncodec.Marshal(stated[name]); err == nil {
				o.name(name)
				o.out = append(o.out, value...)
			}
		})
	}
	d.parts.omitted.Extensions += list.omitted
}

// appendOmitted appends the counts of omitted parts, if there are any.
func (d *decided) appendOmitted(o *object) {
	if d.parts.omitted == (Omitted{}) {
		return
	}
	o.begin("omitted", '{')
	for _, one := range d.parts.omitted.counts() {
		if one.count > 0 {
			o.number(one.name, int64(one.count))
		}
	}
	o.end('}')
}

// members returns the names of all members that this project defines for a problem, even those that a
// particular problem leaves out.
func members() []string {
	return []string{
		"type", "title", "status", "detail", "instance", "code", "reason", "domain",
		"metadata", "errors", "retryAfter", "requestId", "traceId", "details", "omitted",
	}
}

// isExtensionName reports whether a name follows RFC 9457 §3.2, so that it works in any format.
func isExtensionName(name string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return len(name) >= 3 && strings.ContainsRune(letters, rune(name[0])) && strings.Trim(name, letters+"0123456789_") == ""
}

// object builds JSON text, by members of objects and elements of arrays.
type object struct{ out []byte }

// next begins a member or an element.
func (o *object) next() {
	if last := o.out[len(o.out)-1]; last != '{' && last != '[' {
		o.out = append(o.out, ',')
	}
}

// name writes the name of a member.
func (o *object) name(name string) {
	o.next()
	o.out = append(jsoncodec.AppendString(o.out, name), ':')
}

func (o *object) text(name, value string) {
	o.name(name)
	o.out = jsoncodec.AppendString(o.out, value)
}

// optional writes a member, unless its value is empty.
func (o *object) optional(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

func (o *object) number(name string, value int64) {
	o.name(name)
	o.out = strconv.AppendInt(o.out, value, 10)
}

func (o *object) begin(name string, bracket byte) {
	o.name(name)
	o.out = append(o.out, bracket)
}

func (o *object) end(bracket byte) { o.out = append(o.out, bracket) }

// list limits a part of an object. Its methods leave the object valid JSON.
type list struct {
	object   *object
	maxCount int
	end      int // the maximum length of the object

	count   int
	omitted int
	work    int // bytes that were written, including those that did not fit
}

// list begins a list of at most maxCount elements and maxBytes bytes.
//
//nolint:unparam // the constants for maxBytes are independent, and equal today.
func (o *object) list(maxCount, maxBytes int) *list {
	return &list{object: o, maxCount: maxCount, end: len(o.out) + maxBytes}
}

// add appends an element with write. If the element is not allowed, too long or one too many, add
// counts it as omitted.
func (l *list) add(isAllowed bool, write func()) {
	if !isAllowed || l.count == l.maxCount {
		l.omitted++
		return
	}
	before := len(l.object.out)
	write()
	l.work += len(l.object.out) - before
	if len(l.object.out) > l.end {
		l.object.out = l.object.out[:before]
		l.omitted++
		return
	}
	l.count++
}
