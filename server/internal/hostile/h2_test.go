package hostile_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// rawH2 is an HTTP/2 connection whose frames a test writes itself.
type rawH2 struct {
	conn   net.Conn
	framer *http2.Framer

	mu      sync.Mutex // guards what follows, and the writing of frames
	writer  *bufio.Writer
	block   bytes.Buffer
	encoder *hpack.Encoder
	next    uint32
	host    string
}

// openH2 connects and sends the preface with these settings.
func (b *battle) openH2(ctx context.Context, attacker int, settings ...http2.Setting) (*rawH2, error) {
	conn, err := b.connect(ctx, attacker, "h2")
	if err != nil {
		return nil, err
	}
	h := &rawH2{conn: conn, writer: bufio.NewWriterSize(conn, 64<<10), next: 1, host: b.process.Address()}
	h.framer = http2.NewFramer(h.writer, bufio.NewReader(conn))
	h.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	h.framer.AllowIllegalWrites = true
	h.encoder = hpack.NewEncoder(&h.block)
	if _, err := h.writer.WriteString(http2.ClientPreface); err != nil {
		return nil, err
	}
	return h, errors.Join(h.framer.WriteSettings(settings...), h.writer.Flush())
}

// request sends a header section and returns the number of its stream. More says that a
// body follows.
func (h *rawH2) request(method, path string, more bool, fields ...[2]string) (uint32, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.block.Reset()
	all := append([][2]string{{":method", method}, {":scheme", "http"}, {":authority", h.host}, {":path", path}}, fields...)
	for _, field := range all {
		if err := h.encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
			return 0, err
		}
	}
	stream := h.next
	h.next += 2
	block := h.block.Bytes()
	first := block[:min(len(block), 16<<10)]
	block = block[len(first):]
	err := h.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: first, EndStream: !more, EndHeaders: len(block) == 0,
	})
	for err == nil && len(block) > 0 {
		part := block[:min(len(block), 16<<10)]
		block = block[len(part):]
		err = h.framer.WriteContinuation(stream, len(block) == 0, part)
	}
	return stream, err
}

// write writes a frame while no other goroutine does.
func (h *rawH2) write(frame func(*http2.Framer) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return frame(h.framer)
}

func (h *rawH2) flush() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.writer.Flush()
}

// reply is a response of HTTP/2.
type reply struct {
	status string
	body   []byte
	ended  bool
}

// readFrames reads frames until handle returns false or the connection ends. It
// acknowledges SETTINGS and PING, as an ordinary client does.
func (h *rawH2) readFrames(handle func(http2.Frame) bool) error {
	for {
		frame, err := h.framer.ReadFrame()
		if err != nil {
			return err
		}
		var acknowledge func(*http2.Framer) error
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				acknowledge = (*http2.Framer).WriteSettingsAck
			}
		case *http2.PingFrame:
			if !frame.IsAck() {
				acknowledge = func(f *http2.Framer) error { return f.WritePing(true, frame.Data) }
			}
		}
		if acknowledge != nil {
			if err := errors.Join(h.write(acknowledge), h.flush()); err != nil {
				return err
			}
		}
		if !handle(frame) {
			return nil
		}
	}
}

// readReplies reads until so many streams have ended.
func (h *rawH2) readReplies(count int) (map[uint32]*reply, error) {
	replies := map[uint32]*reply{}
	of := func(stream uint32) *reply {
		if replies[stream] == nil {
			replies[stream] = &reply{}
		}
		return replies[stream]
	}
	ended := 0
	var failure error
	err := h.readFrames(func(frame http2.Frame) bool {
		isLast := false
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			of(frame.StreamID).status = frame.PseudoValue("status")
			isLast = frame.StreamEnded()
		case *http2.DataFrame:
			r := of(frame.StreamID)
			r.body = append(r.body, frame.Data()...)
			isLast = frame.StreamEnded()
		case *http2.RSTStreamFrame:
			failure = fmt.Errorf("the server reset stream %d: %s", frame.StreamID, frame.ErrCode)
		case *http2.GoAwayFrame:
			failure = fmt.Errorf("the server sent GOAWAY: %s %s", frame.ErrCode, strings.ToValidUTF8(string(frame.DebugData()), "?"))
		}
		if isLast {
			of(frame.Header().StreamID).ended = true
			ended++
		}
		return failure == nil && ended < count
	})
	return replies, errors.Join(err, failure)
}
