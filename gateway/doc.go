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
// protoc-gen-grpc-gateway generates. The zero [Config] has the documented policy and a bound for
// everything that a client can make the server hold.
//
// # The walk of a request
//
// [Gateway] takes each request through one list of rules, which newWalk in gateway.go has as code.
// A rule reads the request and notes what it finds on the exchange, or ends the walk with an error.
// These rules run one after the other:
//
//	internal/exchange/begin.go     gives the request an id, and a place for what the rules find out
//	internal/rules/prefix.go       finds out below which path the client reaches the API
//	internal/rules/framing.go      lets no request hide behind another
//	internal/rules/pages.go        serves health checks and other pages, before any limit
//	internal/rules/negotiate.go    reads Accept, which the form of an error depends on too
//	internal/rules/cors.go         says which web pages may read the response
//	internal/rules/caller.go       finds out who sent the request, and from which address (client.go)
//	internal/rules/match.go        finds the route, or why there is none
//	internal/rules/prefer.go       reads the preferences that the method honours
//	internal/rules/limit.go        429; sets X-Rate-Limit-* on every response
//	internal/rules/concurrency.go  429 for too many requests of one caller at the same time
//	internal/rules/expect.go       418
//	internal/rules/available.go    503 while the routes of a backend are not known
//	internal/rules/lifecycle.go    410 for a retired prefix
//	internal/rules/match.go        404; 405 with Allow; OPTIONS
//	internal/rules/lifecycle.go    Deprecation and Sunset; 410 after the sunset
//	internal/rules/available.go    503 for a route that is closed
//	internal/rules/caller.go       401
//	internal/rules/reserved.go     400 for header fields that only the gateway may set
//	internal/rules/negotiate.go    415; 400 for an Accept that cannot be read
//	internal/rules/precondition.go 400 for a condition that cannot be read or evaluated
//
// The others run around the call, because they end something when it is over:
//
//	internal/rules/recover.go      turns a panic into an error
//	internal/rules/body.go         413; reads the body whole, however slowly it arrives (arrival.go), or
//	                               discards it meanwhile if it has no meaning (discard.go)
//	internal/rules/overload.go     503 before memory or latency runs away; says what a slot is
//	internal/rules/drain.go        503, or a last frame, for streams when the server stops
//	internal/rules/idempotency.go  repeats the response of an earlier request with the same key
//	internal/rules/deadline.go     bounds the time of the call
//
// Then comes the call, and what follows from it:
//
//	internal/forward/              decides which metadata goes to the backend and comes back
//	internal/request/              makes the message that is sent
//	generated/ or dynamic/         makes the call
//	policy/decide.go               decides the status
//	internal/respond/              makes the response, whole in memory
//	internal/respond/send.go       sends it, when all rules have returned
//	observe/record.go              is the record of the request that the log, the metrics and the
//	                               trace are made of
//
// The rate limit counts a request before 404 refuses it. So every response has the caller's
// allowance, and a client that guesses paths uses it up.
package gateway
