package entity

import (
	"context"
	"errors"
	"io"
	"iter"
)

// ErrLeaseLost reports that the worker has lost an import: the lease ran out and another
// worker took it, or the worker released it. The worker drops the import.
var ErrLeaseLost = errors.New("import lease lost")

// Store keeps everything. Its methods are safe for concurrent use. An error is
// an [*Error], or wraps that of the context; nothing of a driver but the cause
// of an Error comes out.
type Store interface {
	EntityStore
	UserStore
	SessionStore
	OperationStore
	ImportQueue
	MaintenanceStore
	IdempotencyStore
	// Ping returns nil when the store can be read.
	Ping(ctx context.Context) error
	// Close must come after every other call has returned.
	io.Closer
}

// EntityStore keeps entities. Scope and condition are decided in the statement
// that writes: of writers who saw the same version, one succeeds.
//
// The order of errors is that of RFC 9110 §13.2.1: ENTITY_INVALID,
// GROUP_NOT_ALLOWED, ENTITY_NOT_FOUND, and only then the condition's.
type EntityStore interface {
	// GetEntity returns ENTITY_NOT_FOUND, or GROUP_NOT_ALLOWED outside the scope.
	GetEntity(ctx context.Context, id string, scope Scope) (Entity, error)

	// CreateEntity stores an entity under its id and returns it with what the
	// store set: version and times. A taken id is ENTITY_EXISTS, in any group.
	CreateEntity(ctx context.Context, e Entity, scope Scope) (Entity, error)

	// PutEntity replaces an entity or creates it, and returns true if it created
	// it. The condition is checked in both cases: If-Match on a missing
	// entity is PRECONDITION_FAILED, an etag on it STALE_ETAG.
	PutEntity(ctx context.Context, p PutParams) (Entity, bool, error)

	// UpdateEntity changes some fields. Two updates of different attributes at
	// once both stay.
	UpdateEntity(ctx context.Context, p UpdateParams) (Entity, error)

	// DeleteEntity removes an entity.
	DeleteEntity(ctx context.Context, p DeleteParams) error

	// ListEntities returns one page. A group outside the scope is
	// GROUP_NOT_ALLOWED, a token of another group PAGE_TOKEN_INVALID.
	ListEntities(ctx context.Context, p ListParams) (Page, error)

	// ExportEntities yields every entity by id, page by page: it holds no lock and
	// no snapshot, so that what changes meanwhile may be seen or not. It ends after
	// the first error, which it yields with a zero Entity. The group is as in
	// ListEntities.
	ExportEntities(ctx context.Context, group string, scope Scope) iter.Seq2[Entity, error]
}

// PutParams are the parameters of PutEntity. It ignores the entity's version and times.
type PutParams struct {
	// Entity is what to store. An empty group keeps the stored one.
	Entity Entity
	// DefaultGroup is that of an entity which is created without one.
	DefaultGroup string
	// Scope must have both the stored group and the new one.
	Scope     Scope
	Condition Condition
}

// Validate returns ENTITY_INVALID, as Entity.Validate does, but lets the group
// be empty.
func (p PutParams) Validate() error {
	if violations := p.Entity.violations(); len(violations) > 0 {
		return invalid(ReasonEntityInvalid, violations)
	}

	return nil
}

// UpdateParams are the parameters of UpdateEntity.
type UpdateParams struct {
	ID    string
	Patch Patch
	// Scope must have both the stored group and the new one.
	Scope     Scope
	Condition Condition
}

// DeleteParams are the parameters of DeleteEntity.
type DeleteParams struct {
	ID        string
	Scope     Scope
	Condition Condition
}

// ListParams are the parameters of ListEntities.
type ListParams struct {
	Scope Scope
	// Group is the only one to list. "" means all of the scope.
	Group string
	// PageSize is in entities. See ClampPageSize.
	PageSize int
	// PageToken is that of the page before. "" means the first page.
	PageToken string
}

// UserStore keeps users.
type UserStore interface {
	// CreateUser stores a user. A taken name is USER_EXISTS.
	CreateUser(ctx context.Context, user User) error
	// GetUser returns USER_NOT_FOUND when there is none.
	GetUser(ctx context.Context, name string) (User, error)
	// HasUsers reports whether there is any, which there is not at the first start.
	HasUsers(ctx context.Context) (bool, error)
}

// SessionStore keeps sessions. None that has expired is ever returned.
type SessionStore interface {
	// CreateSession stores a session. Without its user it is USER_NOT_FOUND.
	CreateSession(ctx context.Context, session Session) error
	// SessionByToken returns whose token it is, as the user is now: a role that
	// changed counts at once. It is TOKEN_INVALID or TOKEN_EXPIRED.
	SessionByToken(ctx context.Context, token TokenHash) (Session, User, error)
	// GetSession returns SESSION_NOT_FOUND when there is none. It does not ask
	// whose it is.
	GetSession(ctx context.Context, id string) (Session, error)
	// DeleteSession stops the token at once. It returns as GetSession does.
	DeleteSession(ctx context.Context, id string) error
	// PurgeSessions removes expired sessions and returns their number. Afterwards their
	// tokens are TOKEN_INVALID.
	PurgeSessions(ctx context.Context) (int, error)
}

// OperationStore keeps operations.
type OperationStore interface {
	// StartImport accepts an import: once it returns, the import survives a crash.
	// A wrong entity becomes a failure of that entity later, except for attributes that
	// JSON cannot express: they are ENTITY_INVALID at once.
	StartImport(ctx context.Context, spec Import) (Operation, error)
	// GetOperation returns OPERATION_NOT_FOUND when there is none. It does not ask
	// whose it is: see Operation.VisibleTo. The owner never changes.
	GetOperation(ctx context.Context, id string) (Operation, error)
	// CancelOperation asks an operation to end. To one that has ended it does
	// nothing. It returns the operation as it then is.
	CancelOperation(ctx context.Context, id string) (Operation, error)
}

// Import is what StartImport accepts.
type Import struct {
	// Owner is the name of the user.
	Owner string
	// Scope is where the owner may write: Principal.WriteScope.
	Scope Scope
	// Entities are stored in this order. One without an id gets one.
	Entities []Entity
}

// ImportQueue hands imports to workers. A worker has an import by a lease, which
// runs out by itself: an import whose worker died comes back.
type ImportQueue interface {
	// ReceiveImport waits for an import, or until ctx is done. It counts the
	// attempt before the worker begins, so that one which kills its worker is
	// counted too.
	ReceiveImport(ctx context.Context) (ImportLease, error)

	// ImportBatch runs work in one transaction: all that it did is stored, and the
	// lease is extended, or nothing is when it returns an error. It returns that
	// error as it is, or ErrLeaseLost. While work runs, no other write does.
	ImportBatch(ctx context.Context, lease ImportLease, work func(context.Context, ImportTx) error) error

	// Backlog is how much the queue holds. It may lag behind.
	Backlog(ctx context.Context) (Backlog, error)

	// ReleaseImport returns an import to the queue and does not count the attempt,
	// because a worker that stops has not failed. A lost lease is not an error.
	ReleaseImport(ctx context.Context, lease ImportLease) error
}

// Backlog is the work of the queue of imports.
type Backlog struct {
	// Imports have not ended, Entities of them are not dealt with.
	Imports, Entities int
}

// ImportLease is the right to work on an import.
type ImportLease struct {
	OperationID string
	// Attempt counts from 1.
	Attempt int
	// Fence and MessageID are the store's own. The fence goes up with each lease,
	// so that a worker which was only slow cannot write beside its successor.
	Fence     int64
	MessageID string
}

// ImportTx is the transaction of one batch.
type ImportTx interface {
	// Operation returns the operation as it was at the start of the batch.
	Operation() Operation
	// NextItems returns up to n items that are not dealt with yet, by index.
	NextItems(ctx context.Context, n int) ([]ImportItem, error)
	// CreateEntity is as that of EntityStore, within the operation's scope. After
	// a failure of the entity itself (ENTITY_INVALID, GROUP_NOT_ALLOWED,
	// ENTITY_EXISTS) the transaction goes on.
	CreateEntity(ctx context.Context, e Entity) error
	// SaveOperation stores progress and outcome. When the operation has ended, it
	// leaves the queue and its items go.
	SaveOperation(ctx context.Context, op Operation) error
}

// MaintenanceStore keeps whether the API is closed. It outlives a restart.
type MaintenanceStore interface {
	// GetMaintenance returns the zero value when nothing was ever set.
	GetMaintenance(ctx context.Context) (Maintenance, error)
	SetMaintenance(ctx context.Context, m Maintenance) error
}
