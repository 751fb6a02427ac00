// Package conformance runs cases against an HTTP server. A [Case] is a file with one
// request and the expected response. A [Client] sends the request over HTTP/1.1, byte by
// byte, or over HTTP/2. It compares the response with the case, and checks what is true
// of every response ([Invariants]).
//
// It knows only the server's address, so it can test any server that adopts the pattern.
package conformance
