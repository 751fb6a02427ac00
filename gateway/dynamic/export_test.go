package dynamic

import (
	"net/http"
	"net/url"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/contract"
)

// FillQuery fills a message from a query alone, for the fuzz test: over HTTP it would
// mostly fuzz net/http.
func (b *Backend) FillQuery(binding *contract.Binding, message protoreflect.Message, query string) error {
	return b.methods[binding.Method.FullName][binding.Number].builder.Fill(message, &http.Request{URL: &url.URL{RawQuery: query}}, nil)
}
