// Package metrics counts requests for Prometheus. [New] returns an [observe.Observer] for the
// configuration of a gateway.
//
// # Number of series
//
// Clients and backends cannot choose the value of a label, so the number of series is bounded:
//
//   - route is a path of the OpenAPI document or the path of a page. Requests without a route share
//     one value.
//   - method is a well-known HTTP method or _OTHER.
//   - domain and reason are a pair from the policy, the program or [Params]. All others share one
//     value.
//   - code, status and rule come from gRPC and from the policy.
//
// # Cost
//
// A request finds its series in copy-on-write maps: it formats no labels, allocates nothing and
// takes no lock.
package metrics
