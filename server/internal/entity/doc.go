// Package entity is the domain of the reference service: entities and their
// groups, users and sessions, imports that run in the background, maintenance,
// and the Store that keeps them.
//
// It knows no transport and no database. A failure is an [*Error], which names
// its reason; the interceptors turn it into a status, once. What a caller may
// touch is a [Scope], which every method of [EntityStore] takes, so that no call
// can forget it. What a write expects to find is a [Condition], which the store
// decides in the statement that writes.
package entity
