package dynamic

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/route"
)

// The reasons of a [contract.ValueError] that only filling finds.
const (
	reasonInvalid   = "INVALID_VALUE"
	reasonDuplicate = "DUPLICATE_PARAMETER"
)

// setVariables sets the fields that the path's variables name. The contract has
// checked that they are there and hold one value.
func setVariables(message protoreflect.Message, paths []contract.FieldPath, params []route.Param) *contract.ValueError {
	for i, param := range params {
		into, field := descend(message, paths[i])
		if err := setOne(into, field, param.Value); err != nil {
			return &contract.ValueError{Parameter: param.Field, Reason: reasonInvalid, Detail: detail(field)}
		}
	}
	return nil
}

// setQuery sets the fields that the query's parameters name. The contract has checked
// the query, so what is left is what only the values tell.
func setQuery(message protoreflect.Message, raw string) *contract.ValueError {
	if raw == "" {
		return nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return &contract.ValueError{Reason: "MALFORMED_QUERY", Detail: "the query is not percent-encoded as it should be"}
	}
	// By name, so that the same query always gets the same answer.
	for _, name := range slices.Sorted(maps.Keys(values)) {
		parameter, ok := parseParameter(message.Descriptor(), name)
		if !ok {
			return &contract.ValueError{Parameter: name, Reason: "UNKNOWN_PARAMETER", Detail: "no such query parameter"}
		}
		into, field := descend(message, parameter.path)
		if other := rival(into, field); other != nil {
			return &contract.ValueError{Parameter: name, Reason: reasonDuplicate, Detail: "it excludes " + string(other.Name()) + ", which is given too"}
		}
		if err := parameter.set(into, field, values[name]); err != nil {
			return &contract.ValueError{Parameter: name, Reason: reasonInvalid, Detail: detail(field)}
		}
	}
	return nil
}

// parameter is where a query parameter leads.
type parameter struct {
	path contract.FieldPath
	key  string
}

// parseParameter finds a parameter's field by proto or JSON names.
func parseParameter(message protoreflect.MessageDescriptor, name string) (parameter, bool) {
	plain, rest, isEntry := strings.Cut(name, "[")
	p := parameter{}
	for part := range strings.SplitSeq(plain, ".") {
		if message == nil {
			return p, false
		}
		field := message.Fields().ByName(protoreflect.Name(part))
		if field == nil {
			field = message.Fields().ByJSONName(part)
		}
		if field == nil {
			return p, false
		}
		p.path = append(p.path, field)
		message = field.Message()
		if field.IsMap() || field.IsList() {
			message = nil
		}
	}
	if isEntry {
		p.key = strings.TrimSuffix(rest, "]")
	}
	return p, true
}

func (p parameter) set(into protoreflect.Message, field protoreflect.FieldDescriptor, texts []string) error {
	switch {
	case field.IsMap():
		entries := into.Mutable(field).Map()
		key, err := parse(field.MapKey(), p.key, nil)
		if err != nil {
			return err
		}
		value, err := parse(field.MapValue(), texts[0], entries.NewValue)
		if err != nil {
			return err
		}
		entries.Set(key.MapKey(), value)
	case field.IsList():
		list := into.Mutable(field).List()
		for _, text := range texts {
			value, err := parse(field, text, list.NewElement)
			if err != nil {
				return err
			}
			list.Append(value)
		}
	default:
		return setOne(into, field, texts[0])
	}
	return nil
}

func setOne(into protoreflect.Message, field protoreflect.FieldDescriptor, text string) error {
	value, err := parse(field, text, func() protoreflect.Value { return into.NewField(field) })
	if err != nil {
		return err
	}
	into.Set(field, value)
	return nil
}

// descend goes to the message that holds a path's last field, and makes those on the
// way that are not there.
func descend(message protoreflect.Message, path contract.FieldPath) (protoreflect.Message, protoreflect.FieldDescriptor) {
	for _, field := range path[:len(path)-1] {
		message = message.Mutable(field).Message()
	}
	return message, path[len(path)-1]
}

// rival is the member of field's oneof that is set already, if it is another one.
func rival(message protoreflect.Message, field protoreflect.FieldDescriptor) protoreflect.FieldDescriptor {
	oneof := field.ContainingOneof()
	if oneof == nil {
		return nil
	}
	if set := message.WhichOneof(oneof); set != nil && set.Number() != field.Number() {
		return set
	}
	return nil
}

// detail says what a value should be, for the client.
func detail(field protoreflect.FieldDescriptor) string {
	if field.IsMap() {
		return "its key or value is not of the map's types"
	}
	if field.Message() != nil {
		return "it is no " + string(field.Message().FullName()) + " as a URL can hold it"
	}
	return "it is not of the type " + field.Kind().String()
}
