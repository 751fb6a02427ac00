package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
)

// positions maps each message to its line in the file.
type positions map[proto.Message]int

// decoder fills a message from YAML by the message's descriptor, so the schema exists only once, in
// policy.proto. A conversion to protojson would lose the line numbers, which authors of policies
// need most.
type decoder struct {
	file     string
	position positions
	errs     []error
}

func decode(file string, source []byte, into proto.Message) (positions, error) {
	d := decoder{file: file, position: positions{}}
	if root := d.document(source); root != nil {
		d.message(root, into.ProtoReflect())
	}
	return d.position, errors.Join(d.errs...)
}

// document returns the root of the file's only document. On an error it records the error and
// returns nil.
func (d *decoder) document(source []byte) *yaml.Node {
	if line := lineNotUTF8(source); line != 0 {
		d.failf(&yaml.Node{Line: line}, "the text is not UTF-8")
		return nil
	}
	reader := yaml.NewDecoder(bytes.NewReader(source))
	var document, second yaml.Node
	err := reader.Decode(&document)
	if errors.Is(err, io.EOF) {
		d.failf(&yaml.Node{}, "the file is empty")
		return nil
	}
	if err == nil {
		// Nothing would read a second document, so it is an error.
		err = reader.Decode(&second)
	}
	switch {
	case err == nil:
		d.failf(&second, "a second document begins here: a policy file has one document")
		return nil
	case !errors.Is(err, io.EOF):
		// The library gives a line only in its text. Sometimes it is the line of the problem,
		// sometimes the start of the list around it, so it is not reliable enough for Line.
		d.failf(&yaml.Node{}, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
		return nil
	}
	root := document.Content[0]
	if root.Tag == "!!null" && root.Value == "" {
		d.failf(&yaml.Node{}, "the file is empty")
		return nil
	}
	d.aliases(root)
	if len(d.errs) > 0 {
		return nil
	}
	return root
}

// lineNotUTF8 returns the first line that is not UTF-8, or 0. The library would also refuse the
// line, but without its number, and it would accept UTF-16.
func lineNotUTF8(source []byte) int {
	line := 0
	for text := range bytes.Lines(source) {
		line++
		if !utf8.Valid(text) {
			return line
		}
	}
	return 0
}

// aliases refuses every alias. With aliases, several rules could share one line, and an error could
// not show which rule it means.
func (d *decoder) aliases(node *yaml.Node) {
	if node.Kind == yaml.AliasNode {
		d.failf(node, "*%s is an alias: write the value itself", node.Value)
	}
	for _, child := range node.Content {
		d.aliases(child)
	}
}

func (d *decoder) failf(node *yaml.Node, format string, args ...any) {
	d.errs = append(d.errs, &FileError{File: d.file, Line: node.Line, Reason: fmt.Sprintf(format, args...)})
}

func (d *decoder) message(node *yaml.Node, into protoreflect.Message) {
	if node.Kind != yaml.MappingNode {
		d.failf(node, "%s must be a mapping", into.Descriptor().Name())
		return
	}
	d.position[into.Interface()] = node.Line
	// Has does not work here: it is false for a key whose value is the zero value.
	seen := map[string]int{}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field := into.Descriptor().Fields().ByJSONName(key.Value)
		switch {
		case field == nil:
			d.failf(key, "unknown key %q: %s has %s", key.Value, into.Descriptor().Name(), keys(into.Descriptor()))
		case seen[key.Value] != 0:
			d.failf(key, "duplicate key %q: line %d has the same key", key.Value, seen[key.Value])
		default:
			seen[key.Value] = key.Line
			d.field(value, into, field)
		}
	}
}

func (d *decoder) field(node *yaml.Node, into protoreflect.Message, field protoreflect.FieldDescriptor) {
	if !field.IsList() {
		if value, ok := d.value(node, into.NewField(field), field); ok {
			into.Set(field, value)
		}
		return
	}
	if node.Kind != yaml.SequenceNode {
		d.failf(node, "%s must be a list", field.JSONName())
		return
	}
	list := into.Mutable(field).List()
	for _, element := range node.Content {
		if value, ok := d.value(element, list.NewElement(), field); ok {
			list.Append(value)
		}
	}
}

func (d *decoder) value(node *yaml.Node, empty protoreflect.Value, field protoreflect.FieldDescriptor) (protoreflect.Value, bool) {
	if field.Kind() == protoreflect.MessageKind {
		if duration, ok := empty.Message().Interface().(*durationpb.Duration); ok {
			return empty, d.duration(node, duration, field)
		}
		d.message(node, empty.Message())
		return empty, true
	}
	if node.Kind != yaml.ScalarNode {
		d.failf(node, "%s must be a single value", field.JSONName())
		return empty, false
	}
	value, ok := scalar(node, field)
	if !ok {
		d.failf(node, "%s: %q is not a value of type %s", field.JSONName(), node.Value, kind(field))
	}
	return value, ok
}

func (d *decoder) duration(node *yaml.Node, into *durationpb.Duration, field protoreflect.FieldDescriptor) bool {
	value, err := time.ParseDuration(node.Value)
	if err != nil || node.Tag != "!!str" {
		d.failf(node, "%s: %q is not a duration such as 30s", field.JSONName(), node.Value)
		return false
	}
	proto.Merge(into, durationpb.New(value))
	return true
}

func scalar(node *yaml.Node, field protoreflect.FieldDescriptor) (protoreflect.Value, bool) {
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(node.Value), node.Tag == "!!str"
	case protoreflect.BoolKind:
		value, err := strconv.ParseBool(node.Value)
		return protoreflect.ValueOfBool(value), err == nil && node.Tag == "!!bool"
	case protoreflect.Int32Kind:
		value, err := strconv.ParseInt(node.Value, 10, 32)
		return protoreflect.ValueOfInt32(int32(value)), err == nil && node.Tag == "!!int"
	case protoreflect.EnumKind:
		values := field.Enum().Values()
		value := values.ByName(protoreflect.Name(enumPrefix(field) + strings.ToUpper(node.Value)))
		if value == nil {
			value = values.ByName(protoreflect.Name(node.Value))
		}
		if value == nil || value.Number() == 0 || node.Tag != "!!str" {
			return protoreflect.Value{}, false
		}
		return protoreflect.ValueOfEnum(value.Number()), true
	default:
		return protoreflect.Value{}, false
	}
}

// enumPrefix returns the prefix of all values of an enum, such as ERROR_FORMAT_ for ErrorFormat. A
// file may leave it out. JSON from a server includes it.
func enumPrefix(field protoreflect.FieldDescriptor) string {
	zero := string(field.Enum().Values().ByNumber(0).Name())
	return strings.TrimSuffix(zero, "UNSPECIFIED")
}

func kind(field protoreflect.FieldDescriptor) string {
	if field.Kind() != protoreflect.EnumKind {
		return field.Kind().String()
	}
	var names []string
	values := field.Enum().Values()
	for i := 1; i < values.Len(); i++ {
		names = append(names, strings.ToLower(strings.TrimPrefix(string(values.Get(i).Name()), enumPrefix(field))))
	}
	return strings.Join(names, ", ")
}

func keys(message protoreflect.MessageDescriptor) string {
	var names []string
	fields := message.Fields()
	for i := range fields.Len() {
		names = append(names, fields.Get(i).JSONName())
	}
	return strings.Join(names, ", ")
}
