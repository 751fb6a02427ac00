// Package gateway is the HTTP side: the rules of HTTP before a gRPC backend.
//
// The walk of a request, one file a step; [New] has the same list as code:
//
//	exchange/begin.go           a name and a place for what will be found out
//	middleware/recover.go       a panic becomes an error
//	middleware/framing.go       no request smuggled behind another
//	middleware/pages.go         health checks and other pages, before any limit
//	middleware/negotiate.go     Accept is read, so that errors follow it too
//	middleware/cors.go          which web pages may read the answer
//	middleware/caller.go        who asks, and from where (client.go)
//	middleware/match.go         the route, or why there is none
//	middleware/prefer.go        the preferences that the method honours
//	middleware/limit.go         429; X-Rate-Limit-* on every answer
//	middleware/concurrency.go   429 for too many requests at once
//	middleware/expect.go        418
//	middleware/available.go     503 while the backends' routes are not known
//	middleware/lifecycle.go     410 for a retired prefix
//	middleware/match.go         404; 405 with Allow; OPTIONS
//	middleware/lifecycle.go     Deprecation, Sunset, 410 from the sunset on
//	middleware/caller.go        401
//	middleware/reserved.go      400 for header fields that only the gateway may set
//	middleware/negotiate.go     415; 400 for an Accept that cannot be read
//	middleware/precondition.go  400 for what cannot be read or evaluated
//	middleware/body.go          413; the body is read whole (arrival.go), however slowly it arrives,
//	                            or discarded meanwhile (discard.go) where it means nothing
//	middleware/overload.go      503 before memory or latency runs away; says what a slot is
//	middleware/drain.go         503, or a last frame, for streams when the server stops
//	middleware/idempotency.go   the answer of an earlier request with the same key
//	forward/                    what goes on to the backend, and what may come back
//	internal/request/           the message that is sent to it
//	transcode/ or dynamic/      the call
//	mapping/decide.go           what it becomes
//	respond/                    the response, whole in memory
//	respond/send.go             onto the wire, when all of the above have returned
//	exchange/outcome.go         what has come of it, for all who are told:
//	tracing/, metrics/, log.go  the span, the counters, the line
//
// A request without a route is counted before it is turned away, so that every
// answer carries the state of the caller's allowance and guessing paths is no way
// around it.
package gateway
