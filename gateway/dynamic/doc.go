// Package dynamic makes a backend of any gRPC server, from descriptors alone: it needs no
// generated code. The descriptors come from server reflection, from a FileDescriptorSet or
// from the Go types that are linked into the program. The google.api.http rules may also come
// from a service configuration file ([ParseServiceConfig]).
//
// [Connect] returns a [gateway.Backend] for one server or several. It keeps the routes up to
// date: when a server that has reflection declares something else, the routes change, and the
// connections stay.
//
// [gateway.Backend]: https://pkg.go.dev/github.com/statusway/statusway/gateway#Backend
package dynamic
