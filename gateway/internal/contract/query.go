package contract

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
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
	// Bound means that the path or the body sets the parameter's field.
	Bound bool
}

func (e *ValueError) Error() string { return e.Parameter + ": " + e.Detail }

// Parameter is a query parameter: the field that it sets, the key if that is a map, and the values.
type Parameter struct {
	Name   string
	Path   FieldPath
	Key    string
	Values []string
}

// place is the field that the parameter sets, or the entry of a map.
func (p Parameter) place() string { return p.Path.String() + "[" + p.Key }

// ParseQuery returns the parameters of a query, in the order of the query. It refuses an unknown
// parameter, a parameter that the path or the body sets too, and two values for a singular field, for a
// oneof, or for a message and a part of it. It does not check the values.
func (b *Binding) ParseQuery(raw string) ([]Parameter, *ValueError) {
	var parameters []Parameter
	var others given
	isSingle := !strings.Contains(raw, "&")
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, err := unescape(pair)
		if err != nil {
			return nil, err
		}
		p, err := b.FindParameter(name)
		if err == nil {
			err = checkText(name, value)
		}
		if err != nil {
			return nil, err
		}
		p.Values = []string{value}
		if isSingle {
			return []Parameter{p}, nil
		}
		place := p.place()
		if i, ok := others.index[place]; ok && p.Path.leaf().IsList() {
			parameters[i].Values = append(parameters[i].Values, value)
			continue
		}
		if err := others.add(p, place, len(parameters)); err != nil {
			return nil, err
		}
		parameters = append(parameters, p)
	}
	return parameters, nil
}

// unescape returns the name and the value of a query parameter (URL Living Standard §5.1).
func unescape(pair string) (name, value string, bad *ValueError) {
	name, value, _ = strings.Cut(pair, "=")
	name, nameErr := url.QueryUnescape(name)
	value, valueErr := url.QueryUnescape(value)
	if nameErr != nil || valueErr != nil || strings.Contains(pair, ";") {
		return "", "", &ValueError{Reason: "MALFORMED_QUERY", Detail: "the query has an invalid percent-encoding or a semicolon"}
	}
	return name, value, nil
}

// given are the earlier parameters of a query.
type given struct {
	index map[string]int    // the number of a parameter, by its place
	names map[string]string // the name of a parameter, by its place, by its oneof, and by each message that it sets a part of
}

// add adds a parameter, or returns an error if an earlier one sets the same field or oneof, a part of the
// field, or a message with the field.
func (g *given) add(p Parameter, place string, index int) *ValueError {
	if g.index == nil {
		g.index, g.names = map[string]int{}, map[string]string{}
	}
	if other, ok := g.names[place]; ok {
		return conflict(p.Name, other)
	}
	claims := []string{place}
	for i := len(p.Path) - 1; i > 0; i-- {
		whole := p.Path[:i].String() + "["
		if _, ok := g.index[whole]; ok {
			return conflict(p.Name, g.names[whole])
		}
		claims = append(claims, whole)
	}
	if oneof := p.Path.leaf().ContainingOneof(); oneof != nil {
		member := p.Path[:len(p.Path)-1].String() + " " + string(oneof.Name())
		if other, ok := g.names[member]; ok {
			return conflict(p.Name, other)
		}
		claims = append(claims, member)
	}
	for _, claim := range claims {
		if _, ok := g.names[claim]; !ok {
			g.names[claim] = p.Name
		}
	}
	g.index[place] = index
	return nil
}

func conflict(name, other string) *ValueError {
	detail := "cannot be combined with " + other
	if name == other {
		detail = "may be given only once"
	}
	return &ValueError{Parameter: name, Reason: "DUPLICATE_PARAMETER", Detail: detail}
}

// checkText refuses text that a string field cannot hold, and NUL, which many databases cannot store.
func checkText(name, text string) *ValueError {
	if !utf8.ValidString(text) {
		return &ValueError{Parameter: strings.ToValidUTF8(name, "\uFFFD"), Reason: "INVALID_UTF8", Detail: "not valid UTF-8"}
	}
	if strings.Contains(text, "\x00") {
		return &ValueError{Parameter: name, Reason: "CONTROL_CHARACTER", Detail: "contains the character NUL"}
	}
	return nil
}

// FindParameter finds the field that a query parameter of the route sets. The error is UNKNOWN_PARAMETER
// if the request has no such field, and DUPLICATE_PARAMETER if the path or the body sets it.
func (b *Binding) FindParameter(name string) (Parameter, *ValueError) {
	if err := checkText(name, name); err != nil {
		return Parameter{}, err
	}
	p, detail := parseName(b.Method.Descriptor.Input(), name)
	if detail != "" {
		return p, &ValueError{Parameter: name, Reason: "UNKNOWN_PARAMETER", Detail: detail}
	}
	if part := b.setter(p.Path.String()); part != "" {
		return p, &ValueError{
			Parameter: name, Reason: "DUPLICATE_PARAMETER", Detail: "not a query parameter: the " + part + " sets this field", Bound: true,
		}
	}
	return p, nil
}

// setter returns the part of the request, other than the query, that sets a field: "path", "body" or "".
func (b *Binding) setter(field string) string {
	for _, bound := range b.bound {
		if field == bound || strings.HasPrefix(field, bound+".") || strings.HasPrefix(bound, field+".") {
			return "path"
		}
	}
	if b.Body == "*" || b.Body != "" && (field == b.Body || strings.HasPrefix(field, b.Body+".")) {
		return "body"
	}
	return ""
}

// parseName finds the field of a message that a query parameter sets, by proto or JSON names. A map's
// entry is written name[key]. If there is no such field, it returns why.
func parseName(message protoreflect.MessageDescriptor, name string) (p Parameter, detail string) {
	plain, rest, isEntry := strings.Cut(name, "[")
	key, isClosed := strings.CutSuffix(rest, "]")
	p = Parameter{Name: name, Path: nil, Key: key, Values: nil}
	for part := range strings.SplitSeq(plain, ".") {
		if message == nil {
			return p, errNoParameter
		}
		field := message.Fields().ByName(protoreflect.Name(part))
		if field == nil {
			field = message.Fields().ByJSONName(part)
		}
		if field == nil {
			return p, errNoParameter
		}
		p.Path = append(p.Path, field)
		message = field.Message()
		if field.IsMap() || field.IsList() {
			message = nil
		}
	}
	switch leaf := p.Path.leaf(); {
	case isEntry && !leaf.IsMap():
		return p, "not a map: write " + plain + " without brackets"
	case leaf.IsMap() && (!isEntry || !isClosed):
		return p, "a map: write " + plain + "[key]"
	default:
		return p, ""
	}
}

const errNoParameter = "no such query parameter"
