package app_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/statusway/statusway/server/internal/config"
)

// A connection on which no request runs does not keep the program from ending, and is
// no request that was cut off. Stopping with an error fails the test that started it.
func TestStopWithASilentConnection(t *testing.T) {
	t.Parallel()
	var silent net.Conn
	// Cleaning up goes from the last to the first, so this comes after the server's end.
	t.Cleanup(func() { _ = silent.Close() })
	s := serve(t, func(c *config.Serve) { c.Grace = 3 * time.Second }, nil, time.Now)
	var err error
	if silent, err = s.Dial(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(silent, "GET /v1/entities HTTP/1.1\r\nHo"); err != nil {
		t.Fatal(err)
	}
	// The server has taken the connection once it answers on a later one.
	if err := s.isAlive(t.Context()); err != nil {
		t.Fatal(err)
	}
}
