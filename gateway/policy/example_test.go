package policy_test

import (
	"errors"
	"fmt"

	"github.com/statusway/statusway/gateway/policy"
)

// A reason goes before the code: over HTTP a request that is too large is 413,
// though gRPC has the same code for it as for an exhausted quota.
func ExampleTable_Decide() {
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		fmt.Println(err)
		return
	}
	const resourceExhausted = 8
	for _, in := range []policy.Input{
		{Code: resourceExhausted},
		{Code: resourceExhausted, Domain: policy.Domain, Reason: policy.ReasonRequestTooLarge},
		{Code: 0, Declared: []int32{201, 200}},
		{Code: 99},
	} {
		decision := table.Decide(in)
		fmt.Println(decision.Status(), decision.Row.GetTitle(), "by", decision.Rule.GetName())
	}
	// Output:
	// 429 Too Many Requests by resource-exhausted
	// 413 Payload Too Large by request-too-large
	// 201 Entity Created by declared
	// 500 Internal Server Error by other
}

// All that is wrong with a file is reported at once, with the line of each.
func ExampleLoad() {
	const source = `
name: mine
catalogue:
  - status: 200
    title: Fine
    reason: None.
rules:
  - name: ok
    code: OK
    status: twohundred
`
	_, err := policy.Load("mine.yaml", []byte(source))
	fmt.Println(err)

	if first, ok := errors.AsType[*policy.FileError](err); ok {
		fmt.Println("begin at line", first.Line)
	}
	// Output:
	// mine.yaml:6: unknown key "reason": Row has status, title, description, source, cacheControl
	// mine.yaml:10: status: "twohundred" is not a value of type int32
	// begin at line 6
}
