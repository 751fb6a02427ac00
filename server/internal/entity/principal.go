package entity

import "slices"

// Role says what a user may do within the groups.
type Role string

// The roles, from the least to the most.
const (
	// RoleViewer reads.
	RoleViewer Role = "viewer"
	// RoleEditor reads and writes.
	RoleEditor Role = "editor"
	// RoleAdmin reads and writes in every group, and closes the API.
	RoleAdmin Role = "admin"
)

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool {
	return r == RoleViewer || r == RoleEditor || r == RoleAdmin
}

// Principal is the caller, according to the access token.
type Principal struct {
	Username  string
	Role      Role
	Groups    []string
	SessionID string
}

// NewPrincipal returns who calls with the token of this session. Both come from
// SessionStore.SessionByToken.
func NewPrincipal(session Session, user User) Principal {
	return Principal{Username: user.Name, Role: user.Role, Groups: user.Groups, SessionID: session.ID}
}

// IsAdmin reports whether the principal may do everything.
func (p Principal) IsAdmin() bool { return p.Role == RoleAdmin }

// CanRead reports whether the principal may see the entities of the group.
func (p Principal) CanRead(group string) bool { return p.ReadScope().Includes(group) }

// CanWrite reports whether the principal may change the entities of the group.
func (p Principal) CanWrite(group string) bool { return p.WriteScope().Includes(group) }

// ReadScope returns the groups whose entities the principal may see.
func (p Principal) ReadScope() Scope {
	switch p.Role {
	case RoleAdmin:
		return Everywhere()
	case RoleViewer, RoleEditor:
		return Within(p.Groups...)
	default:
		return Scope{}
	}
}

// WriteScope returns the groups whose entities the principal may change. A
// viewer has none; RequireRole returns the error for that, with the role.
func (p Principal) WriteScope() Scope {
	if p.Role == RoleViewer {
		return Scope{}
	}

	return p.ReadScope()
}

// RequireRole returns nil when the principal's role is the required one or a
// higher one, else ROLE_NOT_ALLOWED.
func (p Principal) RequireRole(required Role) error {
	order := []Role{RoleViewer, RoleEditor, RoleAdmin}
	have := slices.Index(order, p.Role)
	need := slices.Index(order, required)
	if have < 0 || need < 0 || have < need {
		return RoleNotAllowed(p.Role, required)
	}

	return nil
}

// Scope is the set of groups that a call may touch. The zero value has no group. It is
// not a slice with nil for all groups, because a user without groups also has a nil
// slice, and would then see everything.
type Scope struct {
	all    bool
	groups []string
}

// Everywhere is the scope of all groups.
func Everywhere() Scope { return Scope{all: true} }

// Within is the scope of these groups. Without any it is empty.
func Within(groups ...string) Scope { return Scope{groups: slices.Clone(groups)} }

// All reports whether the scope has all groups.
func (s Scope) All() bool { return s.all }

// Groups returns the groups of the scope: none if it has all groups.
func (s Scope) Groups() []string { return slices.Clone(s.groups) }

// Includes reports whether the scope has the group. The empty string is none.
func (s Scope) Includes(group string) bool {
	return group != "" && (s.all || slices.Contains(s.groups, group))
}
