// Package generated makes a backend from the handlers that protoc-gen-grpc-gateway generates.
// Pass your Register functions to [New] in place of a runtime.ServeMux; the generated code stays
// the same. The example shows a program before and after.
//
// The package replaces every hook of grpc-gateway's runtime, so that its default error handler,
// status table and header rules are never used:
//
//   - the error handlers only record the error;
//   - the forward-response hook passes the message to package respond, which sends the whole
//     response; anything that runtime writes afterwards is discarded;
//   - the header matchers match nothing, because package forward decides for both backends which
//     metadata goes to the backend and comes back;
//   - the marshaler decodes and encodes nothing;
//   - the routes of runtime are not used, so there is no method override and no path-length
//     fallback.
//
// Generated code gets a request without body, query and headers, and makes an empty message. Its
// clients call a special connection, the relay. The relay fills the message from the real request,
// as the dynamic backend does, so both backends send the same message. For a client stream, the
// relay reads the messages from the body while it arrives. A handler that does not call the relay
// fails, because its call would have neither the message nor the token of the request.
package generated
