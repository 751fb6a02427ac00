// Package transcode is the backend made of generated grpc-gateway handlers. It owns
// every hook of grpc-gateway's runtime, so that no default error handler, status
// table or header rule of it is ever reached:
//
//   - the error, routing-error and stream-error handlers only note what happened;
//   - the forward-response hook hands the message to package respond, which decides
//     and writes the whole answer, and what runtime writes after it goes nowhere;
//   - the header matchers let nothing pass: what goes on and what comes back is decided
//     by package forward, for both backends alike;
//   - the marshaler decodes strictly and encodes nothing;
//   - method override and path-length fallback are off.
//
// A program makes a [Backend], gives its [Backend.Options] to runtime.NewServeMux,
// registers the generated handlers on that mux with the connection that
// [Backend.Conn] returns, and serves [Backend.Handler]. A call that went around that
// connection is a fault, because neither the token nor a condition passed. The example
// shows what all this changes in a program that has served its mux alone.
package transcode
