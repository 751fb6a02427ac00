package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/ratelimit/memory"
	"github.com/statusway/statusway/server/internal/config"
)

// checkLimits returns an error for every limit of a method that no route calls: it would limit nothing.
func checkLimits(limits []memory.Policy, routes []gateway.Route) error {
	known := make([]string, 0, len(routes))
	for _, route := range routes {
		known = append(known, strings.TrimPrefix(route.RPC, "/"))
	}
	var errs []error
	for _, limit := range limits {
		method := strings.TrimPrefix(limit.Method, "/")
		if method == "" || slices.Contains(known, method) {
			continue
		}
		err := fmt.Errorf("the limit %q is for %s, which no route calls", limit.Name, method) //nolint:err113 // it is for people.
		if meant := config.Nearest(method, known); meant != "" {
			err = fmt.Errorf("%w; did you mean %s?", err, meant)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// watchLimits logs the result of checkLimits whenever the routes of the backends have changed, once all
// of them are known.
func (p *Proxy) watchLimits(ctx context.Context, limits []memory.Policy) {
	tick := time.NewTicker(p.params.Config.ReflectionInterval)
	defer tick.Stop()
	for checked := uint64(0); ; {
		revision := p.backend.Revision() + 1 // 0 is none.
		if revision != checked && !p.isPending() {
			checked = revision
			if err := checkLimits(limits, p.backend.Routes()); err != nil {
				p.params.Logger.WarnContext(ctx, "--rate-limit has limits that limit nothing", slog.Any("error", err))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// isPending reports whether a backend has not been reached yet, so that its routes are not known.
func (p *Proxy) isPending() bool {
	for _, target := range p.backend.Targets() {
		if target.Pending {
			return true
		}
	}
	return false
}
