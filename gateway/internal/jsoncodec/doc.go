// Package jsoncodec is protobuf JSON as an HTTP front end needs it: the same bytes in every build on the way out,
// strict on the way in, and errors that say which member is wrong.
//
// The mapping is protojson's. What is as most messages and texts are is written and read by a plan of package plan,
// which gives the same result and declines all else. Then [Append] removes the spaces that protojson puts in by chance;
// [Unmarshal] first checks the syntax, then lets protojson decode, and only a body that protojson refuses is walked
// again, beside the message's descriptor, to find the member at fault. So what is accepted never depends on that walk
// alone.
//
// An Any is the one place where this package departs from protojson: a front end passes on messages whose types it
// does not know, and one of them must not destroy the answer around it. Such an Any is written and read as
//
//	{"@type": "type.googleapis.com/some.Type", "value": "<base64 of the serialized message>"}
//
// Types are looked up in protoregistry.GlobalTypes, and by a [Codec] where its maker says.
package jsoncodec
