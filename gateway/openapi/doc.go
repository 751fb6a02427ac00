// Package openapi generates the OpenAPI 3.1 document of a gateway. It describes every route with its
// parameters and bodies, and every response that the policy allows, with its headers and its body.
//
// The document is complete. Any method may fail with any gRPC code, so each operation lists the statuses
// for all codes, for the details and for the reasons of the backend; it lists the gateway's own reasons if
// they can occur on the route. There is no "default" response: the gateway sends no response that is not in
// the document. OpenAPI cannot express HEAD, OPTIONS and retired prefixes for all paths, so the description
// of the document explains them.
//
// # Why not protoc-gen-openapiv3
//
// The generator only knows the responses 200 and "default", so everything except the schemas would have to
// be replaced. A document that is generated with the code cannot follow a policy in a file. A backend with
// server reflection has no generated code.
//
// # Why not a library
//
// libopenapi and kin-openapi are made for reading documents and would be linked into every program that
// imports the gateway. The document is a few plain structs. The tests in server/check use one of the
// libraries to check the document, and to check the responses of the running server against it.
package openapi
