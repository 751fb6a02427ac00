// Package catalogue shows the server's policy as web pages: the table of statuses, a page
// for each row, and a playground that maps any google.rpc.Status.
//
// Every problem type is the URL of its row's page: HTML for a browser and JSON for a
// program, by Accept. The server renders the pages once, at its start. They load only
// their own files and contain no script or style, so the Content-Security-Policy can
// forbid everything else. Without JavaScript everything works except trying a request.
package catalogue

import (
	"context"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/policy"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	"github.com/statusway/statusway/server/internal/mappingsvc"
	"github.com/statusway/statusway/server/internal/tour"
)

// pagePolicy lets a page load its own files, ask its own server and send it forms, and
// nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const (
	htmlType = "text/html; charset=utf-8"
	jsonType = "application/json"

	homePath       = "/"
	tablePath      = "/statuses"
	playgroundPath = "/playground"
)

//go:embed files
var files embed.FS

// Params configure the pages.
type Params struct {
	// Mapper has the policy in force.
	Mapper *gateway.Mapper
	// Mapping maps a status by each policy.
	Mapping *mappingsvc.Service
	// Has says which steps of the tour this server can serve.
	Has tour.Needs
}

// Catalogue is the pages of one server. It is safe for concurrent use.
type Catalogue struct {
	Params

	views views
	pages map[string]http.Handler
}

// New renders the pages.
func New(ctx context.Context, p Params) (*Catalogue, error) {
	c := &Catalogue{Params: p, pages: map[string]http.Handler{}}
	var err error
	if c.views, err = readViews(); err != nil {
		return nil, err
	}
	rows, err := newRows(p)
	if err != nil {
		return nil, err
	}
	for _, add := range []func(context.Context, []*row) error{c.addFiles, c.addHome, c.addTable, c.addRows} {
		if err := add(ctx, rows); err != nil {
			return nil, err
		}
	}
	c.pages[playgroundPath] = c.playground(rows)
	c.pages[expectPath] = http.HandlerFunc(unmet)
	return c, nil
}

// Pages are all pages by their paths, as a gateway serves them.
func (c *Catalogue) Pages() map[string]http.Handler { return c.pages }

// Problems are the paths of the pages that are JSON for a program, as MappingService has
// it: that of the table, and those of its rows, which are the types of problems.
func Problems(table *policy.Table) []string {
	paths := []string{tablePath}
	for _, one := range table.Rows() {
		paths = append(paths, rowPath(int(one.GetStatus())))
	}
	return paths
}

func rowPath(status int) string { return tablePath + "/" + strconv.Itoa(status) }

// Frame renders another package's page with the header and the footer of these pages.
// inside is a template that defines "head", with the files to load, and "content", with
// the main element.
func (c *Catalogue) Frame(path, title, inside string) ([]byte, error) {
	view, err := c.views.layout.Clone()
	if err == nil {
		view, err = view.Parse(inside)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the template of %s: %w", path, err)
	}
	return c.render(view, path, title, nil)
}

// expectPath is the path that a browser requests instead of sending Expect; see
// [tour.Request].
const expectPath = "/catalogue/expect"

// unmet responds as to a request whose Expect cannot be met. No page may set that field (Fetch
// §2.2.2), so this is how the row shows in a browser.
func unmet(w http.ResponseWriter, r *http.Request) {
	const message = "the server cannot meet the request's expectation"
	failure, err := status.New(codes.InvalidArgument, message).
		WithDetails(&errdetails.ErrorInfo{Domain: policy.Domain, Reason: policy.ReasonExpectationFailed})
	if err != nil {
		gateway.Error(w, r, err)
		return
	}
	gateway.Error(w, r, failure.Err())
}

func (c *Catalogue) addFiles(context.Context, []*row) error {
	const css = "text/css; charset=utf-8"
	for name, contentType := range map[string]string{
		"frame.css": css, "page.css": css, "page.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
	} {
		text, err := files.ReadFile("files/" + name)
		if err != nil {
			return fmt.Errorf("reading the pages: %w", err)
		}
		c.pages["/catalogue/"+name] = gateway.File(contentType, text)
	}
	return nil
}

func (c *Catalogue) addHome(_ context.Context, rows []*row) error {
	html, err := c.html(c.views.home, homePath, "HTTP Status Codes", groups(rows))
	if err != nil {
		return err
	}
	c.pages[homePath] = html
	return nil
}

func (c *Catalogue) addTable(ctx context.Context, rows []*row) error {
	html, err := c.html(c.views.table, tablePath, "All rows in full", groups(rows))
	if err != nil {
		return err
	}
	list, err := c.Mapping.ListStatuses(ctx, &mappingv1.ListStatusesRequest{})
	if err != nil {
		return err
	}
	c.pages[tablePath], err = c.negotiated(html, list)
	return err
}

func (c *Catalogue) addRows(ctx context.Context, rows []*row) error {
	for i, one := range rows {
		of := rowPage{row: one}
		if i > 0 {
			of.Previous = rows[i-1]
		}
		if i+1 < len(rows) {
			of.Next = rows[i+1]
		}
		html, err := c.html(c.views.row, one.Path, strconv.Itoa(one.Number)+" "+one.Title, of)
		if err != nil {
			return err
		}
		status, err := c.Mapping.GetStatus(ctx, &mappingv1.GetStatusRequest{Code: int32(one.Number)}) //nolint:gosec // a status has three digits.
		if err != nil {
			return err
		}
		if c.pages[one.Path], err = c.negotiated(html, status); err != nil {
			return err
		}
	}
	return nil
}

// rowPage is a row and its neighbours in the table.
type rowPage struct {
	*row

	Previous, Next *row
}

// html returns the handler of a page.
func (c *Catalogue) html(view *template.Template, path, title string, content any) (http.Handler, error) {
	text, err := c.render(view, path, title, content)
	if err != nil {
		return nil, err
	}
	file := gateway.File(htmlType, text)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allow(w)
		file.ServeHTTP(w, r)
	}), nil
}

// allow lets a page load something: nothing else than HTML may.
func allow(w http.ResponseWriter) { w.Header().Set("Content-Security-Policy", pagePolicy) }

// negotiated serves a page as HTML or as JSON, by Accept: JSON if the request does not say,
// because browsers do.
func (c *Catalogue) negotiated(html http.Handler, message proto.Message) (http.Handler, error) {
	text, err := gateway.MarshalJSON(message)
	if err != nil {
		return nil, fmt.Errorf("writing a page as JSON: %w", err)
	}
	plain := gateway.File(jsonType, text)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, err := gateway.Negotiate(w, r, jsonType, htmlType)
		switch {
		case err != nil:
			gateway.Error(w, r, err)
		case kind == jsonType:
			plain.ServeHTTP(w, r)
		default:
			html.ServeHTTP(w, r)
		}
	}), nil
}

func groups(rows []*row) []group {
	all := []group{
		{Name: "Successful Request Responses", ID: "successful", Rows: nil},
		{Name: "Invalid Request Responses", ID: "invalid", Rows: nil},
		{Name: "Internal Error Responses", ID: "internal", Rows: nil},
	}
	for _, one := range rows {
		at := max(0, min(2, one.Number/100-3))
		all[at].Rows = append(all[at].Rows, one)
	}
	return slices.DeleteFunc(all, func(one group) bool { return len(one.Rows) == 0 })
}

// group is a part of the documented table, by its own heading.
type group struct {
	Name, ID string
	Rows     []*row
}
