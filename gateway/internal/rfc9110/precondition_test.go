package rfc9110_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// fieldsOf returns the lines of a map, as a request's header would.
func fieldsOf(header map[string][]string) rfc9110.Fields {
	return func(name string) []string { return header[name] }
}

const (
	saturday = "Sat, 05 Nov 1994 08:49:37 GMT"
	sunday   = "Sun, 06 Nov 1994 08:49:37 GMT"
	monday   = "Mon, 07 Nov 1994 08:49:37 GMT"
)

func sundayTime() time.Time {
	return time.Date(1994, time.November, 6, 8, 49, 37, 0, time.UTC)
}

func TestParsePreconditions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		header  map[string][]string
		want    rfc9110.Preconditions
		present bool
	}{
		{name: "none", header: map[string][]string{"Accept": {"*/*"}}},
		{
			name:    "If-Match over two lines",
			header:  map[string][]string{"If-Match": {`"a"`, `"b"`}},
			want:    rfc9110.Preconditions{IfMatch: listed("a", "b")},
			present: true,
		},
		{
			name:    "If-None-Match",
			header:  map[string][]string{"If-None-Match": {`*`}},
			want:    rfc9110.Preconditions{IfNoneMatch: rfc9110.Condition{Present: true, Any: true}},
			present: true,
		},
		{
			name:    "If-Modified-Since",
			header:  map[string][]string{"If-Modified-Since": {" " + sunday + "\t"}},
			want:    rfc9110.Preconditions{IfModifiedSince: sundayTime()},
			present: true,
		},
		{
			name:    "If-Unmodified-Since as asctime",
			header:  map[string][]string{"If-Unmodified-Since": {"Sun Nov  6 08:49:37 1994"}},
			want:    rfc9110.Preconditions{IfUnmodifiedSince: sundayTime()},
			present: true,
		},
		{name: "invalid date", header: map[string][]string{"If-Modified-Since": {"yesterday"}, "If-Unmodified-Since": {""}}},
		{name: "list of dates", header: map[string][]string{"If-Modified-Since": {sunday + ", " + monday}, "If-Unmodified-Since": {sunday + ", " + sunday}}},
		{name: "two lines of dates", header: map[string][]string{"If-Modified-Since": {sunday, sunday}, "If-Unmodified-Since": {sunday, ""}}},
		{
			name:    "the first second of year 1 is not an absent date",
			header:  map[string][]string{"If-Unmodified-Since": {"Mon, 01 Jan 0001 00:00:00 GMT"}},
			want:    rfc9110.Preconditions{IfUnmodifiedSince: time.Time{}.Add(time.Second)},
			present: true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := rfc9110.ParsePreconditions(fieldsOf(tt.header))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Present() != tt.present {
				t.Errorf("Present() = %v, want %v", got.Present(), tt.present)
			}
		})
	}
}

func TestParsePreconditionsErrors(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"If-Match", "If-None-Match"} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			got, err := rfc9110.ParsePreconditions(fieldsOf(map[string][]string{
				field: {`"a"`, "b\r\n"}, "If-Modified-Since": {sunday},
			}))
			fieldError, ok := errors.AsType[*rfc9110.FieldError](err)
			if !ok {
				t.Fatalf("error = %v, want a FieldError", err)
			}
			want := &rfc9110.FieldError{Field: field, Value: "\"a\", b\r\n", Reason: "not an entity-tag: no opening quote"}
			if diff := cmp.Diff(want, fieldError); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if text := fieldError.Error(); text != field+": not an entity-tag: no opening quote" {
				t.Errorf("Error() = %q", text)
			}
			if diff := cmp.Diff(rfc9110.Preconditions{}, got); diff != "" {
				t.Errorf("value beside an error (-want +got):\n%s", diff)
			}
		})
	}
}

// request is a request and a resource in the words of the wire.
type request struct {
	header       map[string][]string
	write        bool
	tag          string // empty: the resource has no tag
	lastModified time.Time
	missing      bool
}

func (r request) String() string {
	return fmt.Sprintf("%v write=%v tag=%s modified=%v missing=%v", r.header, r.write, r.tag, r.lastModified, r.missing)
}

func (r request) evaluate(t *testing.T) rfc9110.Outcome {
	t.Helper()
	p, err := rfc9110.ParsePreconditions(fieldsOf(r.header))
	if err != nil {
		t.Fatal(err)
	}
	v := rfc9110.Validators{LastModified: r.lastModified, Missing: r.missing}
	if r.tag != "" {
		v.HasTag = true
		if v.Tag, err = rfc9110.ParseETag(r.tag); err != nil {
			t.Fatal(err)
		}
	}
	return p.Evaluate(!r.write, v)
}

func header(pairs ...string) map[string][]string {
	h := make(map[string][]string)
	for pair := range slices.Chunk(pairs, 2) {
		h[pair[0]] = append(h[pair[0]], pair[1])
	}
	return h
}

func TestEvaluateTags(t *testing.T) {
	t.Parallel()
	const (
		proceed     = rfc9110.Proceed
		notModified = rfc9110.NotModified
		failed      = rfc9110.Failed
	)
	tests := []struct {
		name string
		req  request
		want rfc9110.Outcome
	}{
		{"no condition", request{tag: `"1"`}, proceed},
		{"no condition on a write", request{write: true, tag: `"1"`}, proceed},

		{"weak comparison, both weak", request{header: header("If-None-Match", `W/"1"`), tag: `W/"1"`}, notModified},
		{"weak comparison, one weak", request{header: header("If-None-Match", `W/"1"`), tag: `"1"`}, notModified},
		{"weak comparison, the other weak", request{header: header("If-None-Match", `"1"`), tag: `W/"1"`}, notModified},
		{"weak comparison, both strong", request{header: header("If-None-Match", `"1"`), tag: `"1"`}, notModified},
		{"weak comparison, different", request{header: header("If-None-Match", `W/"2"`), tag: `W/"1"`}, proceed},
		{"match in a list", request{header: header("If-None-Match", "\"x\"\t,, \"E\",\"y\""), tag: `"E"`}, notModified},
		{"match on the second line", request{header: header("If-None-Match", `"x"`, "If-None-Match", `"E"`), tag: `"E"`}, notModified},
		{"match on the first line", request{header: header("If-None-Match", `"E"`, "If-None-Match", `"x"`), tag: `"E"`}, notModified},
		{"comma in the tag", request{header: header("If-None-Match", `"a,b"`), tag: `"a,b"`}, notModified},
		{"comma between tags", request{header: header("If-None-Match", `"a", "b"`), tag: `"a,b"`}, proceed},
		{"backslash at the end of a tag", request{header: header("If-None-Match", `"a\", "b"`), tag: `"b"`}, notModified},
		{"If-None-Match * on what is there", request{header: header("If-None-Match", "*"), tag: `"1"`}, notModified},
		{"If-None-Match * without a tag", request{header: header("If-None-Match", "*")}, notModified},
		{"If-None-Match * on what is missing", request{header: header("If-None-Match", "*"), missing: true}, proceed},
		{"star in quotes", request{header: header("If-None-Match", `"*"`), tag: `"1"`}, proceed},
		{"If-None-Match without a tag to compare", request{header: header("If-None-Match", `""`)}, proceed},
		{"write with If-None-Match", request{header: header("If-None-Match", `"1"`), write: true, tag: `"1"`}, failed},
		{"write with other If-None-Match", request{header: header("If-None-Match", `"2"`), write: true, tag: `"1"`}, proceed},
		{"create", request{header: header("If-None-Match", "*"), write: true, missing: true}, proceed},
		{"create what is there", request{header: header("If-None-Match", "*"), write: true, tag: `"1"`}, failed},

		{"strong comparison, both weak", request{header: header("If-Match", `W/"1"`), write: true, tag: `W/"1"`}, failed},
		{"strong comparison, one weak", request{header: header("If-Match", `W/"1"`), write: true, tag: `"1"`}, failed},
		{"strong comparison, the other weak", request{header: header("If-Match", `"1"`), write: true, tag: `W/"1"`}, failed},
		{"strong comparison, both strong", request{header: header("If-Match", `"1"`), write: true, tag: `"1"`}, proceed},
		{"stale", request{header: header("If-Match", `"stale"`), write: true, tag: `"1"`}, failed},
		{"stale on a read", request{header: header("If-Match", `"stale"`), tag: `"1"`}, failed},
		{"If-Match in a list of two lines", request{header: header("If-Match", `"x",`, "If-Match", `"y", "1"`), write: true, tag: `"1"`}, proceed},
		{"If-Match * on what is there", request{header: header("If-Match", "*"), write: true, tag: `W/"1"`}, proceed},
		{"If-Match * on what is missing", request{header: header("If-Match", "*"), write: true, missing: true}, failed},
		{"If-Match on what is missing", request{header: header("If-Match", `"1"`), write: true, missing: true}, failed},
		{"If-Match without a tag to compare", request{header: header("If-Match", `""`), write: true}, failed},
		{"reading what is missing is 404 anyway", request{header: header("If-Match", "*"), missing: true}, proceed},

		{"stale If-Match before matching If-None-Match", request{header: header("If-Match", `"x"`, "If-None-Match", `"1"`), tag: `"1"`}, failed},
		{"both match", request{header: header("If-Match", `"1"`, "If-None-Match", `"1"`), tag: `"1"`}, notModified},
		{"both match on a write", request{header: header("If-Match", `"1"`, "If-None-Match", `"1"`), write: true, tag: `"1"`}, failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.req.evaluate(t); got != tt.want {
				t.Errorf("outcome %d, want %d", got, tt.want)
			}
		})
	}
}

func TestEvaluateDates(t *testing.T) {
	t.Parallel()
	const (
		proceed     = rfc9110.Proceed
		notModified = rfc9110.NotModified
		failed      = rfc9110.Failed
		since       = "If-Modified-Since"
		unless      = "If-Unmodified-Since"
		epoch       = "Thu, 01 Jan 1970 00:00:00 GMT"
	)
	at := sundayTime()
	tests := []struct {
		name string
		req  request
		want rfc9110.Outcome
	}{
		{"same second", request{header: header(since, sunday), lastModified: at}, notModified},
		{"same second with a fraction", request{header: header(since, sunday), lastModified: at.Add(time.Second - 1)}, notModified},
		{"a second later", request{header: header(since, sunday), lastModified: at.Add(time.Second)}, proceed},
		{"client is ahead", request{header: header(since, monday), lastModified: at}, notModified},
		{"RFC 850", request{header: header(since, "Sunday, 06-Nov-94 08:49:37 GMT"), lastModified: at}, notModified},
		{"asctime", request{header: header(since, "Sun Nov  6 08:49:37 1994"), lastModified: at}, notModified},
		{"before 1970 with a fraction", request{header: header(since, "Wed, 31 Dec 1969 23:59:58 GMT"), lastModified: time.Unix(-2, 1)}, notModified},
		{"no modification date", request{header: header(since, sunday)}, proceed},
		{"If-Modified-Since on a write", request{header: header(since, sunday), write: true, lastModified: at}, proceed},
		{"If-Modified-Since, list of dates", request{header: header(since, sunday+", "+sunday), lastModified: at}, proceed},
		{"If-Modified-Since, invalid", request{header: header(since, "06 Nov 1994"), lastModified: at}, proceed},
		{"missing", request{header: header(since, sunday), lastModified: at, missing: true}, proceed},
		{"If-None-Match overrides a later date", request{header: header("If-None-Match", `"x"`, since, monday), tag: `"1"`, lastModified: at}, proceed},
		{"If-None-Match overrides an earlier date", request{header: header("If-None-Match", `"1"`, since, epoch), tag: `"1"`, lastModified: at}, notModified},

		{"unmodified", request{header: header(unless, sunday), write: true, lastModified: at.Add(time.Second - 1)}, proceed},
		{"modified", request{header: header(unless, sunday), write: true, lastModified: at.Add(time.Second)}, failed},
		{"modified, on a read", request{header: header(unless, epoch), lastModified: at}, failed},
		{"no date to compare", request{header: header(unless, epoch), write: true}, proceed},
		{"missing, on a write", request{header: header(unless, epoch), write: true, lastModified: at, missing: true}, proceed},
		{"If-Unmodified-Since, invalid", request{header: header(unless, "Thu, 1 Jan 1970 00:00:00 GMT"), write: true, lastModified: at}, proceed},
		{"If-Match overrides an earlier date", request{header: header("If-Match", `"1"`, unless, epoch), write: true, tag: `"1"`, lastModified: at}, proceed},
		{"If-Match overrides a later date", request{header: header("If-Match", `"x"`, unless, monday), write: true, tag: `"1"`, lastModified: at}, failed},
		{"If-Unmodified-Since before If-None-Match", request{header: header(unless, epoch, "If-None-Match", `"1"`), tag: `"1"`, lastModified: at}, failed},
		{"If-Unmodified-Since, then If-Modified-Since", request{header: header(unless, sunday, since, sunday), lastModified: at}, notModified},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.req.evaluate(t); got != tt.want {
				t.Errorf("outcome %d, want %d", got, tt.want)
			}
		})
	}
}

// Every combination of conditions and validators, against the five steps of
// §13.2.2 written down one after another.
func TestEvaluateAll(t *testing.T) {
	t.Parallel()
	conditions := []string{"", "*", `"1"`, `W/"1"`, `"x"`, `"x", "1"`}
	dates := []string{"", saturday, sunday, monday}
	tags := []string{"", `"1"`, `W/"1"`}
	times := []time.Time{{}, sundayTime(), sundayTime().Add(time.Millisecond)}
	count := 0
	for _, r := range requests(conditions, dates) {
		for _, tag := range tags {
			for _, lastModified := range times {
				for _, missing := range []bool{false, true} {
					r.tag, r.lastModified, r.missing = tag, lastModified, missing
					if got, want := r.evaluate(t), r.steps(); got != want {
						t.Errorf("%s: outcome %d, want %d", r, got, want)
					}
					count++
				}
			}
		}
	}
	if want := 6 * 6 * 4 * 4 * 2 * 3 * 3 * 2; count != want {
		t.Errorf("%d combinations, want %d", count, want)
	}
}

func requests(conditions, dates []string) []request {
	all := make([]request, 0, 2*len(conditions)*len(conditions)*len(dates)*len(dates))
	for _, ifMatch := range conditions {
		for _, ifNoneMatch := range conditions {
			for _, ifModifiedSince := range dates {
				for _, ifUnmodifiedSince := range dates {
					h := make(map[string][]string)
					setIfAny(h, "If-Match", ifMatch)
					setIfAny(h, "If-None-Match", ifNoneMatch)
					setIfAny(h, "If-Modified-Since", ifModifiedSince)
					setIfAny(h, "If-Unmodified-Since", ifUnmodifiedSince)
					all = append(all, request{header: h}, request{header: h, write: true})
				}
			}
		}
	}
	return all
}

func setIfAny(h map[string][]string, name, value string) {
	if value != "" {
		h[name] = []string{value}
	}
}

// steps returns the outcome for conditions that are `"1"`, `W/"1"`, `"x"`, `"x", "1"` or
// *. It looks them up instead of parsing them.
func (r request) steps() rfc9110.Outcome {
	switch {
	case r.missing && !r.write:
		return rfc9110.Proceed // 404 with or without conditions
	case !r.mayAct():
		return rfc9110.Failed
	case !r.isCurrent():
		return rfc9110.Proceed
	case r.write:
		return rfc9110.Failed
	default:
		return rfc9110.NotModified
	}
}

func (r request) mayAct() bool {
	if sent, ok := r.header["If-Match"]; ok {
		equal := r.tag == `"1"` && !r.missing
		return map[string]bool{"*": !r.missing, `"1"`: equal, `"x", "1"`: equal}[sent[0]]
	}
	order, ok := r.compareDate("If-Unmodified-Since")
	return !ok || order >= 0
}

func (r request) isCurrent() bool {
	if sent, ok := r.header["If-None-Match"]; ok {
		equal := r.tag != "" && !r.missing
		return map[string]bool{"*": !r.missing, `"1"`: equal, `W/"1"`: equal, `"x", "1"`: equal}[sent[0]]
	}
	order, ok := r.compareDate("If-Modified-Since")
	return ok && !r.write && order >= 0
}

// compareDate places the date sent before (-1), at or after (1) the Sunday on
// which the resource was modified. ok is false if there is nothing to compare.
func (r request) compareDate(name string) (order int, ok bool) {
	sent, ok := r.header[name]
	if !ok || r.missing || r.lastModified.IsZero() {
		return 0, false
	}
	return map[string]int{saturday: -1, sunday: 0, monday: 1}[sent[0]], true
}

// A precondition that cannot be evaluated never turns into a match: 304-11.
func FuzzParsePreconditions(f *testing.F) {
	f.Add(`"a"`, `*`, sunday, monday)
	f.Add(`abc`, ``, `Sunday, 06-Nov-94 08:49:37 GMT`, `Sun Nov  6 08:49:37 1994`)
	f.Fuzz(func(t *testing.T, ifMatch, ifNoneMatch, since, unless string) {
		p, err := rfc9110.ParsePreconditions(fieldsOf(map[string][]string{
			"If-Match": {ifMatch}, "If-None-Match": {ifNoneMatch}, "If-Modified-Since": {since}, "If-Unmodified-Since": {unless},
		}))
		if err != nil {
			if _, ok := errors.AsType[*rfc9110.FieldError](err); !ok || p.Present() {
				t.Fatalf("error = %v, present = %v", err, p.Present())
			}
			return
		}
		if !p.IfMatch.Present || !p.IfNoneMatch.Present {
			t.Error("a condition that was sent is not present")
		}
		v := rfc9110.Validators{Tag: rfc9110.ETag{Opaque: "current"}, HasTag: true, LastModified: sundayTime()}
		if p.Evaluate(false, v) == rfc9110.NotModified {
			t.Error("304 to a write")
		}
	})
}
