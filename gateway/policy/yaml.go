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

// positions says on which line of its file each message stands.
type positions map[proto.Message]int

// decoder fills a message from YAML by the message's own descriptor, so the
// schema is written once, in policy.proto. Going over protojson would do the same
// but lose the line, which is what the author of a policy needs most.
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

// document returns the root of the one document that a policy file is, or nil
// after saying why there is none.
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
		// What a second document says would be lost without a word.
		err = reader.Decode(&second)
	}
	switch {
	case err == nil:
		d.failf(&second, "a second document begins here: a policy is one")
		return nil
	case !errors.Is(err, io.EOF):
		// The library has a line only inside its text: now that of the fault, now that where
		// the list around it begins, so it is no line for an editor to jump to.
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

// lineNotUTF8 is the first line that is not UTF-8, or 0. The library would refuse
// it too, but without a line, and would read UTF-16.
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

// aliases refuses every alias. Followed, one line would stand for several rules,
// and an error could not say which of them it means.
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
		d.failf(node, "%s is a mapping of keys to values", into.Descriptor().Name())
		return
	}
	d.position[into.Interface()] = node.Line
	// Has would not do: it is false for a key that was given its type's zero value.
	seen := map[string]int{}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field := into.Descriptor().Fields().ByJSONName(key.Value)
		switch {
		case field == nil:
			d.failf(key, "unknown key %q: %s has %s", key.Value, into.Descriptor().Name(), keys(into.Descriptor()))
		case seen[key.Value] != 0:
			d.failf(key, "the key %q stands twice: line %d has it too", key.Value, seen[key.Value])
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
		d.failf(node, "%s is a list", field.JSONName())
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
		d.failf(node, "%s is one value", field.JSONName())
		return empty, false
	}
	value, ok := scalar(node, field)
	if !ok {
		d.failf(node, "%s: %q is not a value of kind %s", field.JSONName(), node.Value, kind(field))
	}
	return value, ok
}

func (d *decoder) duration(node *yaml.Node, into *durationpb.Duration, field protoreflect.FieldDescriptor) bool {
	value, err := time.ParseDuration(node.Value)
	if err != nil || node.Tag != "!!str" {
		d.failf(node, "%s: %q is no duration, such as 30s", field.JSONName(), node.Value)
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

// enumPrefix is what every value of an enum begins with: ERROR_FORMAT_ for
// ErrorFormat. A person leaves it out; a policy that a server shows has it, as JSON.
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
