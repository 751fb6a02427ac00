// Package request makes the messages that are sent to a backend. It fills a message
// from a request's body, path and query, and reads the body of a client stream message
// by message. Both backends use it, so they send the same messages and refuse the same
// requests with the same words.
package request
