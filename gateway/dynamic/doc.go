// Package dynamic is the backend made of descriptors alone: it serves any gRPC server
// over HTTP without generated code.
//
// A [Schema] is what one gRPC server declares. It comes from a FileDescriptorSet
// ([NewSchema]) or from server reflection ([Reflect]), and its google.api.http rules
// may also come from a service configuration file ([ParseServiceConfig]). A [Conn],
// which [Dial] makes, leads to the server. A [Backend] puts schemas and connections
// together: [Backend.Contract] is what the gateway is made with, and [Backend.Handle]
// is what it calls.
//
// A schema does not change. Where the descriptors do, a new Backend replaces the old
// one; the connections stay.
package dynamic
