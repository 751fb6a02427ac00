package entity

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"unicode/utf8"
)

// Sizes of a page. 0 and less means DefaultPageSize; more than MaxPageSize means
// MaxPageSize (AIP-158).
const (
	DefaultPageSize = 50
	MaxPageSize     = 1000
)

// MaxPageBytes is how long the attributes on a page are together, as JSON, unless one
// entity alone has more. A page that would be longer ends before. A number takes two bytes
// in JSON and up to thirteen in protobuf, and a message has at most 4 MiB.
const MaxPageBytes = 256 << 10

// checksumSize is that of the checksum in a page token. It is against mistakes,
// not attacks: a token gives no access that its caller lacks.
const checksumSize = 8

// etagSize is enough of a SHA-256 that two pages never share a tag.
const etagSize = 16

// Page is one page of entities.
type Page struct {
	// Entities are by id, in the order of their bytes.
	Entities []Entity
	// NextPageToken asks for the next page. "" means that there is none.
	NextPageToken string
	// ETag is opaque, without quotes, and strong: it changes when any entity of
	// this page does, or enters or leaves it.
	ETag string
}

// ClampPageSize returns the size that is meant by the one asked for.
func ClampPageSize(size int) int {
	if size <= 0 {
		return DefaultPageSize
	}

	return min(size, MaxPageSize)
}

// NewPage makes a page of the entities that a store found: up to size, and one more
// if there is a next page.
func NewPage(found []Entity, size int, group string) Page {
	page := Page{Entities: found}
	if len(found) > size {
		page.Entities = found[:size]
		page.NextPageToken = EncodePageToken(group, page.Entities[size-1].ID)
	}
	page.ETag = pageETag(page)

	return page
}

// pageETag hashes who is on the page and in which version, and not what they
// are: one version has one content.
func pageETag(page Page) string {
	digest := sha256.New()
	for _, e := range page.Entities {
		writeString(digest, e.ID)
		writeNumber(digest, uint64(e.Version)) //nolint:gosec // Only its bits matter.
	}
	writeString(digest, page.NextPageToken)

	return base64.RawURLEncoding.EncodeToString(digest.Sum(nil)[:etagSize])
}

// EncodePageToken returns the token of the page that begins after the id, for
// calls that are filtered by the group; "" means that they are not.
func EncodePageToken(group, after string) string {
	return base64.RawURLEncoding.EncodeToString(append(pageChecksum(group, after), after...))
}

// DecodePageToken returns the id that the page begins after: "" for the empty
// token, which is the first page. Anything that EncodePageToken would not have
// written for this group is PAGE_TOKEN_INVALID.
func DecodePageToken(group, token string) (string, error) {
	if token == "" {
		return "", nil
	}
	// Strict, so that one page has one token.
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) <= checksumSize {
		return "", PageTokenInvalid()
	}
	after := string(raw[checksumSize:])
	// The decoder skips line breaks even if it is strict, so compare the round trip.
	if !utf8.ValidString(after) || EncodePageToken(group, after) != token {
		return "", PageTokenInvalid()
	}

	return after, nil
}

func pageChecksum(group, after string) []byte {
	digest := sha256.New()
	writeString(digest, group)
	writeString(digest, after)

	return digest.Sum(nil)[:checksumSize]
}

// writeString writes the length first, so that no two lists look the same.
func writeString(digest hash.Hash, text string) {
	writeNumber(digest, uint64(len(text)))
	digest.Write([]byte(text))
}

func writeNumber(digest hash.Hash, number uint64) {
	digest.Write(binary.BigEndian.AppendUint64(nil, number))
}
