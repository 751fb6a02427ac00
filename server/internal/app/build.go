package app

import "cmp"

// Build is what the program was built from, as far as it knows.
type Build struct{ Version, Commit string }

// ID tells this build from others, and may stand in an entity-tag.
func (b Build) ID() string { return cmp.Or(b.Commit, b.Version, "unknown") }
