package hostile_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// trustedNetwork has the addresses of the trusted proxy. No other attack uses them.
const trustedNetwork = "127.240.0.0/16"

// defaultLimit is the default of --rate-limit, in requests a minute.
const defaultLimit = 600

// comeFromManyAddresses sends 100,000 requests through a trusted proxy, each from another
// address of one IPv6 network, which has one allowance. Then it sends requests from
// IPv4 addresses, of which each has its own.
func comeFromManyAddresses(ctx context.Context, b *battle) error {
	network := netip.MustParseAddr("2001:db8:1:2::").As16()
	const ofNetwork = 100_000
	limited, err := b.sendFrom(ctx, ofNetwork, func(i int) string {
		address := network
		address[8], address[13], address[14], address[15] = byte(i>>3), byte(i>>16), byte(i>>8), byte(i)
		return netip.AddrFrom16(address).String()
	})
	if err != nil {
		return err
	}
	// The allowance may be filled again once or twice while the requests arrive.
	if limited < ofNetwork-3*defaultLimit {
		b.faultf("%d requests came from one IPv6 /64, and only %d got 429", ofNetwork, limited)
	}
	others := 20_000
	if b.hold > 10*time.Second {
		others = 100_000
	}
	limited, err = b.sendFrom(ctx, others, func(i int) string {
		return netip.AddrFrom4([4]byte{198, 18 + byte(i>>16), byte(i >> 8), byte(i)}).String()
	})
	if err == nil && limited > 0 {
		b.faultf("%d of %d IPv4 addresses got 429 for their first request", limited, others)
	}
	return err
}

// sendFrom sends one request from each of count addresses, and returns how many got 429.
func (b *battle) sendFrom(ctx context.Context, count int, address func(int) string) (int, error) {
	const connections, batch = 4, 100
	limited := make([]int, connections)
	group, ctx := errgroup.WithContext(ctx)
	for c := range connections {
		group.Go(func() error {
			conn, err := b.dialWith(ctx, net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 240, 0, byte(1+c))}})
			if err != nil {
				return err
			}
			reader := bufio.NewReader(conn)
			for first := c * batch; first < count; first += connections * batch {
				var requests strings.Builder
				for i := first; i < first+batch; i++ {
					requests.WriteString(message("HEAD", "/nothing", "X-Forwarded-For: "+address(i)))
				}
				if _, err := io.WriteString(conn, requests.String()); err != nil {
					return err
				}
				for range batch {
					response, err := http.ReadResponse(reader, &http.Request{Method: http.MethodHead})
					if err != nil {
						return fmt.Errorf("reading a response: %w", err)
					}
					_ = response.Body.Close() // The response to HEAD has none.
					switch response.StatusCode {
					case http.StatusTooManyRequests:
						limited[c]++
					case http.StatusNotFound:
					default:
						b.faultf("HEAD /nothing through a trusted proxy: %s", response.Status)
					}
				}
			}
			return nil
		})
	}
	err := group.Wait()
	total := 0
	for _, responses := range limited {
		total += responses
	}
	return total, err
}
