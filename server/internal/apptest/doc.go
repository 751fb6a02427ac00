// Package apptest runs the whole program inside a test: over REST and gRPC, without TLS
// and with it, and with a proxy in front of it. A [Fleet] starts the servers that the
// cases in testdata/cases name, each of them once.
//
// Every package that uses it lies two folders below server, because tests run in their
// own folder and the cases are found from there.
package apptest
