package policy

import (
	"cmp"
	"slices"
	"strconv"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/protobuf/proto"

	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

const (
	// numCodes is how many gRPC codes have a name: 0 to 16.
	numCodes = 17
	// otherNumber is the place of every number without a name, after all that have one.
	otherNumber = numCodes
	// anyNumber stands for "whatever the code" in a detail's key.
	anyNumber = -1
	// otherName is how a policy names every number without a name.
	otherName = "OTHER"

	// The rules of [Table].declared and notModified. No rule of a file has their names.
	ruleDeclared    = "declared"
	ruleNotModified = "not-modified"
)

type reasonKey struct{ domain, reason string }

type detailKey struct {
	name   string
	number int32
}

// entry is what one key leads to.
type entry struct{ always, conditional *statuswayv1.Rule }

func (e entry) choose(conditional bool) *statuswayv1.Rule {
	if conditional && e.conditional != nil {
		return e.conditional
	}
	return e.always
}

// Table is a compiled policy. It does not change, and is safe for concurrent use.
type Table struct {
	policy  *statuswayv1.Policy
	version string

	rows    map[int32]*statuswayv1.Row
	reasons map[reasonKey]entry
	details map[detailKey]entry
	codes   [numCodes + 1]entry // the last is for otherNumber

	// declared and notModified name what decides a success: no policy can, because
	// methods declare it and RFC 9110 §13.2.2 defines it.
	declared, notModified *statuswayv1.Rule
}

// Policy returns the policy that t was made from. It is shared and read-only.
func (t *Table) Policy() *statuswayv1.Policy { return t.policy }

// WithErrorFormat returns the table of the same policy with another shape of an error's
// body, and another version: what a client reads of the policy differs.
func (t *Table) WithErrorFormat(format statuswayv1.ErrorFormat) *Table {
	other := *t
	other.policy = &statuswayv1.Policy{}
	proto.Merge(other.policy, t.policy)
	other.policy.ErrorFormat = format
	other.version += "-" + strconv.Itoa(int(format))
	return &other
}

// Name is the policy's.
func (t *Table) Name() string { return t.policy.GetName() }

// Version changes when the policy's file does.
func (t *Table) Version() string { return t.version }

// Row returns the row of an HTTP status, or nil where the catalogue has none.
func (t *Table) Row(status int) *statuswayv1.Row {
	for _, row := range t.policy.GetCatalogue() {
		if int(row.GetStatus()) == status {
			return row
		}
	}
	return nil
}

// Rows returns the catalogue by status code.
func (t *Table) Rows() []*statuswayv1.Row {
	rows := slices.Clone(t.policy.GetCatalogue())
	slices.SortFunc(rows, func(a, b *statuswayv1.Row) int { return cmp.Compare(a.GetStatus(), b.GetStatus()) })
	return rows
}

// RulesTo returns the rules that lead to an HTTP status, as the file has them.
func (t *Table) RulesTo(status int) []*statuswayv1.Rule {
	var rules []*statuswayv1.Rule
	for _, rule := range t.policy.GetRules() {
		if int(rule.GetStatus()) == status {
			rules = append(rules, rule)
		}
	}
	return rules
}

// place is where a table keeps a gRPC code, from 0 to otherNumber. The bounds are
// checked on both sides: a backend's number is only a number.
func place(number int32) int32 {
	if number < 0 || number >= numCodes {
		return otherNumber
	}
	return number
}

// CodeName is the name of a gRPC code in google/rpc/code.proto, or "UNKNOWN" for a
// number that has none: that is what a client has to take it for.
func CodeName(number int32) string {
	if name, ok := code.Code_name[number]; ok {
		return name
	}
	return code.Code_UNKNOWN.String()
}
