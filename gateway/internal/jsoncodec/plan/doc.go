// Package plan writes and reads ProtoJSON fast, by a plan that is made once for each
// message type: from a message's wire form ([Set.AppendWire]) or from the Go struct of a
// generated message ([Set.AppendMessage]), and back to the wire form ([Set.ParseWire]),
// without reflection on messages and without building one.
//
// A plan never guesses. What it does not know it does not touch: fields given twice,
// fields of another wire type than is declared, extensions, groups, required fields,
// text that is not UTF-8, a Timestamp out of range, JSON of an unusual spelling, and
// whatever else is rare or wrong. It then says so, and the caller asks protojson, which
// knows all of it and has the errors. What a plan does write or take is, byte for byte
// and field for field, what protojson would, without its random spaces; fuzz tests of
// package jsoncodec hold the two against each other.
package plan
