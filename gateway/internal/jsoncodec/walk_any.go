package jsoncodec

import (
	"google.golang.org/protobuf/reflect/protoreflect"
)

// any walks an Any. "@type" can come after the members that depend on it, so they are read twice.
func (w *walker) any() *Error {
	if w.peek() != '{' {
		return mismatch(w.peek(), "an object")
	}
	ahead, err := lookAhead(w.cursor)
	switch {
	case err != nil:
		return err
	case ahead.members == 0:
		w.value()
		return nil // an empty Any
	case ahead.url == nil:
		return invalid(`lacks the member "@type"`)
	case ahead.url[0] != '"':
		return mismatch(ahead.url[0], "a type URL").within("@type")
	}
	url := unquote(ahead.url)
	if !validTypeURL(url) {
		return invalid(`must be a type URL, such as "type.googleapis.com/google.protobuf.Duration"`).within("@type")
	}
	mt, notFound := w.types.FindMessageByURL(url)
	linked := notFound == nil
	opaque := !linked || ahead.bytes && !hasOwnValue(w.types, mt.Descriptor())
	w.forms = append(w.forms, anyForm{url: url, opaque: opaque})
	w.opaque = w.opaque || linked && opaque

	partial := w.partial
	defer func() { w.partial = partial }()
	w.partial = true
	switch {
	case opaque:
		return w.anyValue(true, func() *Error { return checkBytes(w.value()) })
	case hasOwnJSON(mt.Descriptor()):
		// protojson accepts an Empty without one, because of other languages.
		needed := mt.Descriptor().FullName() != "google.protobuf.Empty"
		return w.anyValue(needed, func() *Error { return w.message(mt.Descriptor()) })
	default:
		return w.fields(mt.Descriptor(), true)
	}
}

// anyValue walks an Any whose content is in its member "value".
func (w *walker) anyValue(needed bool, value func() *Error) *Error {
	found := false
	if err := w.object(func(name string) *Error {
		switch {
		case name == "@type":
			w.value()
			return nil
		case name != "value":
			return &Error{Reason: ReasonUnknownField, Detail: `is not a known field: the type that "@type" names is given as the member "value"`}
		case found:
			return duplicate(name, name)
		}
		found = true
		return value()
	}); err != nil {
		return err
	}
	if needed && !found {
		return invalid(`lacks the member "value", in which the type that "@type" names is given`)
	}
	return nil
}

// anyHead is what the members of an Any show about its form.
type anyHead struct {
	members int
	url     []byte // the text of "@type"
	bytes   bool   // there are two members, "@type" and "value", and "value" is a string
}

func lookAhead(c cursor) (anyHead, *Error) {
	var head anyHead
	var value []byte
	err := c.object(func(name string) *Error {
		head.members++
		text := c.value()
		switch {
		case name == "@type" && head.url != nil:
			return duplicate(name, name)
		case name == "@type":
			head.url = text
		case name == "value":
			value = text
		}
		return nil
	})
	head.bytes = head.members == 2 && head.url != nil && value != nil && value[0] == '"'
	return head, err
}

// checkBytes checks the base64 of a message.
func checkBytes(text []byte) *Error {
	return checkScalar(bytesField(), text)
}

// bytesField is a field of kind bytes.
func bytesField() protoreflect.FieldDescriptor {
	return newRawType().Descriptor().Fields().ByNumber(1)
}
