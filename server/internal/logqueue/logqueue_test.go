package logqueue_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/statusway/statusway/server/internal/logqueue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reader is a writer whose reader stalls until it is let go.
type reader struct {
	released chan struct{}

	mutex sync.Mutex
	read  bytes.Buffer
	err   error
}

func newReader() *reader { return &reader{released: make(chan struct{})} }

func (r *reader) Write(p []byte) (int, error) {
	<-r.released
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.err != nil {
		return 0, r.err
	}
	return r.read.Write(p)
}

func (r *reader) text() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.read.String()
}

func report(dropped uint64) []byte { return fmt.Appendf(nil, "dropped %d\n", dropped) }

// What fits the queue is written in its order, and Close waits for it.
func TestWritesInOrder(t *testing.T) {
	t.Parallel()
	r := newReader()
	close(r.released)
	q := logqueue.New(logqueue.Params{To: r, Resumed: report})
	var want strings.Builder
	line := []byte("line 0000\n")
	for i := range 1000 {
		line = fmt.Appendf(line[:0], "line %04d\n", i) // Write must not keep it.
		want.Write(line)
		if n, err := q.Write(line); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	if !q.Close(time.Minute) || r.text() != want.String() || q.Dropped() != 0 {
		t.Errorf("%d octets of %d, %d dropped", len(r.text()), want.Len(), q.Dropped())
	}
	if _, err := q.Write(line); err != nil || q.Dropped() != 1 {
		t.Errorf("after the end: %v, %d dropped", err, q.Dropped())
	}
}

// A reader that stalls holds up nobody. Once it is back it gets what had fit, then how many
// lines are missing, then what comes.
func TestReaderThatStalls(t *testing.T) {
	t.Parallel()
	r := newReader()
	q := logqueue.New(logqueue.Params{To: r, MaxBytes: 100, Resumed: report})
	for i := range 1000 {
		if _, err := fmt.Fprintf(q, "line %04d\n", i); err != nil {
			t.Fatal(err)
		}
	}
	if got := q.Dropped(); got != 990 {
		t.Errorf("%d lines were dropped of 1000 in a queue for 10", got)
	}
	close(r.released)
	for !strings.Contains(r.text(), "dropped") {
		time.Sleep(time.Millisecond)
	}
	fmt.Fprint(q, "the next\n")
	if !q.Close(time.Minute) {
		t.Fatal("it is not written")
	}
	var want strings.Builder
	for i := range 10 {
		fmt.Fprintf(&want, "line %04d\n", i)
	}
	want.WriteString("dropped 990\nthe next\n")
	if r.text() != want.String() {
		t.Errorf("read %q", r.text())
	}
}

// A reader that never comes back does not hold up the end either.
func TestReaderThatNeverReads(t *testing.T) {
	t.Parallel()
	r := newReader()
	q := logqueue.New(logqueue.Params{To: r, Resumed: report})
	fmt.Fprint(q, "line\n")
	if q.Close(10 * time.Millisecond) {
		t.Error("it claims that the line was written")
	}
	close(r.released)
	q.Close(time.Minute)
}

// What cannot be written is counted.
func TestReaderThatHasGone(t *testing.T) {
	t.Parallel()
	r := newReader()
	r.err = errors.New("broken pipe")
	close(r.released)
	q := logqueue.New(logqueue.Params{To: r, Resumed: report})
	for range 3 {
		fmt.Fprint(q, "line\n")
	}
	if !q.Close(time.Minute) || q.Dropped() != 3 {
		t.Errorf("%d lines dropped", q.Dropped())
	}
}

// Many callers write whole lines.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	r := newReader()
	close(r.released)
	q := logqueue.New(logqueue.Params{To: r})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 500 {
				fmt.Fprint(q, "a whole line\n")
			}
		})
	}
	group.Wait()
	if !q.Close(time.Minute) || q.Dropped() != 0 || strings.Count(r.text(), "a whole line\n") != 4000 || len(r.text()) != 4000*len("a whole line\n") {
		t.Errorf("%d octets, %d dropped", len(r.text()), q.Dropped())
	}
}
