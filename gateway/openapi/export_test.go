package openapi

import "google.golang.org/protobuf/reflect/protoreflect"

// FieldSchema is the schema of a field as JSON, and whether a request needs it.
func FieldSchema(field protoreflect.FieldDescriptor) (text []byte, needed bool, err error) {
	s := &schemas{}
	of, needed := s.field(field)
	text, err = encode(of)
	return text, needed, err
}

// MessageSchema is the schema of a message in place as JSON, or of its merge patch.
func MessageSchema(message protoreflect.MessageDescriptor, patch bool) ([]byte, error) {
	s := &schemas{}
	of := s.object(message, nil)
	if patch {
		of = s.patchObject(message)
	}
	return encode(of)
}

// Paragraphs and Summary are the results for a comment.
func Paragraphs(text string) string { return paragraphs(text) }

// Summary is its first sentence.
func Summary(text string) string { return summary(text) }
