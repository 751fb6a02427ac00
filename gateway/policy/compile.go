package policy

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// namePattern matches the names of policies and rules. Metrics use the names as labels.
var namePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// fieldPattern matches a valid Cache-Control: one line of visible ASCII (RFC 9110 §5.5). A line end
// would corrupt the response.
var fieldPattern = regexp.MustCompile(`^[ -~]*$`)

// maxRetryAfter is the longest Retry-After. Clients are unlikely to wait longer.
const maxRetryAfter = 24 * time.Hour

// compiler compiles a policy into a table. It collects all problems, so that the author can fix the
// file in one go.
type compiler struct {
	table    *Table
	position positions
	file     string
	names    map[string]*statuswayv1.Rule
	errs     []error
}

func (c *compiler) failf(at proto.Message, format string, args ...any) {
	c.errs = append(c.errs, &FileError{File: c.file, Line: c.position[at], Reason: fmt.Sprintf(format, args...)})
}

func (c *compiler) compile() error {
	policy := c.table.policy
	if !namePattern.MatchString(policy.GetName()) {
		c.failf(policy, "name %q must match %s", policy.GetName(), namePattern)
	}
	for _, row := range policy.GetCatalogue() {
		c.row(row)
	}
	for _, rule := range policy.GetRules() {
		c.rule(rule)
	}
	c.checkCodes()
	return errors.Join(c.errs...)
}

func (c *compiler) row(row *statuswayv1.Row) {
	status := row.GetStatus()
	switch {
	case status < statusOK || status > 599:
		c.failf(row, "row %d: a status must be from 200 to 599", status)
	case c.table.rows[status] != nil:
		c.failf(row, "row %d is a duplicate: line %d has the same status", status, c.position[c.table.rows[status]])
	default:
		c.table.rows[status] = row
	}
	if row.GetTitle() == "" || row.GetDescription() == "" {
		c.failf(row, "row %d needs a title and a description: clients read both", status)
	}
	if !fieldPattern.MatchString(row.GetCacheControl()) {
		c.failf(row, "row %d: cacheControl %q is not a valid header value", status, row.GetCacheControl())
	}
}

func (c *compiler) rule(rule *statuswayv1.Rule) {
	name, status := rule.GetName(), rule.GetStatus()
	c.name(rule)
	switch {
	case c.table.rows[status] == nil:
		c.failf(rule, "rule %q leads to %d, which is not in the catalogue", name, status)
	case status < statusError && rule.GetCode() != code.Code_OK.String():
		c.failf(rule, "rule %q turns an error into the status %d", name, status)
	}
	if rule.GetRetryAfter() != nil {
		after := rule.GetRetryAfter().AsDuration()
		if rule.GetRetryAfter().CheckValid() != nil || after <= 0 || after > maxRetryAfter {
			c.failf(rule, "rule %q: retryAfter must be more than 0s and at most %s", name, maxRetryAfter)
		}
	}
	c.key(rule)
}

func (c *compiler) name(rule *statuswayv1.Rule) {
	name, other := rule.GetName(), c.names[rule.GetName()]
	switch {
	case !namePattern.MatchString(name):
		c.failf(rule, "rule %q: a name must match %s", name, namePattern)
	case name == ruleDeclared || name == ruleNotModified:
		c.failf(rule, "rule %q: the name is reserved", name)
	case other != nil:
		c.failf(rule, "rule %q: line %d has the same name", name, c.position[other])
	default:
		c.names[name] = rule
	}
}

// key adds the rule to the table under its key. A rule has exactly one key.
func (c *compiler) key(rule *statuswayv1.Rule) {
	byReason := rule.GetDomain() != "" || rule.GetReason() != ""
	switch {
	case byReason && (rule.GetDomain() == "" || rule.GetReason() == ""):
		c.failf(rule, "rule %q: domain and reason must be set together", rule.GetName())
	case byReason && (rule.GetDetail() != "" || rule.GetCode() != ""):
		c.failf(rule, "rule %q: a rule with a reason cannot have a detail or a code", rule.GetName())
	case byReason:
		key := reasonKey{rule.GetDomain(), rule.GetReason()}
		c.table.reasons[key] = c.put(c.table.reasons[key], rule)
	case rule.GetDetail() != "":
		c.detail(rule)
	case rule.GetCode() != "":
		c.code(rule)
	default:
		c.failf(rule, "rule %q has no key: give a domain and reason, a detail, or a code", rule.GetName())
	}
}

func (c *compiler) detail(rule *statuswayv1.Rule) {
	// A type URL, as in an Any, would never match.
	if !protoreflect.FullName(rule.GetDetail()).IsValid() {
		c.failf(rule, "rule %q: %q is not the full name of a message", rule.GetName(), rule.GetDetail())
		return
	}
	key := detailKey{rule.GetDetail(), anyNumber}
	if rule.GetCode() != "" {
		number, ok := c.number(rule)
		if !ok {
			return
		}
		key.number = number
	}
	if key.number == int32(codes.OK) {
		c.failf(rule, "rule %q: an OK status has no details", rule.GetName())
		return
	}
	c.table.details[key] = c.put(c.table.details[key], rule)
}

func (c *compiler) code(rule *statuswayv1.Rule) {
	number, ok := c.number(rule)
	if !ok {
		return
	}
	if number == int32(codes.OK) && rule.GetConditional() {
		c.failf(rule, "rule %q: a rule for OK cannot be conditional", rule.GetName())
		return
	}
	c.table.codes[number] = c.put(c.table.codes[number], rule)
}

// number returns the index of the rule's code in the table.
func (c *compiler) number(rule *statuswayv1.Rule) (int32, bool) {
	if rule.GetCode() == otherName {
		return otherNumber, true
	}
	number, ok := code.Code_value[rule.GetCode()]
	if !ok {
		c.failf(rule, "rule %q: %q is not a gRPC code; %s means numbers without a name", rule.GetName(), rule.GetCode(), otherName)
	}
	return indexOf(number), ok
}

func (c *compiler) put(e entry, rule *statuswayv1.Rule) entry {
	slot := &e.always
	if rule.GetConditional() {
		slot = &e.conditional
	}
	if *slot != nil {
		c.failf(rule, "rule %q repeats rule %q of line %d: both have the same key", rule.GetName(), (*slot).GetName(), c.position[*slot])
		return e
	}
	*slot = rule
	return e
}

// checkCodes checks that every gRPC code has a rule for every request.
func (c *compiler) checkCodes() {
	for number := range int32(numCodes) {
		c.checkCode(number, code.Code_name[number])
	}
	c.checkCode(otherNumber, otherName+" (every number without a name)")
	if ok := c.table.codes[codes.OK].always; ok != nil && ok.GetStatus() != statusOK {
		c.failf(ok, "rule %q: OK is %d unless a method declares another status", ok.GetName(), statusOK)
	}
}

func (c *compiler) checkCode(number int32, name string) {
	switch found := c.table.codes[number]; {
	case found.always != nil:
	case found.conditional != nil:
		c.failf(found.conditional, "rule %q is conditional, and the code %s has no other rule", found.conditional.GetName(), name)
	default:
		c.failf(c.table.policy, "the code %s has no rule", name)
	}
}
