package respond

import "sync"

// pool lends the buffers in which bodies are encoded. A body lives until it is sent, so
// whoever keeps one longer has to copy it.
type pool struct{ sync.Pool }

//nolint:gochecknoglobals // a pool is shared by its nature; nothing can be observed through it
var buffers pool

// largestBuffer is what is worth keeping: one that a huge body has grown is not.
const largestBuffer = 1 << 20

func (p *pool) get() *[]byte {
	if buffer, ok := p.Get().(*[]byte); ok {
		return buffer
	}
	return new([]byte)
}

func (p *pool) put(buffer *[]byte) {
	if cap(*buffer) <= largestBuffer {
		*buffer = (*buffer)[:0]
		p.Put(buffer)
	}
}
