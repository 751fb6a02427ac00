package openapi

import (
	"slices"
	"strconv"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// read reads the options of a descriptor into a message of the linked type, by their wire form: options from
// the network contain extensions as unknown bytes, and options from another resolver contain other Go types.
// It ignores invalid options, because a backend may use the field numbers for other options.
func read(of protoreflect.Descriptor, into proto.Message) {
	if wire, err := proto.Marshal(of.Options()); err != nil || proto.Unmarshal(wire, into) != nil {
		proto.Reset(into)
	}
}

// rulesOf returns the buf.validate rules of a field. It never returns nil.
func rulesOf(field protoreflect.FieldDescriptor) *validate.FieldRules {
	options := &descriptorpb.FieldOptions{}
	read(field, options)
	rules, _ := proto.GetExtension(options, validate.E_Field).(*validate.FieldRules)
	if rules == nil || rules.GetIgnore() == validate.Ignore_IGNORE_ALWAYS {
		return &validate.FieldRules{}
	}
	return rules
}

func needsOne(oneof protoreflect.OneofDescriptor) bool {
	options := &descriptorpb.OneofOptions{}
	read(oneof, options)
	rules, _ := proto.GetExtension(options, validate.E_Oneof).(*validate.OneofRules)
	return rules.GetRequired()
}

// behaviour is the google.api.field_behavior of a field (AIP-203).
type behaviour struct{ required, output, input bool }

func behaviourOf(field protoreflect.FieldDescriptor) behaviour {
	options := &descriptorpb.FieldOptions{}
	read(field, options)
	all, _ := proto.GetExtension(options, annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return behaviour{
		required: slices.Contains(all, annotations.FieldBehavior_REQUIRED),
		output:   slices.Contains(all, annotations.FieldBehavior_OUTPUT_ONLY),
		input:    slices.Contains(all, annotations.FieldBehavior_INPUT_ONLY),
	}
}

// constrain adds the rules that JSON Schema can express to a schema, and reports whether the rules require
// the field. If in doubt it leaves a rule out, because the backend decides which requests are valid.
func constrain(property *schema, field protoreflect.FieldDescriptor, rules *validate.FieldRules) bool {
	c := constraint{property: property}
	// If the rules do not apply to the zero value, there is no lower bound.
	c.zero = rules.GetIgnore() == validate.Ignore_IGNORE_IF_ZERO_VALUE && !field.HasPresence()
	property.Examples = examplesOf(rules)
	switch {
	case field.IsMap():
		c.object(field, rules.GetMap())
	case field.IsList():
		c.list(field, rules.GetRepeated())
	case field.Enum() != nil:
		c.enum(rules.GetEnum())
	case field.Kind() == protoreflect.StringKind:
		c.text(rules.GetString())
	case field.Kind() == protoreflect.BoolKind:
		if rules.GetBool() != nil && rules.GetBool().Const != nil && !c.zero {
			property.Const = rules.GetBool().GetConst()
		}
	case property.Type == typeInteger:
		c.number(rules)
	}
	// For a field without presence, a missing field is the zero value, which must satisfy the rules.
	return rules.GetRequired() || c.needed && !field.HasPresence()
}

// typed returns the rules for the type of the field, or nil if there are none.
func typed(rules *validate.FieldRules) protoreflect.Message {
	all := rules.ProtoReflect()
	kind := all.WhichOneof(all.Descriptor().Oneofs().ByName("type"))
	if kind == nil {
		return nil
	}
	return all.Get(kind).Message()
}

// examplesOf returns the examples in the rules, for types whose JSON form is the value itself.
func examplesOf(rules *validate.FieldRules) []any {
	own := typed(rules)
	if own == nil {
		return nil
	}
	field := own.Descriptor().Fields().ByName("example")
	if field == nil {
		return nil
	}
	switch field.Kind() {
	case protoreflect.StringKind, protoreflect.BoolKind, protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind,
		protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
	default:
		return nil
	}
	var examples []any
	for i := range own.Get(field).List().Len() {
		examples = append(examples, own.Get(field).List().Get(i).Interface())
	}
	return examples
}

type constraint struct {
	property *schema
	// zero means that the zero value is always allowed.
	zero bool
	// needed means that the rules refuse the zero value.
	needed bool
}

// least applies a lower bound.
func (c *constraint) least(into *uint64, bound uint64) {
	if bound == 0 || c.zero {
		return
	}
	*into = max(*into, bound)
	c.needed = true
}

func most(into **uint64, bound *uint64) {
	if bound != nil && (*into == nil || *bound < **into) {
		*into = new(*bound)
	}
}

func (c *constraint) text(rules *validate.StringRules) {
	if rules == nil {
		return
	}
	c.least(&c.property.MinLength, rules.GetMinLen())
	c.least(&c.property.MinLength, rules.GetLen())
	most(&c.property.MaxLength, rules.MaxLen)
	most(&c.property.MaxLength, rules.Len)
	most(&c.property.MaxLength, rules.MaxBytes) // A character has at least one byte.
	if c.zero {
		return
	}
	if isPortable(rules.GetPattern()) {
		c.property.Pattern = rules.GetPattern()
	}
	c.property.Format = format(rules)
	for _, one := range rules.GetIn() {
		c.property.Enum = append(c.property.Enum, one)
	}
	if rules.Const != nil {
		c.property.Const = rules.GetConst()
	}
}

// isPortable reports whether an RE2 pattern has the same meaning in ECMA-262, which JSON Schema uses. The
// syntax below exists only in RE2 or differs.
func isPortable(pattern string) bool {
	for _, own := range []string{"(?", `\A`, `\z`, `\Q`, `\C`, `\a`, `\p`, `\P`, `\x{`, "[[:", "[:^"} {
		if strings.Contains(pattern, own) {
			return false
		}
	}
	return pattern != ""
}

func format(rules *validate.StringRules) string {
	switch rules.GetWellKnown().(type) {
	case *validate.StringRules_Email:
		return "email"
	case *validate.StringRules_Hostname:
		return "hostname"
	case *validate.StringRules_Ipv4:
		return "ipv4"
	case *validate.StringRules_Ipv6:
		return "ipv6"
	case *validate.StringRules_Uri:
		return "uri"
	case *validate.StringRules_UriRef:
		return "uri-reference"
	case *validate.StringRules_Uuid:
		return "uuid"
	default:
		return ""
	}
}

func (c *constraint) list(field protoreflect.FieldDescriptor, rules *validate.RepeatedRules) {
	if rules == nil {
		return
	}
	c.least(&c.property.MinItems, rules.GetMinItems())
	most(&c.property.MaxItems, rules.MaxItems)
	c.property.UniqueItems = rules.GetUnique()
	c.property.Items = within(c.property.Items, field, rules.GetItems())
}

func (c *constraint) object(field protoreflect.FieldDescriptor, rules *validate.MapRules) {
	if rules == nil {
		return
	}
	c.least(&c.property.MinProperties, rules.GetMinPairs())
	most(&c.property.MaxProperties, rules.MaxPairs)
	if field.MapKey().Kind() == protoreflect.StringKind && rules.GetKeys() != nil {
		c.property.PropertyNames = within(&schema{}, field.MapKey(), rules.GetKeys())
	}
	c.property.AdditionalProperties = within(c.property.AdditionalProperties, field.MapValue(), rules.GetValues())
}

// within constrains the values in a list or a map.
func within(inner *schema, field protoreflect.FieldDescriptor, rules *validate.FieldRules) *schema {
	if rules == nil || rules.GetIgnore() != validate.Ignore_IGNORE_UNSPECIFIED || field.Message() != nil {
		return inner
	}
	c := constraint{property: inner}
	switch {
	case field.Enum() != nil:
	case field.Kind() == protoreflect.StringKind:
		c.text(rules.GetString())
	case inner.Type == typeInteger:
		c.number(rules)
	}
	return inner
}

func (c *constraint) enum(rules *validate.EnumRules) {
	if rules.GetConst() != 0 || len(rules.GetIn()) > 0 && !slices.Contains(rules.GetIn(), 0) || slices.Contains(rules.GetNotIn(), 0) {
		c.needed = !c.zero
	}
}

// number applies the rules of an integer. The rules of all integer types have the same names.
func (c *constraint) number(rules *validate.FieldRules) {
	own := bounds{typed(rules)}
	if own.rules == nil || own.areOutside() {
		return
	}
	for _, one := range []struct {
		rule    protoreflect.Name
		into    *jsonNumber
		refuses func(bound int64) bool // the zero value
	}{
		{"gte", &c.property.Minimum, func(bound int64) bool { return bound > 0 }},
		{"gt", &c.property.ExclusiveMinimum, func(bound int64) bool { return bound >= 0 }},
		{"lte", &c.property.Maximum, func(bound int64) bool { return bound < 0 }},
		{"lt", &c.property.ExclusiveMaximum, func(bound int64) bool { return bound <= 0 }},
	} {
		bound, there := own.get(one.rule)
		if !there || c.zero && one.refuses(bound) {
			continue
		}
		*one.into = jsonNumber(strconv.FormatInt(bound, 10))
		c.needed = c.needed || one.refuses(bound)
	}
}

// bounds are the rules of one kind of integer.
type bounds struct{ rules protoreflect.Message }

func (b bounds) get(name protoreflect.Name) (int64, bool) {
	field := b.rules.Descriptor().Fields().ByName(name)
	if field == nil || !b.rules.Has(field) {
		return 0, false
	}
	return integer(b.rules.Get(field), field.Kind()), true
}

// areOutside reports whether valid values are outside the two bounds and not between them.
func (b bounds) areOutside() bool {
	low, isLow := b.either("gte", "gt")
	high, isHigh := b.either("lte", "lt")
	return isLow && isHigh && low > high
}

func (b bounds) either(one, other protoreflect.Name) (int64, bool) {
	if bound, ok := b.get(one); ok {
		return bound, true
	}
	return b.get(other)
}

func integer(value protoreflect.Value, kind protoreflect.Kind) int64 {
	if kind == protoreflect.Uint32Kind || kind == protoreflect.Fixed32Kind {
		return int64(value.Uint()) //nolint:gosec // it has 32 bits.
	}
	return value.Int()
}
