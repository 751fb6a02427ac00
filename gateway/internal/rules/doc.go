// Package rules contains the HTTP rules, one in each file. A rule reads the request and records its
// result on the exchange, or ends the walk with an error, which the responder turns into a response.
// A rule does not write responses itself and does not know other rules.
//
// Most rules check the request before the call, one after the other. A few run around the call,
// because they have to clean up after it: they take the next step as a parameter.
package rules

import "github.com/statusway/statusway/gateway/internal/exchange"

// Rule is one step of the walk. An error ends the walk, and so does a response.
type Rule func(ex *exchange.Exchange) error
