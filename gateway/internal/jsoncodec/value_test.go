package jsoncodec_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
)

func TestUnmarshalValues(t *testing.T) {
	t.Parallel()
	all, _ := schema(t)
	const (
		int64s     = "an integer from -9223372036854775808 to 9223372036854775807"
		uint32s    = "an integer from 0 to 4294967295"
		uint64s    = "an integer from 0 to 18446744073709551615"
		floats     = "a number from -3.4028235e38 to 3.4028235e38"
		doubles    = "a number from -1.7976931348623157e308 to 1.7976931348623157e308"
		base64     = "a string of base64"
		timestamps = `an RFC 3339 date and time in the years 0001 to 9999, such as "2006-01-02T15:04:05Z"`
		durations  = `a number of seconds with "s" behind it, such as "1.5s": at most 9 decimals, and 315576000000 seconds`
		masks      = `a list of lowerCamelCase field paths with commas between them, such as "displayName,labels.size"`
		colors     = "one of COLOR_UNSPECIFIED, RED, GREEN"
	)
	// Each value is tried in a field, a list and a map.
	cases := []struct {
		kind   string
		text   string
		detail string
	}{
		{"bool", `"true"`, "is a string, but true or false is expected"},
		{"bool", `1`, "is a number, but true or false is expected"},
		{"string", `1`, "is a number, but a string is expected"},
		{"string", `{}`, "is an object, but a string is expected"},
		{"int32", `2147483648`, "must be " + int32s},
		{"sint32", `-2147483649`, "must be " + int32s},
		{"sfixed32", `1.5`, "must be " + int32s},
		{"int32", `"2147483648"`, "must be " + int32s},
		{"int32", `" 1"`, "is a string, but " + int32s + " is expected"},
		{"int32", `""`, "is a string, but " + int32s + " is expected"},
		{"int32", `"0x1"`, "is a string, but " + int32s + " is expected"},
		{"int32", `[1]`, "is an array, but " + int32s + " is expected"},
		{"int32", `1e1000000000`, "must be " + int32s},
		{"int64", `9223372036854775808`, "must be " + int64s},
		{"sint64", `"-9223372036854775809"`, "must be " + int64s},
		{"sfixed64", `1e19`, "must be " + int64s},
		{"uint32", `-1`, "must be " + uint32s},
		{"fixed32", `4294967296`, "must be " + uint32s},
		{"uint64", `-1`, "must be " + uint64s},
		{"fixed64", `18446744073709551616`, "must be " + uint64s},
		{"float", `3.5e38`, "must be " + floats},
		{"float", `"nan"`, "is a string, but " + floats + " is expected"},
		{"double", `1.8e308`, "must be " + doubles},
		{"double", `true`, "is a boolean, but " + doubles + " is expected"},
		{"bytes", `"a"`, "must be " + base64},
		{"bytes", `"AA=A"`, "must be " + base64},
		{"bytes", `"+_=="`, "must be " + base64},
		{"bytes", `1`, "is a number, but " + base64 + " is expected"},
		{"color", `"BLUE"`, "must be " + colors},
		{"color", `"red"`, "must be " + colors},
		{"color", `"1"`, "must be " + colors},
		{"color", `1.5`, "must be " + colors},
		{"color", `2147483648`, "must be " + colors},
		{"color", `true`, "must be " + colors},
		{"null", `"NULL"`, "must be one of NULL_VALUE"},
		{"timestamp", `"2006-01-02"`, "must be " + timestamps},
		{"timestamp", `"2006-01-02T15:04:05"`, "must be " + timestamps},
		{"timestamp", `"2006-01-02T15:04:60Z"`, "must be " + timestamps},
		{"timestamp", `"2006-02-30T15:04:05Z"`, "must be " + timestamps},
		{"timestamp", `"2006-01-02T15:04:05.1234567890Z"`, "must be " + timestamps},
		{"timestamp", `"0000-12-31T23:59:59Z"`, "must be " + timestamps},
		{"timestamp", `1136214245`, "is a number, but a string is expected"},
		{"duration", `"1"`, "must be " + durations},
		{"duration", `"1m"`, "must be " + durations},
		{"duration", `"315576000001s"`, "must be " + durations},
		{"duration", `"0.1234567890s"`, "must be " + durations},
		{"duration", `1`, "is a number, but a string is expected"},
		{"fieldmask", `"display_name"`, "must be " + masks},
		{"fieldmask", `"a,,b"`, "must be " + masks},
		{"fieldmask", `["a"]`, "is an array, but a string is expected"},
		{"int32value", `{"value":1}`, "is an object, but " + int32s + " is expected"},
		{"uint64value", `-1`, "must be " + uint64s},
		{"boolvalue", `0`, "is a number, but true or false is expected"},
		{"bytesvalue", `"!"`, "must be " + base64},
		{"stringvalue", `[]`, "is an array, but a string is expected"},
		{"doublevalue", `1e309`, "must be " + doubles},
		{"empty", `[]`, "is an array, but an object is expected"},
		{"struct", `"{}"`, "is a string, but an object is expected"},
		{"listvalue", `{}`, "is an object, but an array is expected"},
		{"value", `1e309`, "must be " + doubles},
		{"all", `"a"`, "is a string, but an object is expected"},
		{"any", `"a"`, "is a string, but an object is expected"},
	}
	var faults []faultCase
	for _, c := range cases {
		word := strings.ToUpper(c.kind[:1]) + c.kind[1:]
		for pointer, format := range map[string]string{
			"/one" + word:          `{"one%s":%s}`,
			"/many" + word + "/0":  `{"many%s":[%s]}`,
			"/to" + word + "/key":  `{"to%s":{"key":%s}}`,
			"/pick" + word:         `{"pick%s":%s}`,
			"/oneAll/maybe" + word: `{"oneAll":{"maybe%s":%s}}`,
		} {
			faults = append(faults, faultCase{
				fmt.Sprintf(format, c.kind, c.text), fmt.Sprintf(format, word, c.text),
				jsoncodec.Error{Pointer: pointer, Reason: jsoncodec.ReasonInvalidValue, Detail: c.detail},
			})
		}
	}
	runFaults(t, faults, into(all))
}

func TestUnmarshalNullInside(t *testing.T) {
	t.Parallel()
	all, _ := schema(t)
	null := func(pointer, want string) jsoncodec.Error {
		return jsoncodec.Error{Pointer: pointer, Reason: jsoncodec.ReasonInvalidValue, Detail: "is null, but " + want + " is expected"}
	}
	runFaults(t, []faultCase{
		{"scalar in a list", `{"manyString":["",null]}`, null("/manyString/1", "a string")},
		{"scalar in a map", `{"toString":{"a":null}}`, null("/toString/a", "a string")},
		{"message in a list", `{"manyAll":[null]}`, null("/manyAll/0", "an object")},
		{"wrapper in a list", `{"manyBoolvalue":[null]}`, null("/manyBoolvalue/0", "true or false")},
		{"timestamp in a map", `{"toTimestamp":{"":null}}`, null("/toTimestamp/", "a string")},
		// This is neither a list of values nor an absent list: null is a value of the list's type.
		{"for a list of Value", `{"manyValue":null}`, null("/manyValue", "an array")},
		{"for a list of NullValue", `{"manyNull":null}`, null("/manyNull", "an array")},
	}, into(all))
}

func TestUnmarshalKeys(t *testing.T) {
	t.Parallel()
	all, _ := schema(t)
	cases := []struct{ kind, key, want string }{
		{"bool", "True", "true or false"},
		{"int32", "2147483648", "an integer from -2147483648 to 2147483647"},
		{"sint32", "1.0", "an integer from -2147483648 to 2147483647"},
		{"sfixed32", "", "an integer from -2147483648 to 2147483647"},
		{"int64", "9223372036854775808", "an integer from -9223372036854775808 to 9223372036854775807"},
		{"sint64", "a", "an integer from -9223372036854775808 to 9223372036854775807"},
		{"sfixed64", " 1", "an integer from -9223372036854775808 to 9223372036854775807"},
		{"uint32", "4294967296", "an integer from 0 to 4294967295"},
		{"fixed32", "-1", "an integer from 0 to 4294967295"},
		{"uint64", "18446744073709551616", "an integer from 0 to 18446744073709551615"},
		{"fixed64", "-0", "an integer from 0 to 18446744073709551615"},
	}
	var faults []faultCase
	for _, c := range cases {
		word := strings.ToUpper(c.kind[:1]) + c.kind[1:]
		faults = append(faults, faultCase{
			c.kind + " " + c.key, fmt.Sprintf(`{"by%s":{"0":0,%q:1}}`, word, c.key),
			jsoncodec.Error{
				Pointer: "/by" + word + "/" + c.key, Reason: jsoncodec.ReasonInvalidValue,
				Detail: "is not a valid key: a key must be " + c.want,
			},
		})
	}
	faults[0].text = strings.Replace(faults[0].text, `"0":0`, `"true":0`, 1)
	runFaults(t, faults, into(all))
}

func TestUnmarshalFreeNumbers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"a":[-1e309]}`, `{"a":[1e999999999999]}`} {
		runFaults(t, []faultCase{{text, text, jsoncodec.Error{
			Pointer: "/a/0", Reason: jsoncodec.ReasonInvalidValue,
			Detail: "must be a number from -1.7976931348623157e308 to 1.7976931348623157e308",
		}}}, into(new(structpb.Struct).ProtoReflect().Type()))
	}
}
