// Package openapi writes the OpenAPI 3.1 document of what a gateway serves: every
// route with its parameters and bodies, every answer that the policy in force can give
// to it, and the header fields and the body of each.
//
// The document is built when the program runs, from the same three things that decide
// the answers: the contract, its descriptors, and the policy's table. Patching what
// protoc-gen-openapiv3 writes was the other way, and was not taken: the generator knows
// 200 and "default", so that all but the schemas would have been written over; a
// document made when the code is generated cannot follow a policy that is a file; and a
// backend that the gateway learns of by server reflection has no generated code.
//
// The document itself is a few plain structs with the order of their members. The
// libraries for it (libopenapi, kin-openapi) are made for reading documents, hold
// anything, and would come along to everybody who imports the gateway. The tests in
// server/check, a module of its own, check with one of them that the document is valid, and
// that the running server answers as it says.
//
// What it says is as exact as the contract allows, and total. Any method may fail with
// any gRPC code, so each has the rows that the policy gives to those, to its details
// and to the reasons of its own domains; the reasons that only the gateway raises lead
// to a row where they can come up. There is no "default" answer: what does not stand in
// the document is not sent. Three things have no place in it, because OpenAPI has no
// words for them, and its description says them once: HEAD, OPTIONS, and the prefixes
// that are retired.
package openapi
