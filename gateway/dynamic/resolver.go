package dynamic

import (
	"fmt"
	"sync"

	"google.golang.org/grpc/resolver"
)

// configurator resolves names with grpc-go's dns resolver, and gives the client a service
// configuration that can change at run time. grpc-go accepts such changes only from a resolver.
// The configuration that the dns resolver would read from TXT records is disabled.
type configurator struct {
	mu     sync.Mutex
	config string
	client *configured // of the current resolver; grpc-go uses one at a time
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

// configured is the client that the dns resolver gets. It adds the configuration.
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

// repeat sends the last addresses again, with the current configuration.
func (c *configured) repeat() {
	c.mu.Lock()
	last := c.last
	c.mu.Unlock()
	if last != nil {
		_ = c.UpdateState(*last) // On an error, grpc-go asks the resolver again.
	}
}
