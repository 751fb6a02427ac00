// Package contract reads what a backend declares: its google.api.http routes and
// its statusway.v1 annotations, once, from descriptors, into plain [Method]
// values. Nothing after it looks at an option again.
//
// What is declared wrongly is refused here, when the program starts, with the
// method and, where the descriptor carries its source, the file and line.
package contract
