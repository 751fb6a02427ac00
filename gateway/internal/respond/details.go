package respond

import (
	"cmp"
	"strconv"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// details are the details of a google.rpc.Status. Each is decoded separately, so that a detail of
// unknown type or with invalid bytes does not affect the others or the error itself. The limits of
// bounds.go apply to everything that is decoded.
type details struct {
	all   []*anypb.Any // at most MaxInspectedDetails
	names []string     // the message types' full names, in order

	info      *errdetails.ErrorInfo
	retry     *errdetails.RetryInfo
	request   *errdetails.BadRequest
	rules     *validate.Violations
	help      *errdetails.Help
	quota     *errdetails.QuotaFailure
	localized []*errdetails.LocalizedMessage
	problem   *statuswayv1.Problem

	omitted Omitted
}

func parseDetails(all []*anypb.Any) details {
	inspected := all[:min(len(all), MaxInspectedDetails)]
	d := details{all: inspected, names: make([]string, 0, len(inspected))}
	d.omitted.Details = len(all) - len(inspected)
	for _, one := range inspected {
		d.names = append(d.names, string(one.MessageName()))
		d.add(one)
	}
	return d
}

// The fields of details that are limited before they are decoded.
const (
	badRequestViolations   protowire.Number = 1
	brokenRules            protowire.Number = 1
	quotaFailureViolations protowire.Number = 1
	helpLinksField         protowire.Number = 1
	errorInfoMetadata      protowire.Number = 3
	problemExtensions      protowire.Number = 5
	structFields           protowire.Number = 1

	// maxDecodedMetadata is the maximum number of entries to decode. It is larger than MaxMetadata,
	// because the response contains the first entries by name, and the wire form is not sorted.
	maxDecodedMetadata = 16 * MaxMetadata
)

// add decodes a detail that the gateway uses. If a type occurs twice, the first counts, because AIP-193
// allows each type only once. LocalizedMessage may occur once for each locale.
func (d *details) add(one *anypb.Any) {
	switch one.MessageName() {
	case "google.rpc.ErrorInfo":
		unpack(one, &d.info, &errdetails.ErrorInfo{}, bound{errorInfoMetadata, maxDecodedMetadata, &d.omitted.Metadata})
	case "google.rpc.RetryInfo":
		unpack(one, &d.retry, &errdetails.RetryInfo{}, bound{})
	case "google.rpc.BadRequest":
		unpack(one, &d.request, &errdetails.BadRequest{}, bound{badRequestViolations, MaxViolations, &d.omitted.Errors})
	case "buf.validate.Violations":
		unpack(one, &d.rules, &validate.Violations{}, bound{brokenRules, MaxViolations, &d.omitted.Errors})
	case "google.rpc.QuotaFailure":
		unpack(one, &d.quota, &errdetails.QuotaFailure{}, bound{quotaFailureViolations, MaxQuotaViolations, &d.omitted.Policies})
	case "google.rpc.Help":
		unpack(one, &d.help, &errdetails.Help{}, bound{helpLinksField, MaxLinks, &d.omitted.Links})
	case "statusway.v1.Problem":
		d.addProblem(one)
	case "google.rpc.LocalizedMessage":
		d.addLocalized(one)
	}
}

// addProblem decodes a Problem. If its extensions are too long, it leaves all of them out, because they
// are one field and cannot be limited separately.
func (d *details) addProblem(one *anypb.Any) {
	wire, tooLong, ok := firstEntries(one.GetValue(), problemExtensions, 1)
	if tooLong > 0 || len(wire) > maxPartBytes {
		wire, _, ok = firstEntries(one.GetValue(), problemExtensions, 0)
	}
	if !ok {
		return
	}
	unpack(&anypb.Any{Value: wire}, &d.problem, &statuswayv1.Problem{}, bound{})
	if d.problem != nil && len(wire) < len(one.GetValue()) {
		d.omitted.Extensions += countExtensions(one.GetValue())
	}
}

func countExtensions(wire []byte) int {
	count := 0
	forEachField(wire, problemExtensions, func(extensions []byte) {
		forEachField(extensions, structFields, func([]byte) { count++ })
	})
	return count
}

func forEachField(wire []byte, field protowire.Number, do func(content []byte)) {
	for len(wire) > 0 {
		number, kind, length := protowire.ConsumeField(wire)
		if length < 0 {
			return
		}
		if number == field && kind == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(wire)
			content, _ := protowire.ConsumeBytes(wire[tag:])
			do(content)
		}
		wire = wire[length:]
	}
}

func (d *details) addLocalized(one *anypb.Any) {
	var message *errdetails.LocalizedMessage
	if len(d.localized) < MaxLocalizedMessages {
		unpack(one, &message, &errdetails.LocalizedMessage{}, bound{})
	}
	switch {
	case message != nil && len(message.GetLocale()) <= maxLocaleBytes:
		d.localized = append(d.localized, message)
	case message != nil || len(d.localized) == MaxLocalizedMessages:
		d.omitted.LocalizedMessages++
	}
}

// bound limits how many entries of a repeated field are decoded. The zero value limits nothing; it is
// for messages of texts and numbers, which take no more memory than their wire form.
type bound struct {
	field   protowire.Number
	max     int
	omitted *int
}

// unpack decodes the message of a detail into *slot, unless *slot is set or the bytes are invalid. The
// client gets an invalid detail unchanged.
func unpack[M interface {
	comparable
	proto.Message
}](one *anypb.Any, slot *M, into M, limit bound,
) {
	var none M
	if *slot != none {
		return
	}
	wire, omitted := one.GetValue(), 0
	if limit.field != 0 {
		var ok bool
		if wire, omitted, ok = firstEntries(wire, limit.field, limit.max); !ok {
			return
		}
	}
	if proto.Unmarshal(wire, into) != nil {
		return
	}
	*slot = into
	if limit.omitted != nil {
		*limit.omitted += omitted
	}
}

const debugInfo = "google.rpc.DebugInfo"

// public returns the details that a client may read: all except DebugInfo.
func (d *details) public() []*anypb.Any {
	kept := make([]*anypb.Any, 0, min(len(d.all), MaxDetails))
	left := MaxDetailsBytes
	for i, one := range d.all {
		size := len(one.GetTypeUrl()) + len(one.GetValue())
		switch {
		case d.names[i] == debugInfo:
		case len(kept) == MaxDetails || size > min(left, MaxDetailBytes):
			d.omitted.Details++
		default:
			kept = append(kept, one)
			left -= size
		}
	}
	return kept
}

// violations returns the field violations. A BadRequest has precedence, because a service that sends both
// describes the same violations twice.
func (d *details) violations() []*errdetails.BadRequest_FieldViolation {
	if d.request != nil || d.rules == nil {
		return d.request.GetFieldViolations()
	}
	all := make([]*errdetails.BadRequest_FieldViolation, 0, len(d.rules.GetViolations()))
	for _, one := range d.rules.GetViolations() {
		all = append(all, &errdetails.BadRequest_FieldViolation{
			Field: fieldPath(one.GetField()), Description: cmp.Or(one.GetMessage(), one.GetRuleId()), Reason: one.GetRuleId(),
		})
	}
	return all
}

// fieldPath returns the path of a protovalidate violation as google.rpc.BadRequest writes it.
func fieldPath(path *validate.FieldPath) string {
	var out strings.Builder
	for i, element := range path.GetElements() {
		if i > 0 {
			out.WriteByte('.')
		}
		out.WriteString(element.GetFieldName())
		switch subscript := element.GetSubscript().(type) {
		case *validate.FieldPathElement_Index:
			out.WriteString("[" + strconv.FormatUint(subscript.Index, 10) + "]")
		case *validate.FieldPathElement_BoolKey:
			out.WriteString("[" + strconv.FormatBool(subscript.BoolKey) + "]")
		case *validate.FieldPathElement_IntKey:
			out.WriteString("[" + strconv.FormatInt(subscript.IntKey, 10) + "]")
		case *validate.FieldPathElement_UintKey:
			out.WriteString("[" + strconv.FormatUint(subscript.UintKey, 10) + "]")
		case *validate.FieldPathElement_StringKey:
			out.WriteString(`["` + subscript.StringKey + `"]`)
		}
	}
	return out.String()
}
