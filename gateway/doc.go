// Package gateway serves a gRPC backend as an HTTP API: it maps gRPC codes and error details onto a
// documented set of HTTP statuses and bodies, and applies the rules of HTTP that gRPC lacks.
//
// A program makes a backend, a gateway and a listener:
//
//	backend, err := dynamic.Connect(ctx, dynamic.Target{Address: "localhost:9090"})
//	gw, err := gateway.New(backend, gateway.Config{})
//	err = gw.Serve(ctx, listener)
//
// Package dynamic makes a backend from descriptors, package generated from the handlers that
// protoc-gen-grpc-gateway generates. The zero [Config] uses the documented policy and limits all
// memory and time that a client can take.
//
// # The walk of a request
//
// [Gateway] takes each request through one list of rules; newWalk in gateway.go is the same list
// as code. A rule reads the request and records its result on the exchange, or ends the walk with
// an error. These rules run one after the other:
//
//	internal/exchange/begin.go     gives the request an id, and a record for the rules' results
//	internal/rules/prefix.go       determines the path prefix under which the client reaches the API
//	internal/rules/framing.go      finds malformed requests and headers over the limit, before a rule reads them
//	internal/rules/negotiate.go    reads Accept, because errors are negotiated too
//	internal/rules/pages.go        serves health checks and other pages, before any limit
//	internal/rules/cors.go         decides which web pages may read the response
//	internal/rules/caller.go       identifies the caller and the client's address (client.go)
//	internal/rules/match.go        finds the route, or why there is none
//	internal/rules/prefer.go       reads the preferences that the method honours
//	internal/rules/limit.go        429; sets X-Rate-Limit-* on every response
//	internal/rules/concurrency.go  429 for too many requests of one caller at the same time
//	internal/rules/framing.go      400 for a malformed request; 413 for a header over the limit
//	internal/rules/expect.go       418
//	internal/rules/available.go    503 while the routes of a backend are unknown
//	internal/rules/lifecycle.go    410 for a retired prefix
//	internal/rules/match.go        404; 405 with Allow; OPTIONS
//	internal/rules/lifecycle.go    Deprecation and Sunset; 410 after the sunset
//	internal/rules/available.go    503 for a route that is closed
//	internal/rules/caller.go       401
//	internal/rules/reserved.go     400 for headers that only the gateway may set
//	internal/rules/negotiate.go    415, for a safe request only in place of a success; 400 for an
//	                               Accept that cannot be read
//	internal/rules/precondition.go 400 for a condition that cannot be read or evaluated
//
// The others run around the call, because they have to clean up after it:
//
//	internal/rules/recover.go      turns a panic into an error
//	internal/rules/body.go         413; reads the whole body, within a time limit (arrival.go); discards
//	                               the body of a request that takes none (discard.go)
//	internal/rules/overload.go     503 before memory or latency grows too far; defines a slot
//	internal/rules/drain.go        503, or a last frame, for streams when the server stops
//	internal/rules/idempotency.go  repeats the response of an earlier request with the same key
//	internal/rules/deadline.go     limits the time of the call
//
// The call and the response follow:
//
//	internal/forward/              decides which metadata goes to the backend and comes back
//	internal/request/              builds the request message
//	generated/ or dynamic/         makes the call
//	policy/decide.go               decides the status
//	internal/respond/              builds the response in memory
//	internal/respond/send.go       sends it after all rules have returned
//	observe/record.go              records the request for the log, the metrics and the trace
//
// The rate limit counts a request before the walk can end with 404. So every response carries the
// caller's remaining allowance, and a client that guesses paths uses it up.
package gateway
