package plan

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// text is a JSON text. Its methods append a value, and report whether they could.
type text struct {
	out []byte
}

// plain says for every ASCII byte whether a JSON string contains it unescaped (RFC 8259 §7).
//
//nolint:gochecknoglobals // a table that never changes; a function of a loop would be made for each byte
var plain = func() [utf8.RuneSelf]bool {
	var table [utf8.RuneSelf]bool
	for b := byte(' '); b < utf8.RuneSelf; b++ {
		table[b] = b != '"' && b != '\\'
	}
	return table
}()

// AppendString appends a string as JSON, in the shortest form that RFC 8259 allows.
// False means that it is not UTF-8; dst is then unchanged.
func AppendString[S string | []byte](dst []byte, s S) ([]byte, bool) {
	out := append(dst, '"') //nolint:gocritic // dst has to stay what it was.
	begin := 0
	for i := 0; i < len(s); {
		b := s[i]
		if b < utf8.RuneSelf {
			if !plain[b] {
				out = appendEscape(append(out, s[begin:i]...), b)
				begin = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && size == 1 {
			return dst, false
		}
		i += size
	}
	return append(append(out, s[begin:]...), '"'), true
}

// appendEscape appends a byte as an escape.
func appendEscape(out []byte, b byte) []byte {
	const hex = "0123456789abcdef"
	var short byte
	switch b {
	case '"', '\\':
		short = b
	case '\b':
		short = 'b'
	case '\f':
		short = 'f'
	case '\n':
		short = 'n'
	case '\r':
		short = 'r'
	case '\t':
		short = 't'
	default:
		return append(out, '\\', 'u', '0', '0', hex[b>>4], hex[b&0xf])
	}
	return append(out, '\\', short)
}

// string and octets append a string of their type.
func (t *text) string(s string) bool {
	var ok bool
	t.out, ok = AppendString(t.out, s)
	return ok
}

func (t *text) octets(s []byte) bool {
	var ok bool
	t.out, ok = AppendString(t.out, s)
	return ok
}

func (t *text) bytes(b []byte) {
	t.out = append(t.out, '"')
	t.out = base64.StdEncoding.AppendEncode(t.out, b)
	t.out = append(t.out, '"')
}

func (t *text) bool(b bool) { t.out = strconv.AppendBool(t.out, b) }

// int and uint append a number of 32 bits. Numbers of 64 bits are in quotes, because many
// readers of JSON do not support integers beyond 2^53.
func (t *text) int(n int64)   { t.out = strconv.AppendInt(t.out, n, 10) }
func (t *text) uint(n uint64) { t.out = strconv.AppendUint(t.out, n, 10) }

func (t *text) int64(n int64) {
	t.out = append(t.out, '"')
	t.int(n)
	t.out = append(t.out, '"')
}

func (t *text) uint64(n uint64) {
	t.out = append(t.out, '"')
	t.uint(n)
	t.out = append(t.out, '"')
}

// float appends a number of 32 or 64 bits in its shortest form, that of ECMAScript and
// encoding/json.
func (t *text) float(n float64, width int) {
	switch {
	case math.IsNaN(n):
		t.out = append(t.out, `"NaN"`...)
		return
	case math.IsInf(n, 1):
		t.out = append(t.out, `"Infinity"`...)
		return
	case math.IsInf(n, -1):
		t.out = append(t.out, `"-Infinity"`...)
		return
	}
	if size := math.Abs(n); size == 0 || !isExponential(size, width) {
		t.out = strconv.AppendFloat(t.out, n, 'f', -1, width)
		return
	}
	t.out = strconv.AppendFloat(t.out, n, 'e', -1, width)
	// e-09 is e-9.
	if end := len(t.out); end >= 4 && t.out[end-4] == 'e' && t.out[end-3] == '-' && t.out[end-2] == '0' {
		t.out[end-2] = t.out[end-1]
		t.out = t.out[:end-1]
	}
}

// isExponential reports whether a number is written with an exponent. The bounds have
// the number's own width: 1e-6 as a float32 is less than 1e-6 as a float64.
func isExponential(size float64, width int) bool {
	const least, most = 1e-6, 1e21
	if width == 32 {
		return float32(size) < least || float32(size) >= most
	}
	return size < least || size >= most
}

func (t *text) enum(e *enum, n protoreflect.EnumNumber) bool {
	name, named := e.names[n]
	switch {
	case e.null:
		t.out = append(t.out, "null"...)
	case named:
		t.out = append(t.out, name...)
	case e.closed:
		return false
	default:
		t.int(int64(n))
	}
	return true
}

// The range of a Timestamp is the years 1 to 9999, that of a Duration about 10 000
// years in either direction (google/protobuf/timestamp.proto, duration.proto).
const (
	firstSecond  = -62135596800
	lastSecond   = 253402300799
	mostSeconds  = 315576000000
	nanosASecond = 1e9
)

// timestamp appends RFC 3339, with a fraction of zero, three, six or nine digits.
func (t *text) timestamp(seconds int64, nanos int32) bool {
	if seconds < firstSecond || seconds > lastSecond || nanos < 0 || nanos >= nanosASecond {
		return false
	}
	t.out = append(t.out, '"')
	t.out = time.Unix(seconds, 0).UTC().AppendFormat(t.out, time.RFC3339)
	t.out = t.out[:len(t.out)-len("Z")]
	t.fraction(int64(nanos))
	t.out = append(t.out, 'Z', '"')
	return true
}

// duration appends seconds, with a fraction of zero, three, six or nine digits.
func (t *text) duration(seconds int64, nanos int32) bool {
	whole, part := seconds, int64(nanos)
	if whole < -mostSeconds || whole > mostSeconds || part <= -nanosASecond || part >= nanosASecond ||
		whole > 0 && part < 0 || whole < 0 && part > 0 {
		return false
	}
	t.out = append(t.out, '"')
	if whole < 0 || part < 0 {
		t.out = append(t.out, '-')
		whole, part = -whole, -part
	}
	t.int(whole)
	t.fraction(part)
	t.out = append(t.out, 's', '"')
	return true
}

// fraction appends nanoseconds as a fraction of a second, in groups of three digits.
func (t *text) fraction(nanos int64) {
	if nanos == 0 {
		return
	}
	width := 9
	for nanos%1000 == 0 {
		nanos /= 1000
		width -= 3
	}
	t.out = append(t.out, '.')
	t.digits(nanos, width)
}

// digits appends a number with leading zeros.
func (t *text) digits(n int64, width int) {
	var digits [9]byte
	for i := width - 1; i >= 0; i-- {
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	t.out = append(t.out, digits[:width]...)
}
