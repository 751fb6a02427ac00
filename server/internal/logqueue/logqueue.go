// Package logqueue writes a log without making its callers wait for the reader.
package logqueue

import (
	"io"
	"sync"
	"time"
)

// DefaultMaxBytes is how much waits for a slow reader where [Params] do not say.
const DefaultMaxBytes = 1 << 20

// Params configure a [Queue].
type Params struct {
	// To is where the lines go. A write to it may block for as long as it likes.
	To io.Writer
	// MaxBytes is how many bytes wait for To at most. 0 means [DefaultMaxBytes].
	MaxBytes int
	// Resumed is called when lines were dropped and To takes lines again. It returns a
	// line about that, which is written first. Nil means that no line is written.
	Resumed func(dropped uint64) []byte
}

// Queue is an io.Writer that passes lines to another writer on a separate goroutine. Write
// never blocks and never fails: if the queue is full, it drops and counts lines. Call
// [Queue.Close] to end the goroutine.
type Queue struct {
	params Params

	mutex   sync.Mutex
	entries []entry
	bytes   int    // of entries, and of the line that is being written
	gap     uint64 // lines that were dropped since the last entry
	dropped uint64 // lines that were dropped in all
	closed  bool
	more    chan struct{} // has an element when a line has come, or the end
	done    chan struct{} // is closed when the goroutine has ended
}

var _ io.Writer = (*Queue)(nil)

// entry is a line, and how many were dropped just before it.
type entry struct {
	gap  uint64
	line []byte
}

// New returns a queue that is at work.
func New(p Params) *Queue {
	if p.MaxBytes <= 0 {
		p.MaxBytes = DefaultMaxBytes
	}
	q := &Queue{params: p, more: make(chan struct{}, 1), done: make(chan struct{})}
	go q.run()
	return q
}

// Write puts a line into the queue, or drops it. It keeps no part of line.
//
// Once a line was dropped, lines are dropped until half of the queue is free. Otherwise a
// reader that is a little too slow would get a report of a gap before nearly every line.
func (q *Queue) Write(line []byte) (int, error) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	room := q.params.MaxBytes
	if q.gap > 0 {
		room /= 2
	}
	if q.closed || q.bytes+len(line) > room {
		q.gap++
		q.dropped++
		return len(line), nil
	}
	q.entries = append(q.entries, entry{gap: q.gap, line: append([]byte(nil), line...)})
	q.bytes += len(line)
	q.gap = 0
	q.wake()
	return len(line), nil
}

// Dropped returns how many lines were dropped, because the queue was full or they could
// not be written.
func (q *Queue) Dropped() uint64 {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.dropped
}

// Close writes the lines in the queue, for at most timeout. It reports whether it wrote
// all of them; if not, a goroutine still waits for the reader. A closed queue drops all
// further lines.
func (q *Queue) Close(timeout time.Duration) bool {
	q.mutex.Lock()
	q.closed = true
	q.wake()
	q.mutex.Unlock()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-q.done:
		return true
	case <-timer.C:
		return false
	}
}

func (q *Queue) wake() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// run writes until the queue is closed and empty.
func (q *Queue) run() {
	defer close(q.done)
	for {
		next, found := q.next()
		switch {
		case !found && q.isClosed():
			return
		case !found:
			<-q.more
		default:
			q.write(next)
		}
	}
}

// next takes the first entry. Where there is none it takes the gap behind the last, as an
// entry without a line.
func (q *Queue) next() (entry, bool) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if len(q.entries) == 0 {
		last := entry{gap: q.gap}
		q.entries, q.gap = nil, 0 // gives back what a long queue took
		return last, last.gap > 0
	}
	first := q.entries[0]
	q.entries[0] = entry{}
	q.entries = q.entries[1:]
	return first, true
}

func (q *Queue) isClosed() bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.closed && len(q.entries) == 0
}

func (q *Queue) write(one entry) {
	var failed error
	if one.gap > 0 && q.params.Resumed != nil {
		_, failed = q.params.To.Write(q.params.Resumed(one.gap))
	}
	if failed == nil && one.line != nil {
		_, failed = q.params.To.Write(one.line)
	}
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.bytes -= len(one.line)
	if failed != nil && one.line != nil {
		q.dropped++
	}
}
