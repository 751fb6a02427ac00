package entity

import (
	"fmt"
	"strings"
	"time"
)

// The reasons of this domain. Clients branch on them, so that none may change.
const (
	ReasonEntityInvalid      = "ENTITY_INVALID"
	ReasonEntityNotFound     = "ENTITY_NOT_FOUND"
	ReasonEntityExists       = "ENTITY_EXISTS"
	ReasonStaleETag          = "STALE_ETAG"
	ReasonPreconditionFailed = "PRECONDITION_FAILED"
	ReasonRoleNotAllowed     = "ROLE_NOT_ALLOWED"
	ReasonGroupNotAllowed    = "GROUP_NOT_ALLOWED"
	ReasonBadCredentials     = "BAD_CREDENTIALS"
	ReasonTokenMissing       = "TOKEN_MISSING"
	ReasonTokenInvalid       = "TOKEN_INVALID"
	ReasonTokenExpired       = "TOKEN_EXPIRED"
	ReasonPasswordInvalid    = "PASSWORD_INVALID"
	ReasonUserNotFound       = "USER_NOT_FOUND"
	ReasonUserExists         = "USER_EXISTS"
	ReasonUserInvalid        = "USER_INVALID"
	ReasonSessionNotFound    = "SESSION_NOT_FOUND"
	ReasonOperationNotFound  = "OPERATION_NOT_FOUND"
	ReasonPageTokenInvalid   = "PAGE_TOKEN_INVALID"
	ReasonImportFailed       = "IMPORT_FAILED"
	ReasonMaintenance        = "MAINTENANCE"
	ReasonStoreBusy          = "STORE_BUSY"
	ReasonStoreNotWritable   = "STORE_NOT_WRITABLE"
	ReasonStoreFailed        = "STORE_FAILED"
)

// Reasons returns all of them.
func Reasons() []string {
	return []string{
		ReasonEntityInvalid, ReasonEntityNotFound, ReasonEntityExists, ReasonStaleETag,
		ReasonPreconditionFailed, ReasonRoleNotAllowed, ReasonGroupNotAllowed, ReasonBadCredentials,
		ReasonTokenMissing, ReasonTokenInvalid, ReasonTokenExpired, ReasonPasswordInvalid,
		ReasonUserNotFound, ReasonUserExists, ReasonUserInvalid, ReasonSessionNotFound,
		ReasonOperationNotFound, ReasonPageTokenInvalid, ReasonImportFailed, ReasonMaintenance,
		ReasonStoreBusy, ReasonStoreNotWritable, ReasonStoreFailed,
	}
}

// The reasons of a [Violation].
const (
	violationRequired  = "REQUIRED"
	violationMalformed = "MALFORMED"
)

// The keys of [Error.Metadata].
const (
	MetadataID           = "id"
	MetadataETag         = "etag"
	MetadataCurrentETag  = "currentEtag"
	MetadataCondition    = "condition"
	MetadataGroup        = "group"
	MetadataRole         = "role"
	MetadataRequiredRole = "requiredRole"
	MetadataUsername     = "username"
	MetadataName         = "name"
	MetadataNotice       = "notice"
)

// busyRetryAfter is a guess: a write of the reference store takes milliseconds,
// so that a lock which outlasts the busy timeout is gone soon after.
const busyRetryAfter = time.Second

// notWritableRetryAfter is longer, because somebody has to make room on the disk or
// mend it.
const notWritableRetryAfter = 30 * time.Second

// EntityNotFound reports that no entity has this id.
func EntityNotFound(id string) error {
	return &Error{
		Kind: KindNotFound, Reason: ReasonEntityNotFound,
		Message:  fmt.Sprintf("There is no entity %q.", id),
		Metadata: map[string]string{MetadataID: id},
	}
}

// EntityExists reports that the id is taken.
func EntityExists(id string) error {
	return &Error{
		Kind: KindAlreadyExists, Reason: ReasonEntityExists,
		Message:  fmt.Sprintf("There is an entity %q already.", id),
		Metadata: map[string]string{MetadataID: id},
	}
}

// StaleETag reports that the etag in the message is not the current one. An empty
// current means that there is no entity.
func StaleETag(id, given, current string) error {
	metadata := map[string]string{MetadataID: id, MetadataETag: given}
	if current != "" {
		metadata[MetadataCurrentETag] = current
	}

	return &Error{
		Kind: KindConflict, Reason: ReasonStaleETag,
		Message:  fmt.Sprintf("The etag %q is not that of the current version of the entity %q.", given, id),
		Metadata: metadata,
	}
}

// PreconditionFailed reports that a condition in the request's headers, named as in
// HTTP, does not hold. An empty current means that there is no such entity.
func PreconditionFailed(id, condition, current string) error {
	metadata := map[string]string{MetadataID: id, MetadataCondition: condition}
	if current != "" {
		metadata[MetadataCurrentETag] = current
	}

	return &Error{
		Kind: KindPreconditionFailed, Reason: ReasonPreconditionFailed,
		Message:  fmt.Sprintf("The entity %q does not meet the condition %s.", id, condition),
		Metadata: metadata,
	}
}

// RoleNotAllowed reports that the caller's role is not enough.
func RoleNotAllowed(role, required Role) error {
	return &Error{
		Kind: KindPermissionDenied, Reason: ReasonRoleNotAllowed,
		Message:  fmt.Sprintf("This needs the role %q; yours is %q.", required, role),
		Metadata: map[string]string{MetadataRole: string(role), MetadataRequiredRole: string(required)},
	}
}

// GroupNotAllowed reports that the caller is not in the group.
func GroupNotAllowed(group string) error {
	return &Error{
		Kind: KindPermissionDenied, Reason: ReasonGroupNotAllowed,
		Message:  fmt.Sprintf("The group %q is not one of yours.", group),
		Metadata: map[string]string{MetadataGroup: group},
	}
}

// BadCredentials reports that the user or the password is wrong, without saying which.
func BadCredentials() error {
	return unauthenticated(ReasonBadCredentials, "The username or the password is wrong.")
}

// TokenMissing reports that the call needs an access token and has none.
func TokenMissing() error {
	return unauthenticated(ReasonTokenMissing, "This needs an access token.")
}

// TokenInvalid reports that the access token has no session: it never had one, or the
// session was deleted.
func TokenInvalid() error {
	return unauthenticated(ReasonTokenInvalid, "The access token is not valid.")
}

// TokenExpired reports that the session is over.
func TokenExpired() error {
	return unauthenticated(ReasonTokenExpired, "The access token has expired.")
}

func unauthenticated(reason, message string) error {
	return &Error{Kind: KindUnauthenticated, Reason: reason, Message: message}
}

// UserNotFound reports that no user has this name. A login must not reveal
// that: it uses BadCredentials.
func UserNotFound(name string) error {
	return &Error{
		Kind: KindNotFound, Reason: ReasonUserNotFound,
		Message:  fmt.Sprintf("There is no user %q.", name),
		Metadata: map[string]string{MetadataUsername: name},
	}
}

// UserExists reports that the name is taken.
func UserExists(name string) error {
	return &Error{
		Kind: KindAlreadyExists, Reason: ReasonUserExists,
		Message:  fmt.Sprintf("There is a user %q already.", name),
		Metadata: map[string]string{MetadataUsername: name},
	}
}

// SessionNotFound reports that there is no such session, or that it is over.
func SessionNotFound(id string) error {
	return &Error{
		Kind: KindNotFound, Reason: ReasonSessionNotFound,
		Message:  fmt.Sprintf("There is no session %q.", id),
		Metadata: map[string]string{MetadataID: id},
	}
}

// OperationNotFound reports that there is no operation with this name. The name begins
// with "operations/".
func OperationNotFound(name string) error {
	return &Error{
		Kind: KindNotFound, Reason: ReasonOperationNotFound,
		Message:  fmt.Sprintf("There is no operation %q.", name),
		Metadata: map[string]string{MetadataName: name},
	}
}

// PageTokenInvalid reports that the page token was not made by a call with the
// same filter.
func PageTokenInvalid() error {
	const message = "The page token is not one that a call with the same filter returned."

	return &Error{
		Kind: KindInvalid, Reason: ReasonPageTokenInvalid, Message: message,
		Violations: []Violation{{Field: "page_token", Reason: ReasonPageTokenInvalid, Description: message}},
	}
}

// ImportFailed reports that the worker gave up an import. The log has the cause.
func ImportFailed() *Error {
	return &Error{Kind: KindInternal, Reason: ReasonImportFailed, Message: "The import could not be completed."}
}

// StoreBusy reports that another transaction locked the store for too long.
func StoreBusy(cause error) error {
	return &Error{
		Kind: KindUnavailable, Reason: ReasonStoreBusy, Message: "The store is busy.",
		RetryAfter: busyRetryAfter, Cause: cause,
	}
}

// StoreNotWritable reports that the storage takes no writes, whatever they are: the disk
// is full, read-only or broken.
func StoreNotWritable(cause error) error {
	return &Error{
		Kind: KindUnavailable, Reason: ReasonStoreNotWritable, Message: "The storage takes no writes at the moment.",
		RetryAfter: notWritableRetryAfter, Cause: cause,
	}
}

// StoreFailed wraps a driver's error: the log gets it, callers do not.
func StoreFailed(cause error) error {
	return &Error{Kind: KindInternal, Reason: ReasonStoreFailed, Message: "The store failed.", Cause: cause}
}

// invalid makes the error of one or more violations.
func invalid(reason string, violations []Violation) error {
	fields := make([]string, 0, len(violations))
	for _, violation := range violations {
		fields = append(fields, violation.Field)
	}
	list := strings.Join(fields, ", ")

	return &Error{
		Kind: KindInvalid, Reason: reason, Message: "Not valid: " + list + ".",
		Metadata: map[string]string{"fields": list}, Violations: violations,
	}
}
