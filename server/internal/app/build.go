package app

import "cmp"

// Build identifies the build of the program, as far as Go knows it.
type Build struct{ Version, Commit string }

// ID identifies the build. It can be part of an entity-tag.
func (b Build) ID() string { return cmp.Or(b.Commit, b.Version, "unknown") }
