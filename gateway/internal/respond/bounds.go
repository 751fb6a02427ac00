package respond

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// The limits of an error. Whatever a backend sends, the work for an error grows at most linearly with
// its size, and the response stays below [MaxErrorBody]. Parts beyond a limit are left out and counted.
// A problem contains the counts in its member "omitted"; the log contains them for every format.
//
// Texts for people are shortened, because their beginning still helps. Texts for programs are left out
// as a whole, because half a URL or half a key would mean something else.
const (
	// MaxErrorBody is the maximum size of an error's body in bytes. It follows from the other limits.
	MaxErrorBody = 1 << 20

	// MaxInspectedDetails is the maximum number of details that the gateway reads itself, for the
	// policy and for the members of a problem.
	MaxInspectedDetails = 256
	// MaxDetails is the maximum number of details in the member "details".
	MaxDetails = 32
	// MaxDetailBytes is the maximum size of such a detail, in bytes of its protobuf form.
	MaxDetailBytes = 16 << 10
	// MaxDetailsBytes is the maximum size of all details together, in protobuf and in JSON.
	MaxDetailsBytes = 64 << 10

	// MaxListBytes is the maximum size of each other list or object from details, as JSON: errors,
	// violated-policies, metadata, and all extensions together.
	MaxListBytes = 64 << 10
	// MaxViolations is the maximum number of field violations in "errors".
	MaxViolations = 100
	// MaxQuotaViolations is the maximum number of names in "violated-policies".
	MaxQuotaViolations = 32
	// MaxMetadata is the maximum number of entries in "metadata", from ErrorInfo.
	MaxMetadata = 64
	// MaxExtensions is the maximum number of members that a statusway.v1.Problem can add.
	MaxExtensions = 64
	// MaxLocalizedMessages is the maximum number of languages to choose from.
	MaxLocalizedMessages = 32
	// MaxLinks is the maximum number of google.rpc.Help links in the Link header.
	MaxLinks = 8
	// MaxLinkBytes is the maximum size of that header. Proxies often allow 4 or 8 KiB for all
	// headers together.
	MaxLinkBytes = 2 << 10

	// MaxMessageBytes is the maximum size of a message or detail text. Clients of a backend with
	// large trailers rely on long ones; JSON can make them six times as long.
	MaxMessageBytes = 96 << 10
	// MaxTextBytes is the maximum size of any other text for people, such as the description of a
	// violation.
	MaxTextBytes = 4 << 10
	// MaxNameBytes is the maximum size of a text for programs: a field's path, a reason, a key, a URI.
	MaxNameBytes = 1 << 10
	// maxLocaleBytes is the maximum size of a language tag. RFC 5646 §4.4.1 requires at least 35.
	maxLocaleBytes = 64

	// maxPartBytes is the maximum size of the part of a detail that the gateway decodes for itself.
	maxPartBytes = 64 << 10
	// maxWork is the maximum size of JSON that is written for details, including JSON that turns out
	// to be too long.
	maxWork = 4 * MaxDetailsBytes
)

// Omitted counts the parts of an error that were left out, by the member that they belong to.
type Omitted struct {
	// Details, Errors, Policies, Metadata and Extensions count elements or members.
	Details, Errors, Policies, Metadata, Extensions int
	// Links and LocalizedMessages count elements of details that become headers.
	Links, LocalizedMessages int
	// Texts counts texts for people that were shortened and texts for programs that were left out.
	Texts int
}

// counts returns the names and numbers in the order in which they are written.
func (o *Omitted) counts() [8]struct {
	name  string
	count int
} {
	return [8]struct {
		name  string
		count int
	}{
		{"details", o.Details},
		{"errors", o.Errors},
		{"violated-policies", o.Policies},
		{"metadata", o.Metadata},
		{"extensions", o.Extensions},
		{"links", o.Links},
		{"localizedMessages", o.LocalizedMessages},
		{"texts", o.Texts},
	}
}

// String returns the counts for a log, such as "details=3 errors=4900", or "" if nothing was omitted.
func (o *Omitted) String() string {
	var out strings.Builder
	for _, one := range o.counts() {
		if one.count == 0 {
			continue
		}
		if out.Len() > 0 {
			out.WriteByte(' ')
		}
		out.WriteString(one.name + "=" + strconv.Itoa(one.count))
	}
	return out.String()
}

// shorten returns a text for people, cut at the end of a character if it is longer than
// maxBytes.
func (o *Omitted) shorten(text string, maxBytes int) string {
	if len(text) <= maxBytes {
		return text
	}
	o.Texts++
	const ellipsis = "…"
	end := maxBytes - len(ellipsis)
	for end > maxBytes-len(ellipsis)-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}

// whole returns a text for programs, or "" if it is too long.
func (o *Omitted) whole(text string) string {
	if len(text) <= MaxNameBytes {
		return text
	}
	o.Texts++
	return ""
}

// firstEntries returns a message's wire form with only the first maxCount entries of one repeated field,
// and at most maxPartBytes, and the number of omitted entries. It works on the wire form because an
// empty entry takes two bytes on the wire but a hundred in memory. ok is false for bytes that are not a
// message.
func firstEntries(wire []byte, field protowire.Number, maxCount int) (kept []byte, omitted int, ok bool) {
	copied, count, size := false, 0, 0
	for rest := wire; len(rest) > 0; {
		number, _, length := protowire.ConsumeField(rest)
		if length < 0 {
			return nil, 0, false
		}
		entry := rest[:length]
		rest = rest[length:]
		if number == field {
			count++
		}
		if number == field && (count-omitted > maxCount || size+length > maxPartBytes) {
			omitted++
			if !copied {
				copied = true // from here on
				kept = append(kept, wire[:len(wire)-len(rest)-length]...)
			}
			continue
		}
		size += length
		if copied {
			kept = append(kept, entry...)
		}
	}
	if !copied {
		return wire, 0, true
	}
	return kept, omitted, true
}
