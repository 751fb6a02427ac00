// Package plan writes and reads ProtoJSON fast, with a plan that is made once for each
// message type. It writes JSON from a message's wire form ([Set.AppendWire]) or from the
// Go struct of a generated message ([Set.AppendMessage]), and reads JSON into the wire
// form ([Set.ParseWire]). It does this without reflection on messages and without a
// message in memory.
//
// A plan never guesses. It declines everything rare or wrong: duplicate fields, fields
// with another wire type than declared, extensions, groups, required fields, text that is
// not UTF-8, a Timestamp out of range, JSON in an unusual spelling, and so on. The caller
// then uses protojson, which handles all of it and has the errors. The result of a plan
// equals that of protojson, byte for byte and field for field, without the random spaces.
// Fuzz tests of package jsoncodec compare the two.
package plan
