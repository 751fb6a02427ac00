package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRefused is about what can be read but is not closed, not total, or not what
// its author can have meant.
func TestRefused(t *testing.T) {
	t.Parallel()
	const pattern = `^[a-z][a-z0-9-]{0,62}$`
	tests := []struct {
		name, text string
		want       []string
	}{
		{"no name", without(t, "name: mine"), []string{`policy.yaml:1: name "" must match ` + pattern}},
		{"name in capitals", replaced(t, "name: mine", "name: Mine"), []string{`policy.yaml:1: name "Mine" must match ` + pattern}},
		{"name with a line end", replaced(t, "name: mine", `name: "mine\n"`), []string{`policy.yaml:1: name "mine\n" must match ` + pattern}},
		{"name of 64 characters", replaced(t, "name: mine", "name: "+strings.Repeat("a", 64)), []string{
			`policy.yaml:1: name "` + strings.Repeat("a", 64) + `" must match ` + pattern,
		}},

		{"row below 200", withRow(t, 199), []string{
			`policy.yaml:6: row 199: a status must be from 200 to 599`,
		}},
		{"row above 599", withRow(t, 600), []string{
			`policy.yaml:6: row 600: a status must be from 200 to 599`,
		}},
		{"row without a status", replaced(t, "catalogue:\n", "catalogue:\n  - {title: A, description: B.}\n"), []string{
			`policy.yaml:3: row 0: a status must be from 200 to 599`,
		}},
		{"row twice", withRow(t, 400), []string{
			`policy.yaml:6: row 400 is a duplicate: line 4 has the same status`,
		}},
		{"row without a title", replaced(t, "title: Yours, ", ""), []string{`policy.yaml:4: row 400 needs a title and a description: clients read both`}},
		{"row without a description", replaced(t, ", description: The server failed.", ""), []string{
			`policy.yaml:5: row 500 needs a title and a description: clients read both`,
		}},
		{"line end in a header", replaced(t, "title: Yours, ", `title: Yours, cacheControl: "no-store\r\nX-Evil: 1", `), []string{
			`policy.yaml:4: row 400: cacheControl "no-store\r\nX-Evil: 1" is not a valid header value`,
		}},

		{"rule to a missing row", minimal + "  - {name: extra, detail: a.B, status: 404}\n", []string{
			`policy.yaml:25: rule "extra" leads to 404, which is not in the catalogue`,
		}},
		{"rule without a status", minimal + "  - {name: extra, detail: a.B}\n", []string{
			`policy.yaml:25: rule "extra" leads to 0, which is not in the catalogue`,
		}},
		{"code to a success", replaced(t, "code: NOT_FOUND, status: 400", "code: NOT_FOUND, status: 200"), []string{
			`policy.yaml:12: rule "not-found" turns an error into the status 200`,
		}},
		{"OTHER to a success", replaced(t, "code: OTHER, status: 500", "code: OTHER, status: 200"), []string{
			`policy.yaml:24: rule "other" turns an error into the status 200`,
		}},
		{"reason to a success", minimal + "  - {name: extra, domain: a, reason: B, status: 200}\n", []string{
			`policy.yaml:25: rule "extra" turns an error into the status 200`,
		}},
		{"detail to a redirect", withRow(t, 307) + "  - {name: extra, detail: a.B, status: 307}\n", []string{
			`policy.yaml:26: rule "extra" turns an error into the status 307`,
		}},
		{"detail to 304", withRow(t, 304) + "  - {name: extra, detail: a.B, status: 304}\n", []string{
			`policy.yaml:26: rule "extra" turns an error into the status 304`,
		}},
		{"OK to another success", strings.Replace(withRow(t, 204), "code: OK, status: 200", "code: OK, status: 204", 1), []string{
			`policy.yaml:8: rule "ok": OK is 200 unless a method declares another status`,
		}},
		{"OK to an error", replaced(t, "code: OK, status: 200", "code: OK, status: 500"), []string{
			`policy.yaml:7: rule "ok": OK is 200 unless a method declares another status`,
		}},
		{"OK under a condition", minimal + "  - {name: extra, code: OK, conditional: true, status: 200}\n", []string{
			`policy.yaml:25: rule "extra": a rule for OK cannot be conditional`,
		}},
		{"OK with a detail", minimal + "  - {name: extra, code: OK, detail: a.B, status: 200}\n", []string{
			`policy.yaml:25: rule "extra": an OK status has no details`,
		}},

		{"rule without a name", minimal + "  - {detail: a.B, status: 400}\n", []string{`policy.yaml:25: rule "": a name must match ` + pattern}},
		{"rule with a wrong name", replaced(t, "name: not-found", "name: not_found"), []string{
			`policy.yaml:12: rule "not_found": a name must match ` + pattern,
		}},
		{"name of a rule twice", minimal + "  - {name: not-found, detail: a.B, status: 400}\n", []string{
			`policy.yaml:25: rule "not-found": line 12 has the same name`,
		}},
		{"name declared", minimal + "  - {name: declared, detail: a.B, status: 400}\n", []string{
			`policy.yaml:25: rule "declared": the name is reserved`,
		}},
		{"name not-modified", minimal + "  - {name: not-modified, detail: a.B, status: 400}\n", []string{
			`policy.yaml:25: rule "not-modified": the name is reserved`,
		}},

		{"no key", minimal + "  - {name: extra, status: 400}\n", []string{
			`policy.yaml:25: rule "extra" has no key: give a domain and reason, a detail, or a code`,
		}},
		{"reason without a domain", minimal + "  - {name: extra, reason: B, status: 400}\n", []string{
			`policy.yaml:25: rule "extra": domain and reason must be set together`,
		}},
		{"domain without a reason", minimal + "  - {name: extra, domain: a, code: OK, status: 400}\n", []string{
			`policy.yaml:25: rule "extra": domain and reason must be set together`,
		}},
		{"reason with a code", minimal + "  - {name: extra, domain: a, reason: B, code: ABORTED, status: 400}\n", []string{
			`policy.yaml:25: rule "extra": a rule with a reason cannot have a detail or a code`,
		}},
		{"reason with OK", minimal + "  - {name: extra, domain: a, reason: B, code: OK, status: 200}\n", []string{
			`policy.yaml:25: rule "extra": a rule with a reason cannot have a detail or a code`,
		}},
		{"reason with a detail", minimal + "  - {name: extra, domain: a, reason: B, detail: a.B, status: 400}\n", []string{
			`policy.yaml:25: rule "extra": a rule with a reason cannot have a detail or a code`,
		}},
		{"unknown code", minimal + "  - {name: extra, code: NOTFOUND, status: 400}\n", []string{
			`policy.yaml:25: rule "extra": "NOTFOUND" is not a gRPC code; OTHER means numbers without a name`,
		}},
		{"number for a code", minimal + "  - {name: extra, code: '5', status: 400}\n", []string{
			`policy.yaml:25: rule "extra": "5" is not a gRPC code; OTHER means numbers without a name`,
		}},
		{"code with one L", minimal + "  - {name: extra, code: CANCELED, status: 400}\n", []string{
			`policy.yaml:25: rule "extra": "CANCELED" is not a gRPC code; OTHER means numbers without a name`,
		}},
		{"detail with an unknown code", minimal + "  - {name: extra, detail: a.B, code: other, status: 400}\n", []string{
			`policy.yaml:25: rule "extra": "other" is not a gRPC code; OTHER means numbers without a name`,
		}},
		{"type URL for a detail", minimal + "  - {name: extra, detail: type.googleapis.com/google.rpc.Help, status: 400}\n", []string{
			`policy.yaml:25: rule "extra": "type.googleapis.com/google.rpc.Help" is not the full name of a message`,
		}},

		{"code twice", minimal + "  - {name: extra, code: NOT_FOUND, status: 500}\n", []string{
			`policy.yaml:25: rule "extra" repeats rule "not-found" of line 12: both have the same key`,
		}},
		{"OTHER twice", minimal + "  - {name: extra, code: OTHER, status: 500}\n", []string{
			`policy.yaml:25: rule "extra" repeats rule "other" of line 24: both have the same key`,
		}},
		{"reason twice", minimal + "  - {name: a, domain: a, reason: B, status: 400}\n  - {name: b, domain: a, reason: B, status: 500}\n", []string{
			`policy.yaml:26: rule "b" repeats rule "a" of line 25: both have the same key`,
		}},
		{"detail twice", minimal + "  - {name: a, detail: a.B, status: 400}\n  - {name: b, detail: a.B, status: 400}\n", []string{
			`policy.yaml:26: rule "b" repeats rule "a" of line 25: both have the same key`,
		}},
		{"detail and code twice", minimal + "  - {name: a, detail: a.B, code: ABORTED, status: 400}\n" +
			"  - {name: b, code: ABORTED, detail: a.B, status: 400}\n", []string{
			`policy.yaml:26: rule "b" repeats rule "a" of line 25: both have the same key`,
		}},
		{"conditional twice", minimal + "  - {name: a, code: ABORTED, conditional: true, status: 400}\n" +
			"  - {name: b, code: ABORTED, conditional: true, status: 400}\n", []string{
			`policy.yaml:26: rule "b" repeats rule "a" of line 25: both have the same key`,
		}},

		{"retryAfter of nothing", minimal + "  - {name: extra, detail: a.B, status: 500, retryAfter: 0s}\n", []string{
			`policy.yaml:25: rule "extra": retryAfter must be more than 0s and at most 24h0m0s`,
		}},
		{"retryAfter in the past", minimal + "  - {name: extra, detail: a.B, status: 500, retryAfter: -1s}\n", []string{
			`policy.yaml:25: rule "extra": retryAfter must be more than 0s and at most 24h0m0s`,
		}},
		{"retryAfter past a day", minimal + "  - {name: extra, detail: a.B, status: 500, retryAfter: 24h0m0.000000001s}\n", []string{
			`policy.yaml:25: rule "extra": retryAfter must be more than 0s and at most 24h0m0s`,
		}},

		{"no OK", without(t, "  - {name: ok,"), []string{`policy.yaml:1: the code OK has no rule`}},
		{"no ABORTED", without(t, "  - {name: aborted,"), []string{`policy.yaml:1: the code ABORTED has no rule`}},
		{"no UNAUTHENTICATED", "# Line 2 is the first.\n" + without(t, "  - {name: unauthenticated,"), []string{
			`policy.yaml:2: the code UNAUTHENTICATED has no rule`,
		}},
		{"no OTHER", without(t, "  - {name: other,"), []string{`policy.yaml:1: the code OTHER (every number without a name) has no rule`}},
		{"only a conditional ABORTED", replaced(t, "code: ABORTED", "code: ABORTED, conditional: true"), []string{
			`policy.yaml:17: rule "aborted" is conditional, and the code ABORTED has no other rule`,
		}},
		{"only a detail of ABORTED", replaced(t, "code: ABORTED", "code: ABORTED, detail: a.B"), []string{
			`policy.yaml:1: the code ABORTED has no rule`,
		}},

		{"several at once", replaced(t, "title: Yours, ", "") +
			"  - {name: Extra, code: ABORTED, status: 404, retryAfter: 0s}\n  - {name: other, status: 200}\n", []string{
			`policy.yaml:4: row 400 needs a title and a description: clients read both`,
			`policy.yaml:25: rule "Extra": a name must match ` + pattern,
			`policy.yaml:25: rule "Extra" leads to 404, which is not in the catalogue`,
			`policy.yaml:25: rule "Extra": retryAfter must be more than 0s and at most 24h0m0s`,
			`policy.yaml:25: rule "Extra" repeats rule "aborted" of line 17: both have the same key`,
			`policy.yaml:26: rule "other": line 24 has the same name`,
			`policy.yaml:26: rule "other" turns an error into the status 200`,
			`policy.yaml:26: rule "other" has no key: give a domain and reason, a detail, or a code`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, messages(t, test.text)); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEveryCodeIsRequired removes each code in turn.
func TestEveryCodeIsRequired(t *testing.T) {
	t.Parallel()
	lines := strings.SplitAfter(minimal, "\n")
	missing := 0
	for number, line := range lines {
		_, code, found := strings.Cut(line, "code: ")
		if !found {
			continue
		}
		missing++
		code, _, _ = strings.Cut(code, ",")
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			got := messages(t, strings.Join(lines[:number], "")+strings.Join(lines[number+1:], ""))
			if len(got) != 1 || !strings.HasPrefix(got[0], "policy.yaml:1: the code "+code) {
				t.Errorf("got %q, want that the code %s has no rule", got, code)
			}
		})
	}
	if missing != 18 {
		t.Errorf("took %d codes away, want 17 and OTHER", missing)
	}
}

// TestAccepted tests the allowed side of the limits.
func TestAccepted(t *testing.T) {
	t.Parallel()
	head, rules, _ := strings.Cut(minimal, "rules:")
	tests := []struct{ name, text string }{
		{"name of 63 characters", replaced(t, "name: mine", "name: "+strings.Repeat("a", 63))},
		{"rows 200 and 599", withRow(t, 599) + "  - {name: extra, detail: a.B, status: 599}\n"},
		{"a row of success that no method declares", withRow(t, 203)},
		{"a code to the first error", replaced(t, "code: NOT_FOUND, status: 400", "code: NOT_FOUND, status: 400")},
		{"retryAfter of a day", minimal + "  - {name: extra, detail: a.B, status: 500, retryAfter: 24h}\n"},
		{"retryAfter of a nanosecond", minimal + "  - {name: extra, detail: a.B, status: 500, retryAfter: 1ns}\n"},
		{"the same reason of two domains", minimal + "  - {name: a, domain: a, reason: B, status: 400}\n  - {name: b, domain: b, reason: B, status: 400}\n"},
		{"the same key with and without a condition", minimal + "  - {name: a, code: ABORTED, conditional: true, status: 400}\n"},
		{"a detail with and without a code", minimal + "  - {name: a, detail: a.B, status: 400}\n  - {name: b, detail: a.B, code: OTHER, status: 400}\n"},
		{"a Cache-Control", replaced(t, "title: Yours, ", `title: Yours, cacheControl: "max-age=1, no-transform", `)},
		{"rules before the catalogue", "rules:" + rules + head},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			load(t, test.text)
		})
	}
}
