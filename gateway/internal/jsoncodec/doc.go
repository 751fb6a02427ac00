// Package jsoncodec is protobuf JSON for an HTTP front end: it writes the same bytes in every build, it reads strictly,
// and its errors say which member is wrong.
//
// The mapping is protojson's. Package plan writes and reads the usual messages and texts with the same result, and
// declines all others. For those, [Append] uses protojson and removes the spaces that protojson adds at random.
// [Unmarshal] first checks the syntax, then lets protojson decode. Only if protojson refuses a body, it walks through the
// text and the message's descriptor again to find the wrong member. So this walk alone never decides what is accepted.
//
// Only for an Any does this package differ from protojson. A front end passes on messages of unknown types, and one of
// them must not destroy the response around it. Such an Any is written and read as
//
//	{"@type": "type.googleapis.com/some.Type", "value": "<base64 of the serialized message>"}
//
// The functions look types up in protoregistry.GlobalTypes, a [Codec] in the types that it was made with.
package jsoncodec
