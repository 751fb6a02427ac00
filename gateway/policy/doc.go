// Package policy decides which HTTP answer a gRPC outcome becomes.
//
// A policy (statusway.v1.Policy, a YAML file) is data: a catalogue of rows, one
// for each HTTP status that a client can receive, and rules that lead to them.
// [Load] compiles it into a [Table], refusing what is not closed (a rule to a
// status without a row) or not total (a gRPC code without a rule). [Table.Decide]
// then is a pure function over every int32: no clock, no I/O, no allocation.
//
// Two policies are built in, both as commented files of that same schema:
// documented.yaml, the table that this project promises, and canonical.yaml, the
// numbers of google/rpc/code.proto with the precise HTTP rows beside them.
package policy
