package respond

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// details are what a google.rpc.Status carries beside code and message, taken
// apart one by one: a detail of unknown type, or with broken bytes, must not cost
// the others or the error itself.
type details struct {
	all   []*anypb.Any
	names []string // the message types' full names, in order

	info      *errdetails.ErrorInfo
	retry     *errdetails.RetryInfo
	request   *errdetails.BadRequest
	help      *errdetails.Help
	quota     *errdetails.QuotaFailure
	localized []*errdetails.LocalizedMessage
	problem   *statuswayv1.Problem
}

func takeApart(all []*anypb.Any) details {
	d := details{all: all, names: make([]string, 0, len(all))}
	for _, one := range all {
		d.names = append(d.names, string(one.MessageName()))
		d.take(one)
	}
	return d
}

// take files one detail. Where a type comes twice the first counts, as AIP-193
// allows each but once; LocalizedMessage may come once a locale.
func (d *details) take(one *anypb.Any) {
	switch one.MessageName() {
	case "google.rpc.ErrorInfo":
		unpack(one, &d.info, &errdetails.ErrorInfo{})
	case "google.rpc.RetryInfo":
		unpack(one, &d.retry, &errdetails.RetryInfo{})
	case "google.rpc.BadRequest":
		unpack(one, &d.request, &errdetails.BadRequest{})
	case "google.rpc.QuotaFailure":
		unpack(one, &d.quota, &errdetails.QuotaFailure{})
	case "google.rpc.Help":
		unpack(one, &d.help, &errdetails.Help{})
	case "statusway.v1.Problem":
		unpack(one, &d.problem, &statuswayv1.Problem{})
	case "google.rpc.LocalizedMessage":
		var message *errdetails.LocalizedMessage
		unpack(one, &message, &errdetails.LocalizedMessage{})
		if message != nil {
			d.localized = append(d.localized, message)
		}
	}
}

// unpack stores into *slot what one holds, unless something is there or the bytes
// are broken: a broken detail is still shown to the client as it is.
func unpack[M interface {
	comparable
	proto.Message
}](one *anypb.Any, slot *M, into M,
) {
	var none M
	if *slot == none && proto.Unmarshal(one.GetValue(), into) == nil {
		*slot = into
	}
}

const debugInfo = "google.rpc.DebugInfo"

// public returns the details that a client may read: DebugInfo leaves in no case.
func (d *details) public() []*anypb.Any {
	kept := make([]*anypb.Any, 0, len(d.all))
	for i, one := range d.all {
		if d.names[i] != debugInfo {
			kept = append(kept, one)
		}
	}
	return kept
}
