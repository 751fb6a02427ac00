// Package conformance runs cases against a server that speaks HTTP. A case is a file
// that states one request and its answer ([Case]); a [Client] sends it, over HTTP/1.1
// byte by byte or over HTTP/2, and holds the answer to what the case says, and to
// what is true of every answer ([Invariants]).
//
// It knows nothing of the server but its address: what is run here can be run against
// any server that adopts the pattern.
package conformance
