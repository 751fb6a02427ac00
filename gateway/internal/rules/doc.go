// Package rules holds the HTTP rules, one a file. A rule reads the request and fills in the
// exchange, or stops the walk with an error; the responder makes a response of it. No rule writes
// a response itself or knows another rule.
//
// Most rules look at the request before the call, one after the other. A few have to run around
// the call, because they end something when it is over: they take the next step and return one.
package rules

import "github.com/statusway/statusway/gateway/internal/exchange"

// Rule is one step of the walk. Its error ends the walk, and so does a response.
type Rule func(ex *exchange.Exchange) error
