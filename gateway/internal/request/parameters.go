package request

import (
	"maps"
	"net/url"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/route"
)

// The reasons of a [contract.ValueError] that are only found while a message is filled.
const (
	reasonInvalid   = "INVALID_VALUE"
	reasonDuplicate = "DUPLICATE_PARAMETER"
)

// setVariables sets the fields of the path variables. The contract has checked that the fields exist and are
// singular.
func (b *Builder) setVariables(message protoreflect.Message, params []route.Param) *contract.ValueError {
	for i, param := range params {
		p := contract.Parameter{Name: param.Field, Path: b.variables[i], Key: ""}
		if err := b.set(message, p, param.Value); err != nil {
			return err
		}
	}
	return nil
}

// setQuery sets the fields of the query parameters. The contract has checked the names, so only the values
// can be invalid here.
func (b *Builder) setQuery(message protoreflect.Message, raw string) *contract.ValueError {
	if raw == "" {
		return nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return &contract.ValueError{Reason: "MALFORMED_QUERY", Detail: "the query has an invalid percent-encoding"}
	}
	// In the order of the names, so that the same query always gets the same response.
	for _, name := range slices.Sorted(maps.Keys(values)) {
		p, ok := contract.ParseParameter(message.Descriptor(), name)
		if !ok {
			return &contract.ValueError{Parameter: name, Reason: "UNKNOWN_PARAMETER", Detail: "no such query parameter"}
		}
		if err := b.set(message, p, values[name]...); err != nil {
			return err
		}
	}
	return nil
}

// ParseVariable returns the value of a path variable whose field is a scalar.
func ParseVariable(field protoreflect.FieldDescriptor, param route.Param) (protoreflect.Value, *contract.ValueError) {
	value, err := parse(field, param.Value, nil)
	if err != nil {
		return value, invalidValue(param.Field, field)
	}
	return value, nil
}

func invalidValue(name string, field protoreflect.FieldDescriptor) *contract.ValueError {
	return &contract.ValueError{Parameter: name, Reason: reasonInvalid, Detail: expected(field)}
}

// set sets the parameter's field in message, and creates the messages on the path to it. It refuses to
// replace another member of a oneof, because the value of that member would be lost.
func (b *Builder) set(message protoreflect.Message, p contract.Parameter, texts ...string) *contract.ValueError {
	last := len(p.Path) - 1
	for i, field := range p.Path {
		if other := conflictingMember(message, field); other != nil {
			return &contract.ValueError{
				Parameter: p.Name, Reason: reasonDuplicate,
				Detail: "only one of " + string(field.Name()) + " and " + string(other.Name()) + " may be set, and the request sets both",
			}
		}
		if i < last {
			message = message.Mutable(field).Message()
		}
	}
	field := p.Path[last]
	if err := b.setField(message, field, p.Key, texts); err != nil {
		return invalidValue(p.Name, field)
	}
	return nil
}

// conflictingMember returns the member of field's oneof that is set, if it is not field.
func conflictingMember(message protoreflect.Message, field protoreflect.FieldDescriptor) protoreflect.FieldDescriptor {
	oneof := field.ContainingOneof()
	if oneof == nil {
		return nil
	}
	if set := message.WhichOneof(oneof); set != nil && set.Number() != field.Number() {
		return set
	}
	return nil
}

func (b *Builder) setField(message protoreflect.Message, field protoreflect.FieldDescriptor, key string, texts []string) error {
	switch {
	case field.IsMap():
		return b.setEntry(message.Mutable(field).Map(), field, key, texts[0])
	case field.IsList():
		list := message.Mutable(field).List()
		for _, text := range texts {
			value, err := b.parse(field, text, list.NewElement)
			if err != nil {
				return err
			}
			list.Append(value)
		}
		if field.ContainingMessage().FullName() == fieldMask {
			return b.protoPaths(list)
		}
		return nil
	default:
		value, err := b.parse(field, texts[0], func() protoreflect.Value { return message.NewField(field) })
		if err != nil {
			return err
		}
		message.Set(field, value)
		return nil
	}
}

func (b *Builder) setEntry(entries protoreflect.Map, field protoreflect.FieldDescriptor, key, text string) error {
	parsed, err := parse(field.MapKey(), key, nil)
	if err != nil {
		return err
	}
	value, err := b.parse(field.MapValue(), text, entries.NewValue)
	if err != nil {
		return err
	}
	entries.Set(parsed.MapKey(), value)
	return nil
}

// parse calls the function parse and converts the paths of a FieldMask to proto names.
func (b *Builder) parse(field protoreflect.FieldDescriptor, text string, fresh func() protoreflect.Value) (protoreflect.Value, error) {
	value, err := parse(field, text, fresh)
	if err != nil || field.Message() == nil || field.Message().FullName() != fieldMask {
		return value, err
	}
	mask := value.Message()
	return value, b.protoPaths(mask.Mutable(mask.Descriptor().Fields().ByNumber(1)).List())
}

// expected describes the expected value to the client.
func expected(field protoreflect.FieldDescriptor) string {
	if field.IsMap() {
		return "the key or the value does not have the type that the map holds"
	}
	if field.Message() != nil {
		return "the value is not a " + string(field.Message().FullName()) + " in the form that a URL can hold"
	}
	return "the value does not have the type " + field.Kind().String()
}
