package jsoncodec

import "google.golang.org/protobuf/reflect/protoreflect"

// RawType is the type of messages of which only the bytes are known.
func RawType() protoreflect.MessageType { return newRawType() }
