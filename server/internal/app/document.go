package app

import (
	"context"
	"fmt"

	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/openapi"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/catalogue"
)

// DocumentParams select the API of an OpenAPI document.
type DocumentParams struct {
	// Descriptors is the file of a FileDescriptorSet; empty means the reference
	// services. ServiceConfig is a file of rules for it; empty means none.
	Descriptors, ServiceConfig string
	// Demo adds the services of a demo.
	Demo bool
	// Table is the policy that decides.
	Table *policy.Table
	// PublicURL is the URL under which clients reach REST.
	PublicURL string
}

// Document is the document that a server of these services would serve. An error names
// the file and what in it is wrong.
func Document(p DocumentParams) (*openapi.Document, error) {
	about := openapi.Params{
		Table: p.Table, PublicURL: p.PublicURL, PagesURL: "", Title: "", License: "", Keys: false, Pages: catalogue.Problems(p.Table),
	}
	if p.Descriptors == "" {
		described, err := describeReference(p.Demo)
		if err != nil {
			return nil, err
		}
		reference(&about)
		return openapi.New(described, about)
	}
	set, err := readDescriptors(p.Descriptors)
	if err != nil {
		return nil, err
	}
	rules, err := readServiceConfig(p.ServiceConfig)
	if err != nil {
		return nil, err
	}
	described, err := dynamic.Connect(context.Background(), dynamic.Target{Descriptors: set, ServiceConfig: rules})
	if err != nil {
		return nil, fmt.Errorf("--descriptors: %s: %w", p.Descriptors, err)
	}
	return openapi.New(described, about)
}

// reference describes the reference services. They support idempotency keys; a proxy has no
// store for them.
func reference(about *openapi.Params) {
	about.Title, about.License, about.Keys = "The reference API of Statusway", "Apache-2.0", true
}
