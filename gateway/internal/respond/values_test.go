package respond_test

import "google.golang.org/protobuf/reflect/protoreflect"

func protoString(s string) protoreflect.Value { return protoreflect.ValueOfString(s) }

func protoMessage(m protoreflect.Message) protoreflect.Value { return protoreflect.ValueOfMessage(m) }
