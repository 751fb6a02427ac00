package request

import (
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/route"
)

// The reasons of a [contract.ValueError] that are only found while a message is filled.
const (
	reasonInvalid   = "INVALID_VALUE"
	reasonDuplicate = "DUPLICATE_PARAMETER"
	reasonUnknown   = "UNKNOWN_PARAMETER"
)

var errSameKey = errors.New("the key is given twice")

// checkVariables refuses path variables that are not valid values of their fields.
func checkVariables(paths []contract.FieldPath, params []route.Param) *contract.ValueError {
	for i, param := range params {
		field := paths[i][len(paths[i])-1]
		if _, err := parse(field, param.Value, nil); err != nil {
			return invalidValue(param.Field, field)
		}
	}
	return nil
}

// checkQuery refuses query parameters that are not valid values of their fields.
func checkQuery(parameters []contract.Parameter) *contract.ValueError {
	for _, p := range parameters {
		field := p.Path[len(p.Path)-1]
		if field.IsMap() {
			if _, err := parse(field.MapKey(), p.Key, nil); err != nil {
				return invalidValue(p.Name, field)
			}
		}
		element := elementOf(field)
		for _, text := range p.Values {
			if _, err := parse(element, text, nil); err != nil {
				return invalidValue(p.Name, field)
			}
		}
	}
	return nil
}

// elementOf returns the field of a map's values, or field.
func elementOf(field protoreflect.FieldDescriptor) protoreflect.FieldDescriptor {
	if field.IsMap() {
		return field.MapValue()
	}
	return field
}

// setVariables sets the fields of the path variables. The contract has checked that the fields exist and are
// singular.
func (b *Builder) setVariables(message protoreflect.Message, params []route.Param) error {
	for i, param := range params {
		path := b.variables[i]
		before, isSet := valueAt(message, path)
		if bad := b.set(message, contract.Parameter{Name: param.Field, Path: path, Key: "", Values: []string{param.Value}}); bad != nil {
			return InvalidParameter(bad)
		}
		if after, _ := valueAt(message, path); isSet && !before.Equal(after) {
			return mismatch(path)
		}
	}
	return nil
}

// valueAt returns the value of a field, if it is set.
func valueAt(message protoreflect.Message, path contract.FieldPath) (protoreflect.Value, bool) {
	last := len(path) - 1
	for _, field := range path[:last] {
		if !message.Has(field) {
			return protoreflect.Value{}, false
		}
		message = message.Get(field).Message()
	}
	if !message.Has(path[last]) {
		return protoreflect.Value{}, false
	}
	return message.Get(path[last]), true
}

// mismatch returns the failure for a body whose value of a field is not that of the path. One of the two
// would be lost.
func mismatch(path contract.FieldPath) error {
	return respond.Invalid("the body's "+path.String()+" is not the value in the path", &errdetails.BadRequest_FieldViolation{
		Field: path.String(), Description: "is not the value in the path", Reason: "MISMATCH",
	})
}

// setQuery sets the fields of the query parameters.
func (b *Builder) setQuery(message protoreflect.Message, parameters []contract.Parameter) *contract.ValueError {
	for i, p := range parameters {
		if message.Descriptor() != b.binding.Method.Descriptor.Input() {
			var err error
			if p.Path, err = contract.ParseFieldPath(message.Descriptor(), p.Path.String()); err != nil {
				return &contract.ValueError{Parameter: p.Name, Reason: reasonUnknown, Detail: "no such query parameter"}
			}
			parameters[i].Path = p.Path
		}
		if err := b.set(message, p); err != nil {
			return err
		}
	}
	for _, p := range parameters {
		if !b.isExpressible(message, p.Path) {
			return &contract.ValueError{Parameter: p.Name, Reason: reasonInvalid, Detail: "makes the message around it invalid"}
		}
	}
	return nil
}

// isExpressible reports whether the well-known messages on a path have a JSON form. If a parameter sets a
// part of one, such as the nanos of a Duration, the whole may have none.
func (b *Builder) isExpressible(message protoreflect.Message, path contract.FieldPath) bool {
	for _, field := range path[:len(path)-1] {
		message = message.Get(field).Message()
		if name := message.Descriptor().FullName(); name.Parent() == "google.protobuf" && name != fieldMask {
			_, err := b.codec.Append(nil, message.Interface())
			return err == nil
		}
	}
	return true
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
func (b *Builder) set(message protoreflect.Message, p contract.Parameter) *contract.ValueError {
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
	switch err := b.setField(message, field, p); {
	case errors.Is(err, errSameKey):
		return &contract.ValueError{Parameter: p.Name, Reason: reasonDuplicate, Detail: "another parameter has the same key"}
	case err != nil:
		return invalidValue(p.Name, field)
	default:
		return nil
	}
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

func (b *Builder) setField(message protoreflect.Message, field protoreflect.FieldDescriptor, p contract.Parameter) error {
	switch {
	case field.IsMap():
		return b.setEntry(message.Mutable(field).Map(), field, p.Key, p.Values[0])
	case field.IsList():
		list := message.Mutable(field).List()
		for _, text := range p.Values {
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
		value, err := b.parse(field, p.Values[0], func() protoreflect.Value { return message.NewField(field) })
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
	if entries.Has(parsed.MapKey()) {
		return errSameKey // Two texts may be the same key, such as true and 1.
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
		return "not a valid entry of the map: the key or the value has another type"
	}
	if field.Kind() == protoreflect.StringKind {
		return "not a path of a FieldMask" // All other strings are valid.
	}
	return "not " + jsoncodec.Expectation(field)
}
