package dynamic

import (
	"fmt"
	"sync"

	"google.golang.org/grpc/resolver"
)

// configurator resolves a name as grpc-go's resolver for dns does, and gives the
// client a configuration that can change while it runs. grpc-go takes one only from a
// resolver; the dns resolver's own, from TXT records, is not asked for.
type configurator struct {
	mu     sync.Mutex
	config string
	client *configured // of the resolver that runs; grpc-go has one at a time
}

var _ resolver.Builder = (*configurator)(nil)

const dnsScheme = "dns"

func (*configurator) Scheme() string { return dnsScheme }

func (c *configurator) Build(target resolver.Target, client resolver.ClientConn, options resolver.BuildOptions) (resolver.Resolver, error) {
	options.DisableServiceConfig = true
	one := &configured{ClientConn: client, owner: c}
	c.mu.Lock()
	c.client = one
	c.mu.Unlock()
	inner, err := resolver.Get(dnsScheme).Build(target, one, options)
	if err != nil {
		return nil, fmt.Errorf("resolving the backend's name: %w", err)
	}
	return inner, nil
}

// update gives a new configuration to the client.
func (c *configurator) update(config string) {
	c.mu.Lock()
	c.config = config
	client := c.client
	c.mu.Unlock()
	if client != nil {
		client.repeat()
	}
}

func (c *configurator) current() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config
}

// configured is the client as the dns resolver sees it.
type configured struct {
	resolver.ClientConn

	owner *configurator
	mu    sync.Mutex
	last  *resolver.State
}

func (c *configured) UpdateState(state resolver.State) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = &state
	state.ServiceConfig = c.ParseServiceConfig(c.owner.current())
	return c.ClientConn.UpdateState(state)
}

// repeat sends the last addresses again, with the configuration as it now is.
func (c *configured) repeat() {
	c.mu.Lock()
	last := c.last
	c.mu.Unlock()
	if last != nil {
		_ = c.UpdateState(*last) // grpc-go asks the resolver again if it does not like it.
	}
}
