package openapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/openapi"
	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
)

// The document lists every status that a route can have by the policy of the gateway.
func Example() {
	service := conformancev1.File_statusway_conformance_v1_conformance_proto.Services().ByName("ConformanceService")
	backend, err := dynamic.Linked(nil, service) // It is only described. Any backend of a gateway will do.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = backend.Close() }()
	document, err := openapi.New(backend, openapi.Params{
		Table: nil, PublicURL: "https://api.example.com", Title: "Items", License: "", Keys: false, Pages: nil,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var read struct {
		Info struct {
			Title string `json:"title"`
		} `json:"info"`
		Paths map[string]map[string]struct {
			Responses map[string]any `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(document.JSON(), &read); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(read.Info.Title, slices.Sorted(maps.Keys(read.Paths["/conformance/v1/items"]["post"].Responses)))
	// Output: Items [201 400 401 403 404 405 409 413 415 418 429 500 503]
}
