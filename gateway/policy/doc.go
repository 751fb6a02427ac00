// Package policy decides which HTTP status a gRPC result becomes.
//
// A policy is data: a YAML file with the schema statusway.v1.Policy. It has a catalogue with one row
// for each HTTP status that a client can receive, and rules that lead to these rows. [Load] compiles
// a policy into a [Table]. It refuses a policy that is not closed (a rule leads to a status without
// a row) or not total (a gRPC code has no rule). [Table.Decide] is a pure function over every int32:
// it needs no clock, no I/O and no allocation.
//
// Two policies are built in, as commented YAML files: documented.yaml is the table that this project
// promises; canonical.yaml has the statuses of google/rpc/code.proto and precise HTTP statuses for
// conditions that gRPC codes cannot express.
package policy
