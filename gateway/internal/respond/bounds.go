package respond

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// What an error may cost. Whatever a backend sends, or a client of MappingService, the work
// for an error grows at most linearly with its size, and its response stays below
// [MaxErrorBody]. What is beyond a bound is left out and counted: a problem has the counts
// in its member "omitted", and the log has them for every shape.
//
// Texts for people are shortened, because their beginning still helps. What programs read
// is left out as a whole: half a URL or half a key means something else.
const (
	// MaxErrorBody is an upper bound of an error's body in octets, as it follows from the
	// others.
	MaxErrorBody = 1 << 20

	// MaxInspectedDetails is how many details are looked at, for the decision and for what
	// the gateway itself reads of them.
	MaxInspectedDetails = 256
	// MaxDetails is how many details are in the member "details".
	MaxDetails = 32
	// MaxDetailBytes is the longest detail there, in octets of its protobuf form.
	MaxDetailBytes = 16 << 10
	// MaxDetailsBytes is how long all of them are together, in protobuf as in JSON.
	MaxDetailsBytes = 64 << 10

	// MaxListBytes is how long each other list or object that is made from details may
	// be, as JSON: errors, violated-policies, metadata, and all extensions together.
	MaxListBytes = 64 << 10
	// MaxViolations is how many field violations are in "errors".
	MaxViolations = 100
	// MaxQuotaViolations is how many names are in "violated-policies".
	MaxQuotaViolations = 32
	// MaxMetadata is how many entries of ErrorInfo are in "metadata".
	MaxMetadata = 64
	// MaxExtensions is how many members a statusway.v1.Problem may add.
	MaxExtensions = 64
	// MaxLocalizedMessages is how many languages there are to choose from.
	MaxLocalizedMessages = 32
	// MaxLinks is how many links of google.rpc.Help are in the Link field.
	MaxLinks = 8
	// MaxLinkBytes is how long that field may be. Proxies often have 4 or 8 KiB for all
	// fields together.
	MaxLinkBytes = 2 << 10

	// MaxMessageBytes is the longest message or detail. Callers of a backend with large
	// trailers have relied on long ones; JSON can make it six times as long.
	MaxMessageBytes = 96 << 10
	// MaxTextBytes is the longest other text for people, such as the description of a
	// violation.
	MaxTextBytes = 4 << 10
	// MaxNameBytes is the longest text for programs: a field's path, a reason, a key, a URI.
	MaxNameBytes = 1 << 10
	// maxLocaleBytes is the longest language tag. RFC 5646 §4.4.1 asks for 35.
	maxLocaleBytes = 64

	// maxPartBytes is how much of one detail is decoded for the gateway's own use.
	maxPartBytes = 64 << 10
	// maxWork is how much JSON of details is made, also where it turns out to be too long.
	maxWork = 4 * MaxDetailsBytes
)

// Omitted counts what an error has beyond the bounds, by the member that it is missing from.
type Omitted struct {
	// Details, Errors, Policies, Metadata and Extensions are elements or members.
	Details, Errors, Policies, Metadata, Extensions int
	// Links and LocalizedMessages are elements of details that become header fields.
	Links, LocalizedMessages int
	// Texts are single texts that were shortened, or left out because they are for programs.
	Texts int
}

// counts are the names and numbers in the order in which they are written.
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

// String returns the counts for a log, such as "details=3 errors=4900"; empty if there are
// none.
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

// firstEntries returns a message's wire form with the first maxCount entries of one
// repeated field, as far as the result stays within maxPartBytes, and how many are left
// out. Decoding a message first would cost many times its size: an empty entry takes two
// octets on the wire and a hundred in memory. ok is false for bytes that are not a message.
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
