package respond

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// details are what a google.rpc.Status carries beside code and message, each decoded by
// itself: a detail of unknown type, or with broken bytes, must not cost the others or the
// error itself. The bounds of bounds.go hold for everything that is decoded.
type details struct {
	all   []*anypb.Any // those that are looked at
	names []string     // the message types' full names, in order

	info      *errdetails.ErrorInfo
	retry     *errdetails.RetryInfo
	request   *errdetails.BadRequest
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

// The fields of details that are bounded before they are decoded.
const (
	badRequestViolations   protowire.Number = 1
	quotaFailureViolations protowire.Number = 1
	helpLinksField         protowire.Number = 1
	errorInfoMetadata      protowire.Number = 3
	problemExtensions      protowire.Number = 5
	structFields           protowire.Number = 1

	// maxDecodedMetadata is how many entries are decoded. More than are shown, because
	// those that are shown are the first by their names, and the wire has no order.
	maxDecodedMetadata = 16 * MaxMetadata
)

// add decodes a detail that the gateway uses. Where a type comes twice the first counts,
// as AIP-193 allows each only once; LocalizedMessage may come once for each locale.
func (d *details) add(one *anypb.Any) {
	switch one.MessageName() {
	case "google.rpc.ErrorInfo":
		unpack(one, &d.info, &errdetails.ErrorInfo{}, bound{errorInfoMetadata, maxDecodedMetadata, &d.omitted.Metadata})
	case "google.rpc.RetryInfo":
		unpack(one, &d.retry, &errdetails.RetryInfo{}, bound{})
	case "google.rpc.BadRequest":
		unpack(one, &d.request, &errdetails.BadRequest{}, bound{badRequestViolations, MaxViolations, &d.omitted.Errors})
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

// addProblem decodes a Problem without its extensions if these are too long. They are one
// field, so they cannot be bounded one by one.
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

// bound is how many entries of a repeated field are decoded. The zero value bounds no
// field: the message then consists of texts and numbers, and takes no more memory than
// its wire form.
type bound struct {
	field   protowire.Number
	max     int
	omitted *int
}

// unpack stores in *slot the message that one holds, unless there is one or the bytes
// are broken: a broken detail is still shown to the client as it is.
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

// public returns the details that a client may read: DebugInfo is never sent.
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
