// Package respond builds and sends responses. It is the only code of this module that writes a status
// line or encodes an error.
//
// A [Failure] is the error of a request: a google.rpc.Status with the headers that belong to it.
// [Responder.Render] maps it by the policy and builds the whole response in memory: status, headers and
// body. The mapping service shows the same response without sending it. [Responder.Reply] does the same
// for a success, and responds 304 without encoding a body.
package respond
