package hostile_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// memoryLimit is the memory of the machine or container that the targets believe to
	// have. Their default settings must keep them below it, whatever clients send.
	memoryLimit = 1 << 30
	// goMemoryLimit is GOMEMLIMIT. The deployment page says nine tenths of the limit.
	goMemoryLimit = memoryLimit / 10 * 9

	// recoveryTime is how long slots, goroutines and connections may stay in use after the
	// attackers have left. The longest call that an attacker starts takes 10 s, so a call
	// that does not notice that its client has left is found.
	recoveryTime = 8 * time.Second
	// attackTime limits an attack. One that takes longer has made the server too slow.
	attackTime = 60 * time.Second

	// Goroutines and files that come and go without any request.
	spareGoroutines = 15
	spareFiles      = 15
)

// battle is one attack on one target.
type battle struct {
	*target

	hold time.Duration
	// network is the second octet of the attackers' addresses. Each battle has its own, so
	// that no attack uses up the allowance of another.
	network byte

	// connecting limits how many attackers connect at the same time. The handshakes would
	// otherwise time out on a slow machine, before the attack begins.
	connecting chan struct{}

	mu       sync.Mutex
	conns    []net.Conn
	statuses map[int]int
	faults   map[string]int
}

func (c *campaign) newBattle(g *target) *battle {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.battles++
	return &battle{
		target: g, hold: c.hold, network: byte(10 + c.battles%200), connecting: make(chan struct{}, 16),
		statuses: map[int]int{}, faults: map[string]int{},
	}
}

// fight runs the attack and checks that nothing happened to anybody else.
func (b *battle) fight(t *testing.T, a attack) {
	t.Helper()
	before, err := b.usage(t.Context())
	if err != nil {
		b.broken = true
		t.Errorf("%s: before the attack: %v", b.name, err)
		return
	}
	b.process.ResetPeakMemory(t)
	healthy := b.startHealthyClient(t.Context())
	ctx, cancel := context.WithTimeout(t.Context(), attackTime)
	start := time.Now()
	err = a.run(ctx, b)
	took := time.Since(start)
	cancel()
	b.disconnect()
	if err != nil {
		t.Errorf("%s: the attack could not be carried out: %v", b.name, err)
	}
	report := healthy.stop()
	for _, problem := range report.problems() {
		t.Errorf("%s: the healthy client: %s", b.name, problem)
	}
	peak := b.process.PeakMemory(t)
	if peak > memoryLimit {
		t.Errorf("%s: the peak memory is %d MiB, more than %d MiB", b.name, peak>>20, memoryLimit>>20)
	}
	after, err := b.recover(t.Context(), before)
	if err != nil {
		b.broken = true
		t.Errorf("%s: %s after the attackers have left: %v", b.name, recoveryTime, err)
	}
	if faults := after.serverFaults - before.serverFaults; faults > 0 {
		t.Errorf("%s: the metrics count %.0f responses with 5xx that no backend caused", b.name, faults)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range slices.Sorted(maps.Keys(b.faults)) {
		t.Errorf("%s: %d × %s", b.name, b.faults[fault], fault)
	}
	t.Logf("%s: %s, peak memory %d MiB, attackers received %v, healthy client: %s", b.name, took.Round(time.Millisecond), peak>>20, b.statuses, report)
}

// usage is what a process has in use.
type usage struct {
	goroutines, files, serverFaults float64
	// gauges count requests that occupy something, by the name of the metric.
	gauges map[string]float64
}

func (b *battle) usage(ctx context.Context) (usage, error) {
	metrics, err := b.process.Metrics(ctx)
	if err != nil {
		return usage{}, err
	}
	u := usage{
		goroutines: metrics.Sum("go_goroutines", nil), files: metrics.Sum("process_open_fds", nil),
		serverFaults: metrics.ServerFaults(), gauges: map[string]float64{},
	}
	for name := range metrics {
		isOccupied := strings.HasPrefix(name, "statusway_") && !strings.HasSuffix(name, "_total") &&
			(strings.Contains(name, "in_flight") || strings.Contains(name, "waiting") || strings.Contains(name, "held") || strings.Contains(name, "stalled"))
		if isOccupied {
			u.gauges[name] = metrics.Sum(name, nil)
		}
	}
	return u, nil
}

// recover waits until the process uses no more than before.
func (b *battle) recover(ctx context.Context, before usage) (usage, error) {
	deadline := time.Now().Add(recoveryTime)
	for {
		after, err := b.usage(ctx)
		if err != nil {
			return after, err
		}
		var inUse []string
		if after.goroutines > before.goroutines+spareGoroutines {
			inUse = append(inUse, fmt.Sprintf("%.0f goroutines, before %.0f", after.goroutines, before.goroutines))
		}
		if after.files > before.files+spareFiles {
			inUse = append(inUse, fmt.Sprintf("%.0f open files, before %.0f", after.files, before.files))
		}
		for _, name := range slices.Sorted(maps.Keys(after.gauges)) {
			if after.gauges[name] > before.gauges[name] {
				inUse = append(inUse, fmt.Sprintf("%s is %.0f, before %.0f", name, after.gauges[name], before.gauges[name]))
			}
		}
		if len(inUse) == 0 {
			return after, nil
		}
		if time.Now().After(deadline) {
			return after, errors.New(strings.Join(inUse, "; "))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// address returns the address of the attacker with that number.
func (b *battle) address(attacker int) net.IP {
	return net.IPv4(127, b.network, byte(attacker/250), byte(1+attacker%250))
}

// dial connects from an attacker's address. The connection closes after the attack.
func (b *battle) dial(ctx context.Context, attacker int) (net.Conn, error) {
	return b.dialWith(ctx, net.Dialer{LocalAddr: &net.TCPAddr{IP: b.address(attacker)}})
}

func (b *battle) dialWith(ctx context.Context, dialer net.Dialer) (net.Conn, error) {
	conn, err := dialer.DialContext(ctx, "tcp", b.process.Address())
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.conns = append(b.conns, conn)
	b.mu.Unlock()
	return conn, conn.SetDeadline(time.Now().Add(attackTime))
}

// isTLS reports whether the target is served over TLS.
func (b *battle) isTLS() bool { return strings.HasPrefix(b.process.REST, "https://") }

// connect is dial, with TLS where the target has it. protocol is http/1.1 or h2.
func (b *battle) connect(ctx context.Context, attacker int, protocol string) (net.Conn, error) {
	return b.connectWith(ctx, net.Dialer{LocalAddr: &net.TCPAddr{IP: b.address(attacker)}}, protocol)
}

func (b *battle) connectWith(ctx context.Context, dialer net.Dialer, protocol string) (net.Conn, error) {
	b.connecting <- struct{}{}
	defer func() { <-b.connecting }()
	conn, err := b.dialWith(ctx, dialer)
	if err != nil || !b.isTLS() {
		return conn, err
	}
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}})
	return secure, secure.HandshakeContext(ctx)
}

// disconnect closes all connections of the attackers.
func (b *battle) disconnect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, conn := range b.conns {
		_ = conn.Close()
	}
	b.conns = nil
}

// wait holds what the attackers have occupied.
func (b *battle) wait(ctx context.Context) {
	select {
	case <-time.After(b.hold):
	case <-ctx.Done():
	}
}

// received notes a response that an attacker has read, and checks it.
func (b *battle) received(method, path string, response *http.Response, body []byte) {
	err := b.check(method, path, response, body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.statuses[response.StatusCode]++
	if err != nil {
		b.faults[err.Error()]++
	}
}

// faultf notes something that must not happen.
func (b *battle) faultf(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults[fmt.Sprintf(format, args...)]++
}

// read reads one response of HTTP/1.1, checks it, and returns its body.
func (b *battle) read(from *bufio.Reader, method, path string) ([]byte, error) {
	response, err := http.ReadResponse(from, &http.Request{Method: method})
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	b.received(method, path, response, body)
	return body, nil
}

// message writes a request of HTTP/1.1. The body is not part of it.
func message(method, path string, fields ...string) string {
	lines := append([]string{method + " " + path + " HTTP/1.1", "Host: attacked"}, fields...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}
