// Package transcode is the backend made of generated grpc-gateway handlers. It owns
// every hook of grpc-gateway's runtime, so that no default error handler, status
// table or header rule of it is ever reached:
//
//   - the error and stream-error handlers only note what happened;
//   - the forward-response hook hands the message to package respond, which decides
//     and sends the whole response, and what runtime writes after it is dropped;
//   - the header matchers let nothing pass: package forward decides which metadata goes
//     on and comes back, for both backends;
//   - the marshaler decodes and encodes nothing;
//   - method override and path-length fallback are off.
//
// Generated code gets a request without a body, a query and header fields, and leaves its
// message empty. The connection of [Backend.Conn] fills that message from the real
// request, as the dynamic backend does, so both backends send the same. For a client
// stream it reads the live body. A message that a handler of your own passes to a client
// is replaced in the same way.
//
// A program makes a [Backend], gives its [Backend.Options] to runtime.NewServeMux,
// registers the generated handlers on that mux with the connection that
// [Backend.Conn] returns, and serves [Backend.Handler]. A call that goes around that
// connection is a fault, because neither the message nor the token is that of the request.
// The example shows what all this changes in a program that has served its mux alone.
package transcode
