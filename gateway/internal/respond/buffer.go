package respond

import "sync"

// pool pools the buffers for encoded bodies. A buffer is reused after its body has been sent, so copy a
// body to keep it longer.
type pool struct{ sync.Pool }

//nolint:gochecknoglobals // a pool is shared by its nature; nothing can be observed through it
var buffers pool

// largestBuffer is the maximum size of a buffer to keep. A larger one would waste memory.
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
