// Package hostile attacks real processes of the program over real sockets, and checks
// that other clients do not notice.
//
// Each attack is one small function; [attacks] lists them all. While an attack runs, a
// healthy client from another address sends small requests. A test fails if
//
//   - a request of the healthy client fails or is slow,
//   - the process needs more memory than the deployment page says,
//   - goroutines, slots or connections stay in use after the attackers have left,
//   - the server sends a 5xx that no backend caused; 503 SERVICE_OVERLOADED is allowed
//     for the attackers, because a documented limit was reached,
//   - a response that an attacker receives is not in the documented table, or an error
//     does not have the documented body.
//
// `make system` runs each attack once. `make soak` repeats them in random order.
package hostile_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/statusway/statusway/server/internal/processtest"
	"github.com/statusway/statusway/server/internal/system"
)

func TestMain(m *testing.M) { os.Exit(processtest.Run(m)) }

// attack is one kind of hostile client.
type attack struct {
	name string
	// why says what the attack exhausts or breaks.
	why string
	run func(context.Context, *battle) error
	// only names the targets that the attack is for. Nil means all.
	only []string
}

// attacks is the campaign.
func attacks() []attack {
	return []attack{
		{"zero windows", "six HTTP/2 connections that accept no response body held every slot", zeroWindows, nil},
		{"responses that nobody reads", "over HTTP/1.1 a full socket buffer stops the response", neverRead, nil},
		{"slow readers", "one byte a second keeps a response alive for hours", readSlowly, nil},

		{"silent connections", "1,000 connections without a byte take memory and file descriptors", stayConnected, nil},
		{"headers that never end", "a header section that arrives byte by byte takes a goroutine", sendHeadersSlowly, nil},
		{"handshakes that never end", "half a TLS handshake takes a goroutine", stopInHandshake, nil},

		{"slow bodies", "bodies that arrive slowly held every slot until the body timeout", sendBodiesSlowly, nil},
		{"many large bodies", "200 imports of 4 MB at once took 5.1 GB", importAtOnce, nil},

		{"rapid reset", "a stream that is reset at once still costs work (CVE-2023-44487)", resetRapidly, nil},
		{"CONTINUATION frames", "a header section without an end (CVE-2023-45288)", continueEndlessly, nil},
		{"PING frames", "the server must acknowledge each PING (CVE-2019-9512)", floodWith(sendPing), nil},
		{"SETTINGS frames", "the server must acknowledge each SETTINGS (CVE-2019-9515)", floodWith(sendSettings), nil},
		{"empty DATA frames", "frames without content cost work (CVE-2019-9518)", floodWith(sendEmptyData), nil},
		{"WINDOW_UPDATE frames", "each one wakes the writer", floodWith(sendWindowUpdate), nil},
		{"many header fields", "thousands of fields in one request", sendManyFields, nil},

		{"huge and deep bodies", "a parser may need far more time or memory than the body has bytes", sendHugeBodies, nil},
		{"error details", "3.9 MB of empty violations cost 27 CPU seconds and 1.9 GB", sendErrorDetails, nil},
		{"malformed requests", "net/http refuses most of them itself, before any handler", sendMalformed, []string{plainServe, plainProxy}},

		{"many addresses", "one IPv6 network has 2^64 addresses, and each had its own allowance", comeFromManyAddresses, []string{plainServe}},
		{"content that looks like HTTP", "response content was mistaken for a response of net/http", readContentLikeHTTP, nil},

		{"clients that leave", "a call whose client has left kept its slot", leaveAtEveryStage, nil},
		{"clients that leave an unread body", "an unread body hid that the client had left", leaveUnreadBody, nil},
	}
}

// The targets of the campaign.
const (
	plainServe = "serve"
	plainProxy = "proxy"
	tlsServe   = "serve over TLS"
)

// TestCampaign runs each attack once against each target.
func TestCampaign(t *testing.T) {
	system.Test(t)
	c := newCampaign(t, 3*time.Second)
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) { c.run(t, a) })
	}
}

// soakSwitch is the environment variable that says how long [TestSoak] runs, such as 1h.
const soakSwitch = "STATUSWAY_SOAK"

// TestSoak repeats the attacks in random order. Attackers hold on for longer than the
// server's own timeouts.
func TestSoak(t *testing.T) {
	system.Test(t)
	duration, err := time.ParseDuration(os.Getenv(soakSwitch))
	if err != nil {
		t.Skipf("set %s to a duration such as 1h, or run `make soak`", soakSwitch)
	}
	seed := uint64(time.Now().UnixNano())
	if _, err := fmt.Sscan(os.Getenv("STATUSWAY_SOAK_SEED"), &seed); err == nil {
		t.Log("the seed is given")
	}
	t.Logf("to repeat this order: STATUSWAY_SOAK_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	c := newCampaign(t, 45*time.Second)
	for round, end := 1, time.Now().Add(duration); time.Now().Before(end); round++ {
		all := attacks()
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, a := range all {
			if time.Now().Before(end) {
				t.Run(fmt.Sprintf("round %d, %s", round, a.name), func(t *testing.T) { c.run(t, a) })
			}
		}
	}
}

// campaign is the targets and what all attacks share.
type campaign struct {
	// owner is the test that the processes belong to.
	owner   *testing.T
	targets map[string]*target
	// hold is how long an attacker keeps what it has occupied.
	hold time.Duration

	mu      sync.Mutex
	battles int
}

func newCampaign(t *testing.T, hold time.Duration) *campaign {
	t.Helper()
	c := &campaign{owner: t, hold: hold, targets: map[string]*target{}}
	for _, name := range []string{plainServe, plainProxy, tlsServe} {
		c.targets[name] = startTarget(t, name)
	}
	return c
}

// startTarget starts the processes of a target.
func startTarget(t *testing.T, name string) *target {
	t.Helper()
	switch name {
	case plainProxy:
		backend := processtest.Start(t, processtest.Params{Arguments: serveArguments("--rate-limit=off")})
		return newTarget(t, name, attackable(t, "proxy", "--http-addr=127.0.0.1:0", "--backend="+backend.GRPC), backend)
	case tlsServe:
		certificate, key := certificateFiles(t)
		process := attackable(t, serveArguments("--tls-cert="+certificate, "--tls-key="+key)...)
		return newTarget(t, name, process, process)
	default:
		process := attackable(t, serveArguments()...)
		return newTarget(t, name, process, process)
	}
}

func serveArguments(more ...string) []string {
	return append([]string{"serve", "--demo", "--http-addr=127.0.0.1:0", "--grpc-addr=127.0.0.1:0"}, more...)
}

// attackable starts a process with default flags. It only trusts the addresses of the
// attack that plays a trusted proxy.
func attackable(t *testing.T, arguments ...string) *processtest.Process {
	t.Helper()
	return processtest.Start(t, processtest.Params{
		Arguments: append(arguments, "--trusted-proxies="+trustedNetwork),
		Env:       []string{fmt.Sprintf("GOMEMLIMIT=%d", goMemoryLimit)},
	})
}

// run fights all targets of the attack at the same time.
func (c *campaign) run(t *testing.T, a attack) {
	t.Helper()
	t.Log(a.why)
	var group sync.WaitGroup
	for name, target := range c.targets {
		if a.only == nil || slices.Contains(a.only, name) {
			b := c.newBattle(target)
			group.Go(func() { b.fight(t, a) })
		}
	}
	group.Wait()
	// A target that is still busy would fail the attacks that follow.
	for name, target := range c.targets {
		if target.broken {
			target.process.Kill()
			target.login.Kill()
			c.targets[name] = startTarget(c.owner, name)
		}
	}
}
