// Package apidocs serves an OpenAPI document: as JSON and YAML for programs, and as a
// page for people.
//
// The page is Swagger UI, whose files in swagger-ui are those of the npm package
// swagger-ui-dist 5.35.0, unchanged (SHA256SUMS), under the Apache License 2.0. It is
// the one of five that works under the Content-Security-Policy below, without
// unsafe-inline and unsafe-eval: Redoc 3.0, Scalar 1.76, RapiDoc 9.3 and Stoplight
// Elements 9.0 all put styles into the page as they run. It is also the oldest, is
// released every few weeks, reads OpenAPI 3.1, and sends requests from the page.
package apidocs

import (
	_ "embed"
	"net/http"
	"sync"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/openapi"
)

// Inside is the page between the header and the footer of all pages: a template of
// [html/template] that defines "head" and "content". Swagger UI has the main
// and the h1.
//
//go:embed index.html
var Inside string

//go:embed page.css
var style []byte

//go:embed page.js
var script []byte

//go:embed swagger-ui/swagger-ui.css
var swaggerStyle []byte

//go:embed swagger-ui/swagger-ui-bundle.js
var swaggerScript []byte

// pagePolicy lets the page load its own files and ask its own server, and nothing else.
// Swagger UI's style has its icons as data.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Path is where the page is.
const Path = "/openapi"

// Explorer is the page and its files, and the document in its current version. It is safe for
// concurrent use.
type Explorer struct {
	pages   map[string]http.Handler
	current func() (*openapi.Document, error)

	mu   sync.Mutex
	last *openapi.Document // the document of the handlers
	json http.Handler
	yaml func() (http.Handler, error)
}

// NewExplorer returns the page with this HTML. current returns the document to serve.
func NewExplorer(html []byte, current func() (*openapi.Document, error)) *Explorer {
	const css, javaScript = "text/css; charset=utf-8", "text/javascript; charset=utf-8"
	page := gateway.File("text/html; charset=utf-8", html)
	e := &Explorer{current: current}
	e.pages = map[string]http.Handler{
		Path: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", pagePolicy)
			page.ServeHTTP(w, r)
		}),
		"/openapi.json":                 http.HandlerFunc(e.serveJSON),
		"/openapi.yaml":                 http.HandlerFunc(e.serveYAML),
		"/openapi/page.css":             gateway.File(css, style),
		"/openapi/page.js":              gateway.File(javaScript, script),
		"/openapi/swagger-ui.css":       gateway.File(css, swaggerStyle),
		"/openapi/swagger-ui-bundle.js": gateway.File(javaScript, swaggerScript),
	}
	return e
}

// Pages returns the document and the page that shows it, by their paths.
func (e *Explorer) Pages() map[string]http.Handler { return e.pages }

func (e *Explorer) serveJSON(w http.ResponseWriter, r *http.Request) {
	inJSON, _, err := e.handlers()
	serve(w, r, inJSON, err)
}

func (e *Explorer) serveYAML(w http.ResponseWriter, r *http.Request) {
	_, inYAML, err := e.handlers()
	var handler http.Handler
	if err == nil {
		handler, err = inYAML()
	}
	serve(w, r, handler, err)
}

func serve(w http.ResponseWriter, r *http.Request, handler http.Handler, err error) {
	if err != nil {
		gateway.Error(w, r, err)
		return
	}
	handler.ServeHTTP(w, r)
}

// handlers returns the handlers of the current document: as JSON, and as YAML, which is made when
// somebody asks for it.
func (e *Explorer) handlers() (inJSON http.Handler, inYAML func() (http.Handler, error), err error) {
	document, err := e.current()
	if err != nil {
		return nil, nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if document != e.last {
		e.last, e.json = document, gateway.File("application/json", document.JSON())
		e.yaml = sync.OnceValues(func() (http.Handler, error) {
			text, err := document.YAML()
			return gateway.File("application/yaml", text), err // RFC 9512 §2.1
		})
	}
	return e.json, e.yaml, nil
}
