// Package generated makes a backend of generated grpc-gateway handlers. A program passes [New]
// what it passed to grpc-gateway's runtime.ServeMux before, and nothing generated changes. The
// example shows a program before and after.
//
// The package owns every hook of grpc-gateway's runtime, so that no default error handler,
// status table or header rule of it is ever reached:
//
//   - the error and stream-error handlers only note what happened;
//   - the forward-response hook passes the message to package respond, which decides
//     and sends the whole response, and what runtime writes after it is dropped;
//   - the header matchers let nothing pass: package forward decides for both backends which
//     metadata goes on and comes back;
//   - the marshaler decodes and encodes nothing;
//   - the routes of runtime are not used, and with them method override and path-length
//     fallback are gone.
//
// Generated code gets a request without a body, a query and header fields, and leaves its
// message empty. The connection that its clients call, the relay, fills that message from the
// real request as the dynamic backend does, so both backends send the same. For a client stream
// it reads the live body. A call that goes around the relay is a fault, because neither the
// message nor the token is that of the request.
package generated
