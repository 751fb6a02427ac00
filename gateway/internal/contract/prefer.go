package contract

import (
	"slices"

	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// preferences reads the preferences that the method honours. It refuses preferences that the method
// can never honour, because Vary would promise them.
func (r *reader) preferences(method *Method, declared *statuswayv1.MethodSemantics) {
	for i, preference := range declared.GetPrefer() {
		if slices.Contains(declared.GetPrefer()[:i], preference) {
			r.failf(method.Descriptor, "prefer: %s is a duplicate", preference)
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
			r.failf(method.Descriptor, "prefer: %s is not a preference", preference)
		default:
			r.failf(method.Descriptor, "prefer: %d is not a preference that this gateway knows", preference)
		}
	}
}

func (r *reader) honoursReturn(method *Method) {
	r.requireUnaryWrite(method, "prefer: PREFERENCE_RETURN")
	if !slices.Contains(method.Success, 200) && !slices.Contains(method.Success, 201) {
		r.failf(method.Descriptor, "prefer: PREFERENCE_RETURN needs 200 or 201: other statuses have no representation (RFC 7240 §4.2)")
	}
}

func (r *reader) honoursWait(method *Method) {
	r.requireUnaryWrite(method, "prefer: PREFERENCE_WAIT")
	if !slices.Contains(method.Success, 200) || !slices.Contains(method.Success, 202) {
		r.failf(method.Descriptor, "prefer: PREFERENCE_WAIT needs both 200 and 202: the preference chooses between them (RFC 7240 §4.1, §4.3)")
	}
}

// requireUnaryWrite refuses the option for reads and for streams.
func (r *reader) requireUnaryWrite(method *Method, option string) {
	if verb := method.safeVerb(); verb != "" {
		r.failf(method.Descriptor, "%s is not allowed for a %s", option, verb)
	}
	if method.ServerStreams || method.ClientStreams {
		r.failf(method.Descriptor, "%s is not allowed for a stream", option)
	}
}
