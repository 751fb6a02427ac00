package gateway

import (
	"time"

	"github.com/statusway/statusway/gateway/internal/backend"
	"github.com/statusway/statusway/gateway/internal/respond"
)

// SetStreamTimes replaces how soon a stream shows that it is open, and how often it sends a
// comment. A [Config] does not have these times, and tests cannot wait for the defaults.
func SetStreamTimes(g *Gateway, openDelay, commentInterval time.Duration) error {
	responder, err := respond.New(respond.Params{
		Table: g.config.Policy, PublicURL: g.config.PublicURL, OpenDelay: openDelay, CommentInterval: commentInterval,
	})
	if err != nil {
		return err
	}
	g.responder = responder
	return g.use(backend.Current(g.backend))
}
