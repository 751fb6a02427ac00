// Package request builds the request messages for a backend from the body, the path and the query of an
// HTTP request, and reads the body of a client stream message by message. Both backends use it, so they
// send the same messages and refuse the same requests with the same texts.
package request
