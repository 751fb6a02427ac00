package contract

import (
	"slices"

	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// preferences reads which preferences the method honours. What could never be
// honoured is refused, because Vary would say that it can.
func (r *reader) preferences(method *Method, declared *statuswayv1.MethodSemantics) {
	for i, preference := range declared.GetPrefer() {
		if slices.Contains(declared.GetPrefer()[:i], preference) {
			r.failf(method.Descriptor, "%s stands twice under prefer", preference)
			continue
		}
		switch preference {
		case statuswayv1.Preference_PREFERENCE_RETURN:
			method.HonoursReturn = true
			r.honoursReturn(method)
		case statuswayv1.Preference_PREFERENCE_WAIT:
			method.HonoursWait = true
			r.honoursWait(method)
		case statuswayv1.Preference_PREFERENCE_UNSPECIFIED:
			r.failf(method.Descriptor, "prefer: %s is no preference", preference)
		default:
			r.failf(method.Descriptor, "prefer: %d is no preference that this gateway knows", preference)
		}
	}
}

func (r *reader) honoursReturn(method *Method) {
	r.wholeWrite(method, "prefer: PREFERENCE_RETURN")
	if !slices.Contains(method.Success, 200) && !slices.Contains(method.Success, 201) {
		r.failf(method.Descriptor, "prefer: PREFERENCE_RETURN is for 200 and 201: without either there is no representation (RFC 7240 §4.2)")
	}
}

func (r *reader) honoursWait(method *Method) {
	r.wholeWrite(method, "prefer: PREFERENCE_WAIT")
	if !slices.Contains(method.Success, 200) || !slices.Contains(method.Success, 202) {
		r.failf(method.Descriptor, "prefer: PREFERENCE_WAIT needs both 200 and 202: the wait decides between them (RFC 7240 §4.1, §4.3)")
	}
}

// wholeWrite refuses a read, and a stream, whose answer is no one thing.
func (r *reader) wholeWrite(method *Method, option string) {
	if verb := method.safeVerb(); verb != "" {
		r.failf(method.Descriptor, "%s is not for a %s", option, verb)
	}
	if method.ServerStreams || method.ClientStreams {
		r.failf(method.Descriptor, "%s is not for a stream", option)
	}
}
