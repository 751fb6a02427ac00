package jsoncodec_test

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

func ExampleMarshal() {
	text, err := jsoncodec.Marshal(&entityv1.ListEntitiesResponse{Entities: []*entityv1.Entity{{Id: "a", DisplayName: "An entity"}}})
	fmt.Println(string(text), err)
	// Output: {"entities":[{"id":"a","displayName":"An entity","group":"","etag":""}],"nextPageToken":"","etag":""} <nil>
}

func ExampleMarshalAny() {
	known, err := anypb.New(durationpb.New(1.5e9))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(jsoncodec.MarshalAny(known)))
	fmt.Println(string(jsoncodec.MarshalAny(&anypb.Any{TypeUrl: "type.googleapis.com/acme.v1.Reason", Value: []byte("\n\x01x")})))
	// Output:
	// {"@type":"type.googleapis.com/google.protobuf.Duration","value":"1.500s"}
	// {"@type":"type.googleapis.com/acme.v1.Reason","value":"CgF4"}
}

func ExampleUnmarshal() {
	for _, body := range []string{
		`{"entity":{"id":7}}`,
		`{"entity":{"displayName":"a","display_name":"b"}}`,
		`{"entity":{"displayname":"a"}}`,
		`{"entity":{"createTime":"yesterday"}}`,
		`{"entity":{"id":"a",}}`,
	} {
		err := jsoncodec.Unmarshal([]byte(body), new(entityv1.CreateEntityRequest))
		if fault, ok := errors.AsType[*jsoncodec.Error](err); ok {
			fmt.Printf("%s %q %s\n", fault.Reason, fault.Pointer, fault.Detail)
		}
	}
	// Output:
	// INVALID_VALUE "/entity/id" is a number, but a string is expected
	// DUPLICATE_FIELD "/entity/display_name" is the same as "displayName", which is also given
	// UNKNOWN_FIELD "/entity/displayname" is not a known field: did you mean "displayName"?
	// INVALID_VALUE "/entity/createTime" must be an RFC 3339 date and time in the years 0001 to 9999, such as "2006-01-02T15:04:05Z"
	// MALFORMED_JSON "" is not valid JSON: unexpected '}' at offset 20
}
