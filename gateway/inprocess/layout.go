package inprocess

import (
	"reflect"
	"sync"

	"google.golang.org/protobuf/types/known/structpb"
)

// layout describes the Go struct of a message.
type layout struct {
	// plain means that all content is in exported fields, as in the open API of
	// protobuf. If it is false, the other fields are not set.
	plain bool
	// content are the indexes of these fields.
	content []int
	// unknown is the index of the field with the unknown bytes; -1 if there is none.
	unknown int

	// measure says how to bound the size of the wire form; see bound.
	measure measure
	// scalars is the maximum size of all fields of fixed size together, in bytes.
	scalars int
	// sized are the fields whose values must be measured if measure is byField.
	sized []sizedField
}

// sizedField is a field whose size depends on its value.
type sizedField struct {
	index  int
	shape  shape
	nested *layout // of a message
}

// measure is a way to bound the wire form of a message.
type measure int

const (
	exactly  measure = iota // with proto.Size, because it has fields of other shapes
	byField                 // field by field
	asStruct                // google.protobuf.Struct and its kin; see boundValue
)

// shape is a kind of field whose size can be bounded cheaply.
type shape int

const (
	shapeOther shape = iota
	shapeScalar
	shapeScalars
	shapeText // string or bytes
	shapeTextPointer
	shapeTexts
	shapeTextMap
	shapeMessage
	shapeMessages
)

// layouts caches layouts by the type of a pointer to a message. The zero value is
// ready to use.
type layouts struct {
	known sync.Map // reflect.Type -> *layout
}

func (l *layouts) of(pointer reflect.Type) *layout {
	if found, ok := l.known.Load(pointer); ok {
		return found.(*layout) //nolint:forcetypeassert // only layouts are stored
	}
	made := newLayout(pointer, map[reflect.Type]*layout{})
	l.known.Store(pointer, made)

	return made
}

// newLayout reads a type and the types of its fields. A type may contain itself, so
// begun also contains unfinished layouts.
func newLayout(pointer reflect.Type, begun map[reflect.Type]*layout) *layout {
	if found := begun[pointer]; found != nil {
		return found
	}
	made := &layout{unknown: -1}
	begun[pointer] = made
	if pointer.Kind() != reflect.Pointer || pointer.Elem().Kind() != reflect.Struct {
		return made
	}

	made.plain, made.measure = true, byField
	for field := range pointer.Elem().Fields() {
		if !made.add(field, begun) {
			*made = layout{unknown: -1}

			return made
		}
	}
	switch reflect.Zero(pointer).Interface().(type) {
	case *structpb.Struct, *structpb.Value, *structpb.ListValue:
		made.measure = asStruct
	}

	return made
}

// add reads one field. It returns false if the field is unknown.
func (l *layout) add(field reflect.StructField, begun map[reflect.Type]*layout) bool {
	index := field.Index[0]
	_, tagged := field.Tag.Lookup("protobuf")
	_, oneof := field.Tag.Lookup("protobuf_oneof")
	switch {
	case field.IsExported() && (tagged || oneof):
		l.content = append(l.content, index)
	case field.Name == "unknownFields":
		l.unknown = index

		return true
	default:
		return field.Name == "state" || field.Name == "sizeCache"
	}

	switch s := shapeOf(field.Type); s {
	case shapeOther:
		l.measure = exactly
	case shapeScalar:
		l.scalars += fieldOverhead
	case shapeMessage:
		l.sized = append(l.sized, sizedField{index, s, newLayout(field.Type, begun)})
	case shapeMessages:
		l.sized = append(l.sized, sizedField{index, s, newLayout(field.Type.Elem(), begun)})
	default:
		l.sized = append(l.sized, sizedField{index, s, nil})
	}

	return true
}

func shapeOf(t reflect.Type) shape {
	switch t.Kind() {
	case reflect.Pointer:
		return shapeOfPointer(t.Elem())
	case reflect.Slice:
		return shapeOfSlice(t.Elem())
	case reflect.String:
		return shapeText
	case reflect.Map:
		if t == reflect.TypeFor[map[string]string]() {
			return shapeTextMap
		}

		return shapeOther
	default:
		return shapeOfScalar(t)
	}
}

func shapeOfScalar(t reflect.Type) shape {
	switch t.Kind() {
	case reflect.Bool, reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return shapeScalar
	default:
		return shapeOther
	}
}

func shapeOfPointer(elem reflect.Type) shape {
	switch elem.Kind() {
	case reflect.Struct:
		return shapeMessage
	case reflect.String:
		return shapeTextPointer
	default:
		return shapeOfScalar(elem)
	}
}

func shapeOfSlice(elem reflect.Type) shape {
	switch shapeOf(elem) {
	case shapeText:
		return shapeTexts
	case shapeMessage:
		return shapeMessages
	case shapeScalar:
		return shapeScalars
	default:
		if elem.Kind() == reflect.Uint8 {
			return shapeText
		}

		return shapeOther
	}
}
