// Package dynamic makes a backend for any gRPC server from its descriptors, without generated code.
// The descriptors come from server reflection, from a FileDescriptorSet or from Go types that are
// linked into the program. HTTP rules can also come from a service configuration file
// ([ParseServiceConfig]).
//
// [Connect] returns a [gateway.Backend] for one or more servers. With server reflection, it keeps
// the routes up to date while the server changes, and keeps the connections open.
//
// [gateway.Backend]: https://pkg.go.dev/github.com/statusway/statusway/gateway#Backend
package dynamic
