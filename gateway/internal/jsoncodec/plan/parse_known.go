package plan

import (
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// timestamp reads RFC 3339 in UTC, with a fraction of at most nine digits.
func (p *parser) timestamp() bool {
	text, ok := p.string()
	const shortest, longest = len("2006-01-02T15:04:05Z"), len("2006-01-02T15:04:05.999999999Z")
	if !ok || len(text) < shortest || len(text) > longest || text[len(text)-1] != 'Z' || text[len(text)-2] == '.' {
		return false
	}
	if len(text) > shortest && text[shortest-1] != '.' {
		return false // a comma, which time.Parse accepts
	}
	at, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil || at.Unix() < firstSecond || at.Unix() > lastSecond {
		return false
	}
	p.pair(at.Unix(), int32(at.Nanosecond())) //nolint:gosec // less than 10^9.
	return true
}

// duration reads seconds, with a fraction of at most nine digits.
func (p *parser) duration() bool {
	text, ok := p.string()
	if !ok || len(text) < 2 || text[len(text)-1] != 's' {
		return false
	}
	text = text[:len(text)-1]
	sign := int64(1)
	if text[0] == '-' {
		sign, text = -1, text[1:]
	}
	seconds, rest, ok := count(text, 12)
	if !ok || seconds > mostSeconds || len(text) > 1 && text[0] == '0' && isDigit(text[1]) {
		return false
	}
	nanos := int64(0)
	if len(rest) > 0 {
		digits := rest[1:]
		if rest[0] != '.' {
			return false
		}
		if nanos, rest, ok = count(digits, 9); !ok || len(rest) > 0 {
			return false
		}
		for range 9 - len(digits) {
			nanos *= 10
		}
	}
	p.pair(sign*seconds, int32(sign*nanos)) //nolint:gosec // less than 10^9.
	return true
}

// count reads one to most digits, and returns the rest.
func count(text []byte, most int) (number int64, rest []byte, ok bool) {
	n := 0
	for n < len(text) && n < most && isDigit(text[n]) {
		number = 10*number + int64(text[n]-'0')
		n++
	}
	return number, text[n:], n > 0
}

// pair writes seconds and nanoseconds.
//
//nolint:gosec // the wire form is bits.
func (p *parser) pair(seconds int64, nanos int32) {
	if seconds != 0 {
		p.out = protowire.AppendTag(p.out, 1, protowire.VarintType)
		p.out = protowire.AppendVarint(p.out, uint64(seconds))
	}
	if nanos != 0 {
		p.out = protowire.AppendTag(p.out, 2, protowire.VarintType)
		p.out = protowire.AppendVarint(p.out, uint64(int64(nanos)))
	}
}

// The fields of google.protobuf.Value, all of one oneof (google/protobuf/struct.proto).
const (
	valueNull   = 1
	valueNumber = 2
	valueString = 3
	valueBool   = 4
	valueStruct = 5
	valueList   = 6
)

// free reads any value as a google.protobuf.Value.
func (p *parser) free() bool {
	if p.depth > mostDepth {
		return false
	}
	p.depth++
	ok := p.freeKind()
	p.depth--
	return ok
}

func (p *parser) freeKind() bool {
	switch p.peek() {
	case 'n':
		p.out = append(protowire.AppendTag(p.out, valueNull, protowire.VarintType), 0)
		return p.word("null")
	case 't', 'f':
		p.out = protowire.AppendTag(p.out, valueBool, protowire.VarintType)
		return p.bool()
	case '"':
		text, ok := p.string()
		p.out = protowire.AppendBytes(protowire.AppendTag(p.out, valueString, protowire.BytesType), text)
		return ok
	case '{':
		start := p.begin(valueStruct)
		if !p.freeObject() {
			return false
		}
		p.finish(start)
		return true
	case '[':
		start := p.begin(valueList)
		if !p.freeArray() {
			return false
		}
		p.finish(start)
		return true
	default:
		number, ok := p.number(64)
		p.out = protowire.AppendFixed64(protowire.AppendTag(p.out, valueNumber, protowire.Fixed64Type), math.Float64bits(number))
		return ok
	}
}

// freeObject reads a google.protobuf.Struct.
func (p *parser) freeObject() bool {
	return p.keyed(1, func() bool {
		start := p.begin(2)
		if !p.free() {
			return false
		}
		p.finish(start)
		return true
	})
}

// freeArray reads a google.protobuf.ListValue.
func (p *parser) freeArray() bool {
	return p.elements(func() bool {
		start := p.begin(1)
		if !p.free() {
			return false
		}
		p.finish(start)
		return true
	})
}
