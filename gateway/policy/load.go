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

// ErrUnknownPolicy is what [Builtin] returns for a name that it does not have.
var ErrUnknownPolicy = errors.New("no such built-in policy")

//go:embed documented.yaml canonical.yaml
var builtin embed.FS

// FileError is one thing that is wrong with a policy file. [Load] joins all that
// it finds; errors.As and an Unwrap() []error give each.
type FileError struct {
	// File is the name given to [Load].
	File string
	// Line counts from 1. It is 0 where the fault is in no line, and for broken YAML,
	// where Reason says where, as far as the parser knows.
	Line int
	// Reason says what is wrong, in words for the file's author.
	Reason string
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}

// Builtin returns a built-in policy by its name. Its one error is
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

// Load compiles the YAML text of a policy (statusway.v1.Policy, in JSON names).
// file is only named in errors, which are [*FileError], several of them joined:
// an unknown key, a key that stands twice, a value of the wrong kind, an alias, a
// second document, a duplicate row or rule, a rule to a status without a row, an
// error that would look like a success, a code without an answer.
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
