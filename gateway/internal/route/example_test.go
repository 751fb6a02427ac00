package route_test

import (
	"fmt"

	"github.com/statusway/statusway/gateway/internal/route"
)

func Example() {
	var index route.Index[string]
	for _, binding := range [][3]string{
		{"GET", "/v1/entities/{id}", "GetEntity"},
		{"DELETE", "/v1/entities/{id}", "DeleteEntity"},
		{"POST", "/v1/{name=operations/*}:cancel", "CancelOperation"},
	} {
		template, err := route.Parse(binding[1])
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := index.Add(binding[0], template, binding[2]); err != nil {
			fmt.Println(err)
			return
		}
	}

	found, _, _ := index.Lookup("GET", "/v1/entities/a%2Fb")
	fmt.Println(found.Value, found.Params)
	found, _, _ = index.Lookup("POST", "/v1/operations/7:cancel")
	fmt.Println(found.Value, found.Params)
	refused, outcome, _ := index.Lookup("PUT", "/v1/entities/a")
	fmt.Println(outcome == route.MethodNotAllowed, refused.Allow)
	// Output:
	// GetEntity [{id a/b}]
	// CancelOperation [{name operations/7}]
	// true [DELETE GET]
}

func ExampleTemplate_Expand() {
	template, err := route.Parse("/v1/entities/{entity.id}")
	if err != nil {
		fmt.Println(err)
		return
	}
	path, err := template.Expand(func(string) (string, bool) { return "a/b", true })
	fmt.Println(path, err)
	_, err = template.Expand(func(string) (string, bool) { return "..", true })
	fmt.Println(err)
	// Output:
	// /v1/entities/a%2Fb <nil>
	// expanding a path template: the value of entity.id has a segment that clients remove
}

func ExampleParse_error() {
	_, err := route.Parse("/v1/{name=**}/parts")
	fmt.Println(err)
	// Output:
	// path template "/v1/{name=**}/parts", offset 14: nothing but a verb can follow **
}
