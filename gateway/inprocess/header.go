package inprocess

import (
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// transport carries header and trailer of one call from its handler to its caller.
// grpc.SetHeader, SendHeader and SetTrailer find it in the handler's context.
type transport struct {
	method string

	mu      sync.Mutex
	header  metadata.MD
	trailer metadata.MD
	ended   bool
	sent    bool
	// arrived is closed when the header is sent. It is nil for unary calls.
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

// end closes header and trailer. It sends a header that was set but not sent. If
// there is none, the caller gets no header, as with a trailers-only response.
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

// received returns the header and trailer that the caller gets, or nil. After end
// they do not change any more, so the caller owns them.
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

// merge adds a copy of md to dst, without reserved keys.
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

// reserved reports whether a key belongs to the transport. grpc-go silently drops
// these keys from the metadata of an application. The same is needed here, because
// handlers trust that :authority and user-agent do not come from a caller's metadata.
func reserved(key string) bool {
	switch key {
	case "content-type", "user-agent", "te", "host", "connection",
		"grpc-encoding", "grpc-message", "grpc-message-type", "grpc-status", "grpc-timeout":
		return true
	}

	return strings.HasPrefix(key, ":")
}

// alphabet is the set of bytes that a metadata value may contain.
type alphabet bool

const (
	// printable is the rule of grpc-go's client for a request: %x20-7E.
	printable alphabet = false
	// fieldValue is the rule of RFC 9110 §5.5. It is for responses: grpc.SetHeader of
	// grpc-go accepts all values that HTTP/2 can carry.
	fieldValue alphabet = true
)

// checkMetadata refuses metadata that HTTP/2 cannot carry, so that code that works
// here also works over a network. Values of "-bin" keys may be any bytes.
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
