// Package respond turns what happened into bytes. It is the only code of this
// module that writes a status line or encodes an error.
//
// A [Failure] is why a request could not be answered: a google.rpc.Status and the
// header fields that go with it. [Responder.Render] asks the policy what it becomes
// and builds the whole answer, status, header and body, before a byte is written;
// the mapping service shows that same answer without sending it. [Responder.Reply]
// does the same for a success, and answers 304 without encoding anything.
package respond
