package respond

import "strings"

// Pointer converts the path of a field to a JSON pointer from the request message.
func Pointer(path string) string { return pointer(path, "") }

// pointer converts the path of a field violation, such as entity.display_name or emailAddresses[2].type
// (google/rpc/error_details.proto), to a JSON pointer (RFC 6901) into the request's body, with JSON names.
func pointer(path, bodyField string) string {
	if strings.HasPrefix(path, "/") {
		return escapeStray(path) // It is already a pointer.
	}
	segments := splitPath(path)
	if bodyField != "" && bodyField != "*" && len(segments) > 0 && segments[0] == jsonName(bodyField) {
		segments = segments[1:]
	}
	var out strings.Builder
	for _, segment := range segments {
		out.WriteByte('/')
		// The order matters: "~1" must become "~01" (RFC 6901 §3).
		out.WriteString(strings.ReplaceAll(strings.ReplaceAll(segment, "~", "~0"), "/", "~1"))
	}
	return out.String()
}

// escapeStray escapes every "~" that is not followed by 0 or 1, so that the pointer is valid
// (RFC 6901 §3).
func escapeStray(path string) string {
	first, rest, found := strings.Cut(path, "~")
	if !found {
		return path
	}
	var out strings.Builder
	out.WriteString(first)
	for part := range strings.SplitSeq(rest, "~") {
		out.WriteByte('~')
		if part == "" || (part[0] != '0' && part[0] != '1') {
			out.WriteByte('0')
		}
		out.WriteString(part)
	}
	return out.String()
}

// splitPath splits a.b_c[2]["k.l"].d into a, bC, 2, k.l, d.
func splitPath(path string) []string {
	var segments []string
	for path != "" {
		switch path[0] {
		case '.':
			path = path[1:]
		case '[':
			var key string
			key, path = subscript(path[1:])
			segments = append(segments, key)
		default:
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			segments = append(segments, jsonName(path[:end]))
			path = path[end:]
		}
	}
	return segments
}

// subscript reads up to the closing bracket: an index, or a map's key in quotes.
func subscript(rest string) (string, string) {
	if strings.HasPrefix(rest, `"`) {
		if end := strings.Index(rest[1:], `"]`); end >= 0 {
			return rest[1 : end+1], rest[end+3:]
		}
	}
	key, after, _ := strings.Cut(rest, "]")
	return key, after
}

// jsonName returns the JSON name of a proto field name, as protoc derives it.
func jsonName(name string) string {
	var out strings.Builder
	upper := false
	for _, c := range name {
		switch {
		case c == '_':
			upper = true
		case upper && c >= 'a' && c <= 'z':
			out.WriteRune(c - 'a' + 'A')
			upper = false
		default:
			out.WriteRune(c)
			upper = false
		}
	}
	return out.String()
}
