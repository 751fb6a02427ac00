// Command benchmark compares this gateway, with all that it does, with bare grpc-gateway.
// `make bench` runs it, and writes its tables into the README.
//
// All that is compared is measured in one run, in turn, round after round, and what
// counts is the ratio within a round: two absolute figures from a shared machine say
// little about each other. Each figure is the median over the rounds, with the
// smallest and the largest beside it.
//
// In process, a front end is a handler that is called with a request that has been
// parsed, and answers into memory; its service runs on the same goroutine. Proxied, it
// is a process of its own with a real listener, before a gRPC server in another
// process, and its load comes from a third, over many connections at once; only its
// own CPU time and its own allocations count.
package main
