// Package rfc9110 reads and writes the HTTP fields that a gateway decides by:
// entity-tags and preconditions, Accept and its relatives, preferences, dates,
// Expect, challenges and links. Section numbers are of RFC 9110 unless another RFC is named.
//
// Everything is pure: strings in, values out. The package knows no request and
// no response, so it does not import net/http, and the same code serves REST,
// gRPC metadata and a command line.
//
// Two rules hold for every function that takes lines:
//
//   - lines are all field lines of one name, in order, as http.Header.Values
//     returns them. A list may be spread over several lines (§5.3), so reading
//     only the first one gets If-None-Match and Accept wrong.
//   - empty members of a list are dropped (§5.6.1.2).
//
// Parsing takes time linear in its input, and the results share the input's memory.
package rfc9110
