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
	// numCodes is the number of gRPC codes with a name: 0 to 16.
	numCodes = 17
	// otherNumber is the index of all numbers without a name.
	otherNumber = numCodes
	// anyNumber in the key of a detail matches any code.
	anyNumber = -1
	// otherName is the name of otherNumber in a policy.
	otherName = "OTHER"

	// The names of [Table].declared and notModified. The rules of a file cannot use them.
	ruleDeclared    = "declared"
	ruleNotModified = "not-modified"
)

type reasonKey struct{ domain, reason string }

type detailKey struct {
	name   string
	number int32
}

// entry holds the rules of one key.
type entry struct{ always, conditional *statuswayv1.Rule }

func (e entry) choose(conditional bool) *statuswayv1.Rule {
	if conditional && e.conditional != nil {
		return e.conditional
	}
	return e.always
}

// Table is a compiled policy. It is immutable and safe for concurrent use.
type Table struct {
	policy  *statuswayv1.Policy
	version string

	rows    map[int32]*statuswayv1.Row
	reasons map[reasonKey]entry
	details map[detailKey]entry
	codes   [numCodes + 1]entry // the last is for otherNumber

	// declared and notModified are the rules of successes that no policy decides: methods declare
	// the status, and RFC 9110 §13.2.2 defines 304.
	declared, notModified *statuswayv1.Rule
}

// Policy returns the policy of the table. It is shared and read-only.
func (t *Table) Policy() *statuswayv1.Policy { return t.policy }

// WithErrorFormat returns a copy of the table with another format for error bodies. The copy also
// has another version, because its clients see a different policy.
func (t *Table) WithErrorFormat(format statuswayv1.ErrorFormat) *Table {
	other := *t
	other.policy = &statuswayv1.Policy{}
	proto.Merge(other.policy, t.policy)
	other.policy.ErrorFormat = format
	other.version += "-" + strconv.Itoa(int(format))
	return &other
}

// Name returns the name of the policy.
func (t *Table) Name() string { return t.policy.GetName() }

// Version returns a hash of the policy's file.
func (t *Table) Version() string { return t.version }

// Row returns the row of an HTTP status, or nil if it is not in the catalogue.
func (t *Table) Row(status int) *statuswayv1.Row {
	for _, row := range t.policy.GetCatalogue() {
		if int(row.GetStatus()) == status {
			return row
		}
	}
	return nil
}

// Rows returns the catalogue, sorted by status.
func (t *Table) Rows() []*statuswayv1.Row {
	rows := slices.Clone(t.policy.GetCatalogue())
	slices.SortFunc(rows, func(a, b *statuswayv1.Row) int { return cmp.Compare(a.GetStatus(), b.GetStatus()) })
	return rows
}

// RulesTo returns the rules that lead to an HTTP status, in the order of the file.
func (t *Table) RulesTo(status int) []*statuswayv1.Rule {
	var rules []*statuswayv1.Rule
	for _, rule := range t.policy.GetRules() {
		if int(rule.GetStatus()) == status {
			rules = append(rules, rule)
		}
	}
	return rules
}

// indexOf returns the index of a gRPC code in a table, from 0 to otherNumber. It checks both bounds,
// because a backend can send any number.
func indexOf(number int32) int32 {
	if number < 0 || number >= numCodes {
		return otherNumber
	}
	return number
}

// CodeName returns the name of a gRPC code in google/rpc/code.proto. For a number without a name it
// returns "UNKNOWN", because clients must treat the number as that code.
func CodeName(number int32) string {
	if name, ok := code.Code_name[number]; ok {
		return name
	}
	return code.Code_UNKNOWN.String()
}
