// Package rfc9110 reads and writes HTTP fields for a gateway: entity-tags and
// preconditions, Accept and similar fields, preferences, dates, Expect, challenges
// and links. Section numbers are of RFC 9110 unless another RFC is named.
//
// All functions are pure: strings in, values out. The package does not import
// net/http, so the same code works for REST, gRPC metadata and a command line.
//
// Two rules apply to every function that takes lines:
//
//   - lines are all field lines of one name, in order, as http.Header.Values
//     returns them. A list can have several lines (§5.3), so a parser that reads
//     only the first one gets If-None-Match and Accept wrong.
//   - Empty members of a list are dropped (§5.6.1.2).
//
// Parsing takes linear time, and the results share the input's memory.
package rfc9110
