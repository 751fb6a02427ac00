// Package budget bounds how many bytes many holders keep in memory together: the request
// bodies of all clients, or the responses that wait for their clients to read them.
//
// A holder reserves bytes before it keeps them. When the budget is used up, the holders
// that have made no progress for [StallTime] are cut off, the longest-stalled first, so
// that slow clients give way to healthy ones. If that does not help, the new holder waits
// up to [WaitTime] and is then refused.
package budget
