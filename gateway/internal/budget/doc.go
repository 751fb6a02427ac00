// Package budget limits the memory that many holders use together: the request bodies of all clients, or
// the responses that wait for their clients.
//
// A holder reserves bytes before it uses them. When the budget is used up, it cuts off holders that have
// made no progress for [StallTime], the longest-stalled first, so that slow clients do not block others.
// If that is not enough, a new holder waits up to [WaitTime] and is then refused.
package budget
