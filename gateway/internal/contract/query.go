package contract

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/route"
)

// ValueError is an invalid query parameter or path variable.
type ValueError struct {
	// Parameter is the name that the client sent.
	Parameter string
	// Reason is UPPER_SNAKE: MALFORMED_QUERY, INVALID_UTF8, CONTROL_CHARACTER,
	// UNKNOWN_PARAMETER, DUPLICATE_PARAMETER, INVALID_VALUE.
	Reason string
	// Detail is a sentence for the client.
	Detail string
}

func (e *ValueError) Error() string { return e.Parameter + ": " + e.Detail }

// CheckQuery refuses a query with an unknown parameter, with a parameter that the path or the body sets
// too, or with two values for a singular field or a oneof. It returns nil if the query is valid.
func (b *Binding) CheckQuery(raw string) *ValueError {
	if raw == "" {
		return nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return &ValueError{Reason: "MALFORMED_QUERY", Detail: "the query has an invalid percent-encoding"}
	}
	var others given
	if len(values) > 1 {
		others = given{}
	}
	// In the order of names, so that the same query always gets the same response.
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := b.checkParameter(name, values[name], others); err != nil {
			return err
		}
	}
	return nil
}

// given maps the fields, entries and oneofs that earlier parameters set, as paths of proto names, to the
// parameter. It is nil if there is only one parameter.
type given map[string]string

// add adds a parameter, or returns another parameter that sets the same field or oneof.
func (g given) add(name string, path FieldPath) (other string) {
	if g == nil {
		return ""
	}
	_, entry, _ := strings.Cut(name, "[")
	places := []string{path.String() + "[" + entry}
	if oneof := path[len(path)-1].ContainingOneof(); oneof != nil {
		places = append(places, path[:len(path)-1].String()+" "+string(oneof.Name()))
	}
	for _, place := range places {
		if g[place] != "" {
			return g[place]
		}
		g[place] = name
	}
	return ""
}

func (b *Binding) checkParameter(name string, values []string, others given) *ValueError {
	for _, text := range append([]string{name}, values...) {
		if err := checkText(name, text); err != nil {
			return err
		}
	}
	path, ok := b.queryField(name)
	if !ok {
		return &ValueError{Parameter: name, Reason: "UNKNOWN_PARAMETER", Detail: "no such query parameter"}
	}
	field := path[len(path)-1]
	if len(values) > 1 && !field.IsList() {
		return &ValueError{Parameter: name, Reason: "DUPLICATE_PARAMETER", Detail: "may be given only once"}
	}
	if other := others.add(name, path); other != "" {
		return &ValueError{Parameter: name, Reason: "DUPLICATE_PARAMETER", Detail: "cannot be combined with " + other}
	}
	for _, value := range values {
		if detail := invalidValue(field, value); detail != "" {
			return &ValueError{Parameter: name, Reason: "INVALID_VALUE", Detail: detail}
		}
	}
	return nil
}

// CheckVariables refuses path variables that are not valid values of their fields. values are in the
// order of the template.
func (b *Binding) CheckVariables(values []route.Param) *ValueError {
	for i, one := range values {
		if err := checkText(one.Field, one.Value); err != nil {
			return err
		}
		if detail := invalidValue(b.Variables[i].leaf(), one.Value); detail != "" {
			return &ValueError{Parameter: one.Field, Reason: "INVALID_VALUE", Detail: detail}
		}
	}
	return nil
}

func checkText(name, text string) *ValueError {
	if !utf8.ValidString(text) {
		return &ValueError{Parameter: strings.ToValidUTF8(name, "\uFFFD"), Reason: "INVALID_UTF8", Detail: "not valid UTF-8"}
	}
	if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return &ValueError{Parameter: name, Reason: "CONTROL_CHARACTER", Detail: "contains a control character"}
	}
	return nil
}

// Parameter is a query parameter: the field that it sets, and the key if that is a map.
type Parameter struct {
	Name string
	Path FieldPath
	Key  string
}

// ParseParameter finds the field of a message that a query parameter sets, by proto or JSON
// names. A map's entry is written name[key].
func ParseParameter(message protoreflect.MessageDescriptor, name string) (Parameter, bool) {
	plain, rest, isEntry := strings.Cut(name, "[")
	key, isClosed := strings.CutSuffix(rest, "]")
	p := Parameter{Name: name, Path: nil, Key: key}
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
		p.Path = append(p.Path, field)
		message = field.Message()
		if field.IsMap() || field.IsList() {
			message = nil
		}
	}
	return p, isEntry == isClosed && isEntry == p.Path.leaf().IsMap()
}

// queryField finds the field that a parameter of the route sets.
func (b *Binding) queryField(name string) (FieldPath, bool) {
	if b.Body == "*" {
		return nil, false // The body is the whole request.
	}
	p, ok := ParseParameter(b.Method.Descriptor.Input(), name)
	return p.Path, ok && !b.sets(p.Path.String())
}

// invalidValue returns why a text is not a value of the field, or "". It does not check the well-known
// types; package request does.
func invalidValue(field protoreflect.FieldDescriptor, value string) string {
	var err error
	var what string
	switch field.Kind() {
	case protoreflect.BoolKind:
		_, err = strconv.ParseBool(value)
		what = "true or false"
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		_, err = strconv.ParseInt(value, 10, 32)
		what = "a whole number of 32 bits"
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		_, err = strconv.ParseInt(value, 10, 64)
		what = "a whole number of 64 bits"
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		_, err = strconv.ParseUint(value, 10, 32)
		what = "a whole number of 32 bits that is not negative"
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		_, err = strconv.ParseUint(value, 10, 64)
		what = "a whole number of 64 bits that is not negative"
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		_, err = strconv.ParseFloat(value, 64)
		what = "a number"
	case protoreflect.EnumKind:
		if field.Enum().Values().ByName(protoreflect.Name(value)) == nil {
			_, err = strconv.ParseInt(value, 10, 32)
		}
		what = "a value of " + string(field.Enum().Name())
	default:
		return ""
	}
	if err == nil {
		return ""
	}
	return "it is not " + what
}
