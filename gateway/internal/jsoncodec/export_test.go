package jsoncodec

import "google.golang.org/protobuf/reflect/protoreflect"

// RawType is the type of messages with known bytes and an unknown type.
func RawType() protoreflect.MessageType { return newRawType() }
