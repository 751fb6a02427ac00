package policy

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"

	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// The names of the built-in policies.
const (
	Documented = "documented"
	Canonical  = "canonical"
)

// ErrUnknownPolicy is the error of [Builtin] for an unknown name.
var ErrUnknownPolicy = errors.New("no such built-in policy")

//go:embed documented.yaml canonical.yaml
var builtin embed.FS

// FileError is one problem in a policy file. [Load] joins all problems with errors.Join; use
// errors.As or Unwrap() []error to get them.
type FileError struct {
	// File is the name given to [Load].
	File string
	// Line is the line number, from 1. It is 0 for a problem of the whole file and for invalid YAML;
	// then Reason contains the position, as far as the parser knows it.
	Line int
	// Reason describes the problem for the author of the file.
	Reason string
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}

// Builtin returns the built-in policy with this name. For any other name, the error is
// [ErrUnknownPolicy].
func Builtin(name string) (*Table, error) {
	if name != Documented && name != Canonical {
		return nil, fmt.Errorf("%w: %q; there are %s and %s", ErrUnknownPolicy, name, Documented, Canonical)
	}
	file := name + ".yaml"
	source, err := builtin.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the built-in policy %s: %w", name, err)
	}
	return Load(file, source)
}

// Load compiles the YAML text of a policy (statusway.v1.Policy, with JSON names). file is the name
// that errors show. The error joins a [*FileError] for each problem: an unknown or duplicate key, a
// value of the wrong type, an alias, a second document, a duplicate row or rule, a rule to a status
// without a row, a rule that turns an error into a success, a code without a rule.
func Load(file string, source []byte) (*Table, error) {
	policy := &statuswayv1.Policy{}
	position, err := decode(file, source, policy)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(source)
	table := &Table{
		policy:      policy,
		version:     hex.EncodeToString(sum[:8]),
		rows:        map[int32]*statuswayv1.Row{},
		reasons:     map[reasonKey]entry{},
		details:     map[detailKey]entry{},
		declared:    &statuswayv1.Rule{Name: ruleDeclared, Why: "The method declares this status of success.", Spec: "statusway/v1/annotations.proto"},
		notModified: &statuswayv1.Rule{Name: ruleNotModified, Status: statusNotModified, Why: "The client has the current representation.", Spec: "RFC 9110 §13.2.2"},
	}
	c := compiler{table: table, position: position, file: file, names: map[string]*statuswayv1.Rule{}}
	if err := c.compile(); err != nil {
		return nil, err
	}
	return table, nil
}
