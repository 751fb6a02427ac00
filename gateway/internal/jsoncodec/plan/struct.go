package plan

import (
	"cmp"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// AppendMessage appends the JSON of a generated message, from its struct. False means
// that the plan cannot write it; dst is then unchanged.
func (s *Set) AppendMessage(dst []byte, m proto.Message) ([]byte, bool) {
	l := s.layoutOf(m)
	if l.unknown {
		return dst, false
	}
	return s.write(dst, Lenient, func(w *writer) bool { return w.goMessage(l, reflect.ValueOf(m)) })
}

// goMessage writes the message at pointer.
func (w *writer) goMessage(l *layout, pointer reflect.Value) bool {
	if l.unknown || pointer.IsNil() || w.depth > mostDepth {
		return false
	}
	w.depth++
	ok := w.formOfStruct(l, pointer)
	w.depth--
	return ok
}

func (w *writer) formOfStruct(l *layout, pointer reflect.Value) bool {
	switch l.plan.form {
	case object:
		w.out = append(w.out, '{')
		ok := w.structMembers(l, pointer.Elem())
		w.out = append(w.out, '}')
		return ok
	case wrapper:
		return w.goScalar(&l.plan.fields[0], pointer.Elem().Field(l.fields[0].index))
	default:
		return w.known(pointer.Interface())
	}
}

// known writes the types that are read through their own methods.
func (w *writer) known(m any) bool {
	switch m := m.(type) {
	case *timestamppb.Timestamp:
		return w.timestamp(m.GetSeconds(), m.GetNanos())
	case *durationpb.Duration:
		return w.duration(m.GetSeconds(), m.GetNanos())
	case *fieldmaskpb.FieldMask:
		return w.fieldMask(m.GetPaths())
	case *structpb.Struct:
		return w.freeObject(m.GetFields())
	case *structpb.Value:
		return w.free(m)
	case *structpb.ListValue:
		return w.freeList(m.GetValues())
	case *anypb.Any:
		return w.held(m.GetTypeUrl(), m.GetValue())
	default:
		return false
	}
}

func (w *writer) structMembers(l *layout, fields reflect.Value) bool {
	after := false
	for i := range l.fields {
		f, p := &l.plan.fields[i], &l.fields[i]
		v := fields.Field(p.index)
		if f.oneof > 0 {
			var chosen bool
			if v, chosen = w.set.chosen(f, v); !chosen {
				continue
			}
		} else if f.presence && v.IsNil() {
			if f.required && !w.partial {
				return false
			}
			continue
		}
		if after {
			w.out = append(w.out, ',')
		}
		after = true
		w.out = append(w.out, f.member...)
		if !w.goField(f, p, v) {
			return false
		}
	}
	return true
}

// chosen returns the value of a oneof's member if that member is set. The oneof contains a pointer to a
// struct with this one field.
func (s *Set) chosen(f *field, oneof reflect.Value) (reflect.Value, bool) {
	if oneof.IsNil() {
		return reflect.Value{}, false
	}
	holder := oneof.Elem()
	if holder.IsNil() || s.memberOf(holder.Type()) != f.number {
		return reflect.Value{}, false
	}
	return holder.Elem().Field(0), true
}

// memberOf returns the number of the oneof's member in such a struct.
func (s *Set) memberOf(holder reflect.Type) protowire.Number {
	if found, ok := s.byHolder.Load(holder); ok {
		return found.(protowire.Number) //nolint:forcetypeassert // only numbers are stored.
	}
	number, _ := numberOf(holder.Elem().Field(0))
	s.byHolder.Store(holder, number)
	return number
}

func (w *writer) goField(f *field, p *position, v reflect.Value) bool {
	switch {
	case f.isMap():
		return w.goMap(f, p, v)
	case f.repeated:
		w.out = append(w.out, '[')
		for i := range v.Len() {
			if i > 0 {
				w.out = append(w.out, ',')
			}
			if !w.goSingle(f, p, v.Index(i)) {
				return false
			}
		}
		w.out = append(w.out, ']')
		return true
	case p.optional:
		return w.goScalar(f, v.Elem())
	default:
		return w.goSingle(f, p, v)
	}
}

func (w *writer) goSingle(f *field, p *position, v reflect.Value) bool {
	if f.nested == nil {
		return w.goScalar(f, v)
	}
	if p.nested != nil {
		return w.goMessage(p.nested, v)
	}
	m, ok := reflect.TypeAssert[proto.Message](v)
	return ok && w.goMessage(w.set.layoutOf(m), v)
}

func (w *writer) goScalar(f *field, v reflect.Value) bool {
	switch f.kind {
	case protoreflect.StringKind:
		return w.string(v.String())
	case protoreflect.BytesKind:
		w.bytes(v.Bytes())
	case protoreflect.BoolKind:
		w.bool(v.Bool())
	case protoreflect.EnumKind:
		return w.enum(f.enum, protoreflect.EnumNumber(v.Int())) //nolint:gosec // an enum has 32 bits.
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		w.int(v.Int())
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		w.int64(v.Int())
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		w.uint(v.Uint())
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		w.uint64(v.Uint())
	case protoreflect.FloatKind:
		w.float(v.Float(), 32)
	case protoreflect.DoubleKind:
		w.float(v.Float(), 64)
	default:
		return false
	}
	return true
}

// goMap writes a map, sorted by its keys.
func (w *writer) goMap(f *field, p *position, v reflect.Value) bool {
	if texts, ok := reflect.TypeAssert[map[string]string](v); ok {
		return writeMap(w, texts, func(value string) bool { return w.string(value) })
	}
	keys := v.MapKeys()
	slices.SortFunc(keys, compareKeys)
	w.out = append(w.out, '{')
	for i, key := range keys {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if !w.goKey(key) || !w.mapValue(f.value, p, v.MapIndex(key)) {
			return false
		}
	}
	w.out = append(w.out, '}')
	return true
}

func (w *writer) mapValue(f *field, p *position, v reflect.Value) bool {
	if f.nested != nil {
		return w.goMessage(p.nested, v)
	}
	return w.goScalar(f, v)
}

func compareKeys(a, b reflect.Value) int {
	switch a.Kind() {
	case reflect.String:
		return cmp.Compare(a.String(), b.String())
	case reflect.Bool:
		if a.Bool() == b.Bool() {
			return 0
		}
		if a.Bool() {
			return 1
		}
		return -1
	case reflect.Uint32, reflect.Uint64:
		return cmp.Compare(a.Uint(), b.Uint())
	default:
		return cmp.Compare(a.Int(), b.Int())
	}
}

func (w *writer) goKey(key reflect.Value) bool {
	if key.Kind() == reflect.String {
		ok := w.string(key.String())
		w.out = append(w.out, ':')
		return ok
	}
	w.out = append(w.out, '"')
	switch key.Kind() {
	case reflect.Bool:
		w.bool(key.Bool())
	case reflect.Uint32, reflect.Uint64:
		w.out = strconv.AppendUint(w.out, key.Uint(), 10)
	default:
		w.out = strconv.AppendInt(w.out, key.Int(), 10)
	}
	w.out = append(w.out, '"', ':')
	return true
}

// writeMap writes a map whose keys are strings.
func writeMap[V any](w *writer, of map[string]V, one func(V) bool) bool {
	base := len(w.keys)
	w.keys = slices.AppendSeq(w.keys, maps.Keys(of))
	slices.Sort(w.keys[base:])
	w.out = append(w.out, '{')
	ok := true
	for i := base; ok && i < len(w.keys); i++ {
		key := w.keys[i]
		if i > base {
			w.out = append(w.out, ',')
		}
		ok = w.string(key)
		w.out = append(w.out, ':')
		ok = ok && one(of[key])
	}
	clear(w.keys[base:]) // the pool must not keep a message's text
	w.keys = w.keys[:base]
	w.out = append(w.out, '}')
	return ok
}

// freeObject writes a google.protobuf.Struct.
func (w *writer) freeObject(fields map[string]*structpb.Value) bool {
	return writeMap(w, fields, w.free)
}

// free writes a google.protobuf.Value, whose kind must be set. Only NaN and the
// infinities are numbers without a JSON form.
func (w *writer) free(v *structpb.Value) bool {
	if w.depth > mostDepth {
		return false
	}
	w.depth++
	defer func() { w.depth-- }()
	switch kind := v.GetKind().(type) {
	case *structpb.Value_NullValue:
		w.out = append(w.out, "null"...)
	case *structpb.Value_BoolValue:
		w.bool(kind.BoolValue)
	case *structpb.Value_NumberValue:
		if math.IsNaN(kind.NumberValue) || math.IsInf(kind.NumberValue, 0) {
			return false
		}
		w.float(kind.NumberValue, 64)
	case *structpb.Value_StringValue:
		return w.string(kind.StringValue)
	case *structpb.Value_StructValue:
		return w.freeObject(kind.StructValue.GetFields())
	case *structpb.Value_ListValue:
		return w.freeList(kind.ListValue.GetValues())
	default:
		return false
	}
	return true
}

func (w *writer) freeList(values []*structpb.Value) bool {
	w.out = append(w.out, '[')
	for i, one := range values {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if !w.free(one) {
			return false
		}
	}
	w.out = append(w.out, ']')
	return true
}
