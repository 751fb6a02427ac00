package dynamic_test

import (
	"bytes"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// lockedWriter keeps what a server's goroutines write.
type lockedWriter struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedWriter) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func unimplemented() error { return status.Error(codes.Unimplemented, "not here") }
