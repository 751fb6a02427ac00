package app

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/openapi"
	"github.com/statusway/statusway/gateway/route"
	"github.com/statusway/statusway/server/internal/catalogue"
)

// DocumentParams say what an OpenAPI document is about.
type DocumentParams struct {
	// Descriptors is the file of a FileDescriptorSet; empty means the reference
	// services. ServiceConfig is a file of rules for it; empty means none.
	Descriptors, ServiceConfig string
	// Demo says that the reference services are those of a demo.
	Demo bool
	// Table is the policy that decides.
	Table *mapping.Table
	// PublicURL is where clients are told that REST is.
	PublicURL string
}

// Document is the document that a server of these services would serve. An error names
// the file and what in it is wrong.
func Document(p DocumentParams) (*openapi.Document, error) {
	if p.Descriptors == "" {
		declared, err := referenceContract(p.Demo)
		if err != nil {
			return nil, err
		}
		return newDocument(documentOf{declared: declared, table: p.Table, publicURL: p.PublicURL, reference: true})
	}
	set, err := readDescriptors(p.Descriptors)
	if err != nil {
		return nil, err
	}
	rules, err := readServiceConfig(p.ServiceConfig)
	if err != nil {
		return nil, err
	}
	declared, err := readContract(dynamic.SchemaParams{Set: set, Services: nil, Except: nil, Config: rules})
	if err != nil {
		return nil, fmt.Errorf("--descriptors: %s: %w", p.Descriptors, err)
	}
	return newDocument(documentOf{declared: declared, table: p.Table, publicURL: p.PublicURL, reference: false})
}

// document is that of the program's own services: of the descriptors that have their
// comments.
func (a *App) document() (*openapi.Document, error) {
	return Document(DocumentParams{
		Descriptors: "", ServiceConfig: "", Demo: a.params.Config.Demo, Table: a.params.Table, PublicURL: a.rest.publicURL(),
	})
}

// documentOf is what a document is about.
type documentOf struct {
	declared  *contract.Contract
	table     *mapping.Table
	publicURL string
	// reference says that it is of the program's own services, which keep idempotency
	// keys; a proxy has no store for them.
	reference bool
}

func newDocument(of documentOf) (*openapi.Document, error) {
	// What a gateway refuses is nothing to document.
	served, err := of.declared.Retire(of.table)
	if err := errors.Join(err, of.declared.Check(of.table)); err != nil {
		return nil, fmt.Errorf("reading the contract: %w", err)
	}
	p := openapi.Params{
		Contract: served, Table: of.table, PublicURL: of.publicURL, Title: "", License: "", Keys: of.reference,
		HasPage: pagesBeside(served.Index(), of.table),
	}
	if of.reference {
		p.Title, p.License = "The reference API of Statusway", "Apache-2.0"
	}
	document, err := openapi.New(p)
	if err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	return document, nil
}

// pagesBeside says which routes the catalogue has pages for, as [rest.pages] serves them:
// those of MappingService for the table and its rows. No other page has a route.
func pagesBeside(index *route.Index[*contract.Binding], table *mapping.Table) func(*contract.Binding) bool {
	beside := map[*contract.Binding]bool{}
	for _, path := range catalogue.Problems(table) {
		found, outcome, err := index.Lookup(http.MethodGet, path)
		if err == nil && outcome == route.Found && isMapping(found.Value) {
			beside[found.Value] = true
		}
	}
	return func(binding *contract.Binding) bool { return beside[binding] }
}
