package entity

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"
)

// MaxFailures is how many failures an operation keeps. The first ones stay.
const MaxFailures = 100

// operationPrefix is the collection of AIP-151.
const operationPrefix = "operations/"

// State is the state of an operation. The store keeps its text.
type State string

// The states. All but the first are final.
const (
	StateRunning   State = "running"
	StateSucceeded State = "succeeded"
	StateFailed    State = "failed"
	StateCancelled State = "cancelled"
)

// Operation is an import, from its acceptance on.
type Operation struct { //nolint:recvcheck // It is passed by value; only the methods that change it need its address.
	// ID is random. See Name.
	ID string
	// Owner is the name of the user who started it.
	Owner string
	// Scope is where the owner could write then. Rights that change later do not
	// change an import that was accepted.
	Scope Scope
	// Total is how many entities were given, Done how many have been dealt with,
	// Created how many of these were stored.
	Total, Done, Created int
	// Failures says why the other entities were not stored: the first MaxFailures, by index.
	Failures []ImportFailure
	State    State
	// CancelRequested means that a client requested an end. State stays the same until
	// the worker sees the request.
	CancelRequested bool
	// Err is why State is StateFailed; nil in any other state.
	Err *Error
	// CreateTime and UpdateTime are UTC, in microseconds.
	CreateTime time.Time
	UpdateTime time.Time
}

// ImportItem is one entity of an import.
type ImportItem struct {
	// Index is its place in the request, from 0.
	Index  int
	Entity Entity
}

// ImportFailure is one entity that was not stored.
type ImportFailure struct {
	Index int    `json:"index"`
	ID    string `json:"id"`
	Err   *Error `json:"error"`
}

// NewImport returns the operation and the items of a new import. An entity
// without an id gets one now and not when it is stored, so that a batch which is
// repeated after a crash cannot store it twice.
func NewImport(spec Import, now time.Time) (Operation, []ImportItem) {
	now = now.UTC().Truncate(time.Microsecond)
	items := make([]ImportItem, 0, len(spec.Entities))
	for i, e := range spec.Entities {
		if e.ID == "" {
			e.ID = NewID()
		}
		items = append(items, ImportItem{Index: i, Entity: e})
	}

	return Operation{
		ID:         strings.ToLower(rand.Text()),
		Owner:      spec.Owner,
		Scope:      spec.Scope,
		Total:      len(items),
		State:      StateRunning,
		CreateTime: now,
		UpdateTime: now,
	}, items
}

// Name returns "operations/" and the id.
func (o Operation) Name() string { return operationPrefix + o.ID }

// ParseOperationName returns the id in a name, or OPERATION_NOT_FOUND: a name of
// another form is that of no operation.
func ParseOperationName(name string) (string, error) {
	id, ok := strings.CutPrefix(name, operationPrefix)
	if !ok || id == "" {
		return "", OperationNotFound(name)
	}

	return id, nil
}

// Ended reports whether the state is final.
func (o Operation) Ended() bool { return o.State != StateRunning }

// VisibleTo reports whether the principal started the operation or is an admin.
func (o Operation) VisibleTo(p Principal) bool { return p.IsAdmin() || p.Username == o.Owner }

// Record counts one item as dealt with; nil means that it was stored.
func (o *Operation) Record(item ImportItem, failure *Error) {
	o.Done++
	if failure == nil {
		o.Created++

		return
	}
	if len(o.Failures) < MaxFailures {
		o.Failures = append(slices.Clip(o.Failures), ImportFailure{Index: item.Index, ID: item.Entity.ID, Err: failure.Clone()})
	}
}

// Finish ends the operation whose items are all dealt with. It has failed, with
// the error of the first failure, when there were failures and nothing else.
func (o *Operation) Finish() {
	if o.Created == 0 && len(o.Failures) > 0 {
		o.Fail(o.Failures[0].Err)

		return
	}
	o.State = StateSucceeded
}

// Fail ends the operation by an error.
func (o *Operation) Fail(err *Error) {
	o.State = StateFailed
	o.Err = err.Clone()
}

// Cancel ends the operation.
func (o *Operation) Cancel() { o.State = StateCancelled }
