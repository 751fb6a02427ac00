package inprocess

import (
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// transport carries header and trailer of one call from its handler to its
// caller. It is what grpc.SetHeader, SendHeader and SetTrailer find in the
// handler's context.
type transport struct {
	method string

	mu      sync.Mutex
	header  metadata.MD
	trailer metadata.MD
	ended   bool
	sent    bool
	// arrived is closed when the header is sent; nil where nobody waits for it.
	arrived chan struct{}
}

var _ grpc.ServerTransportStream = (*transport)(nil)

// Method implements [grpc.ServerTransportStream].
func (t *transport) Method() string { return t.method }

// SetHeader implements [grpc.ServerTransportStream].
func (t *transport) SetHeader(md metadata.MD) error {
	if err := checkMetadata(md, fieldValue); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sent || t.ended {
		return errHeaderSent()
	}
	t.header = merge(t.header, md)

	return nil
}

// SendHeader implements [grpc.ServerTransportStream].
func (t *transport) SendHeader(md metadata.MD) error {
	if err := checkMetadata(md, fieldValue); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sent || t.ended {
		return errHeaderSent()
	}
	t.header = merge(t.header, md)
	t.send()

	return nil
}

// SetTrailer implements [grpc.ServerTransportStream].
func (t *transport) SetTrailer(md metadata.MD) error {
	if err := checkMetadata(md, fieldValue); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return errHeaderSent()
	}
	t.trailer = merge(t.trailer, md)

	return nil
}

// flush sends the header before a message, if it was not sent yet.
func (t *transport) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sent && !t.ended {
		t.send()
	}
}

// end closes header and trailer. A header that was set but not sent goes now; if
// there is none the caller sees no header, as with a trailers-only response.
func (t *transport) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sent && len(t.header) > 0 {
		t.send()
	}
	t.ended = true
}

// send must be called with mu held.
func (t *transport) send() {
	t.sent = true
	if t.arrived != nil {
		close(t.arrived)
	}
}

// received returns what arrived at the caller, nil where nothing did. After end
// nobody writes to either any more, so they are the caller's own.
func (t *transport) received() (header, trailer metadata.MD) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sent {
		return nil, t.trailer
	}

	return t.header, t.trailer
}

func errHeaderSent() error {
	return status.Error(codes.Internal, "inprocess: header or trailer set after it was sent")
}

// merge adds a copy of md to dst, without what the transport keeps to itself.
func merge(dst, md metadata.MD) metadata.MD {
	if dst == nil && len(md) > 0 {
		dst = make(metadata.MD, len(md))
	}
	for key, values := range md {
		if !reserved(key) {
			dst[key] = append(dst[key], values...)
		}
	}

	return dst
}

// reserved tells the keys that belong to the transport. grpc-go drops them in
// silence from what an application sends, and so must we: a handler trusts
// :authority or user-agent not to come from a caller's metadata.
func reserved(key string) bool {
	switch key {
	case "content-type", "user-agent", "te", "host", "connection",
		"grpc-encoding", "grpc-message", "grpc-message-type", "grpc-status", "grpc-timeout":
		return true
	}

	return strings.HasPrefix(key, ":")
}

// alphabet says which bytes a metadata value may have.
type alphabet bool

const (
	// printable is the rule of grpc-go's client for a request: %x20-7E.
	printable alphabet = false
	// fieldValue is the rule of RFC 9110 §5.5. It is for responses, where
	// grpc.SetHeader of grpc-go lets through whatever HTTP/2 does.
	fieldValue alphabet = true
)

// checkMetadata refuses what HTTP/2 could not carry, so that code which works
// here works over a network too. Values of "-bin" keys may be any bytes.
func checkMetadata(md metadata.MD, allowed alphabet) error {
	for key, values := range md {
		if !validKey(key) {
			return status.Errorf(codes.Internal, "metadata key %q is empty or has characters not in [0-9a-z-_.]", key)
		}
		if strings.HasSuffix(key, "-bin") {
			continue
		}
		for _, value := range values {
			if !allowed.has(value) {
				return status.Errorf(codes.Internal, "metadata key %q has a value with characters that cannot be sent", key)
			}
		}
	}

	return nil
}

func validKey(key string) bool {
	if key == "" || key[0] == ':' {
		return key != ""
	}
	for i := range len(key) {
		b := key[i]
		if (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '-' && b != '_' && b != '.' {
			return false
		}
	}

	return true
}

func (a alphabet) has(value string) bool {
	for i := range len(value) {
		b := value[i]
		if b >= ' ' && b <= '~' {
			continue
		}
		if a == printable || b < 0x80 && b != '\t' {
			return false
		}
	}

	return true
}
