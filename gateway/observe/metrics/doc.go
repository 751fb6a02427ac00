// Package metrics counts requests for Prometheus. The gateway knows no more of it than
// [observe.Observer].
//
// # How many series there are
//
// No label has a value that a client or a backend chooses. A route is a path of the
// contract, called as in the OpenAPI document, or the path of a page, and all requests
// without one share a value. Methods are those that everybody knows. Reasons are pairs of
// a domain and a reason that the contract, the policy or the program knows, and all others
// share one. Codes, statuses and rules are those of gRPC and of the policy.
//
// # What it costs
//
// A request finds its series by comparing what is known of it, in maps that are replaced
// and never changed: no label is made into a text, nothing is allocated, no lock is taken.
package metrics
