package dynamic

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/contract"
)

// SetQuery is setQuery, for the fuzz test: over HTTP it would mostly fuzz net/http.
func SetQuery(message protoreflect.Message, raw string) *contract.ValueError {
	return setQuery(message, raw)
}
