// Command benchmark compares this gateway, with all its features, with bare grpc-gateway.
// `make bench` runs it, and writes its tables into the README.
//
// One run measures all candidates in turn, round after round. The result is the ratio
// within a round, because absolute figures from a shared machine are not comparable. A
// ratio is the median of the rounds, with the smallest and the largest; other figures are medians.
//
// In process, a front end is a handler that gets a parsed request and responds into
// memory; its service runs on the same goroutine. Proxied, the front end is a process with
// a real listener, the gRPC server is a second process, and the load comes from a third,
// over many connections. Only the front end's CPU time and allocations count.
package main
