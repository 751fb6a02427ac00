package rfc9110_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// A cached copy is compared with the current version of the resource.
func ExamplePreconditions_Evaluate() {
	request := map[string][]string{"If-None-Match": {`"v41"`, `W/"v42"`}}
	conditions, err := rfc9110.ParsePreconditions(func(name string) []string { return request[name] })
	if err != nil {
		fmt.Println(err)
		return
	}
	current := rfc9110.Validators{Tag: rfc9110.StrongETag("v42"), HasTag: true}

	fmt.Println("read:", conditions.Evaluate(true, current) == rfc9110.NotModified)
	fmt.Println("write:", conditions.Evaluate(false, current) == rfc9110.Failed)
	// Output:
	// read: true
	// write: true
}

func ExampleParsePreconditions_malformed() {
	request := map[string][]string{"If-Match": {`v42`}}
	_, err := rfc9110.ParsePreconditions(func(name string) []string { return request[name] })
	if malformed, ok := errors.AsType[*rfc9110.FieldError](err); ok {
		fmt.Println(malformed)
	}
	// Output:
	// If-Match: not an entity-tag: no opening quote
}

// The most specific range decides, not the first one and not the heaviest one.
func ExampleNegotiate() {
	ranges, err := rfc9110.ParseAccept([]string{"*/*;q=0.8, application/json;q=0.1", "application/x-protobuf;q=0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rfc9110.Negotiate(ranges, []string{"application/json", "application/x-protobuf", "text/event-stream"}))
	fmt.Println(rfc9110.Negotiate(ranges, []string{"application/x-protobuf"}))
	// Output:
	// text/event-stream true
	//  false
}

func ExampleNegotiateLanguage() {
	fmt.Println(rfc9110.NegotiateLanguage([]string{"fr, de-CH;q=0.9, en;q=0.5"}, []string{"en", "de"}))
	// Output: de true
}

func ExampleStrongETag() {
	fmt.Println(rfc9110.StrongETag(`7 "draft"`))
	// Output: "7%20%22draft%22"
}

func ExampleDelaySeconds() {
	fmt.Println(rfc9110.DelaySeconds(1500 * time.Millisecond))
	// Output: 2
}

func ExampleChallenge() {
	fmt.Println(rfc9110.Challenge("Bearer",
		rfc9110.Param{Name: "realm", Value: "statusway"},
		rfc9110.Param{Name: "error", Value: "invalid_token"},
	))
	// Output: Bearer realm="statusway", error="invalid_token"
}

func ExampleLink() {
	fmt.Println(rfc9110.Link(
		rfc9110.LinkTarget{URI: "/v1/entities", Rel: "successor-version"},
		rfc9110.LinkTarget{URI: "https://example.com/moving to v1", Rel: "deprecation"},
	))
	// Output: </v1/entities>; rel="successor-version", <https://example.com/moving%20to%20v1>; rel="deprecation"
}
