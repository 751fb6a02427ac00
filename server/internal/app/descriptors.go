package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gen/descriptors"
	"github.com/statusway/statusway/server/internal/conformancesvc"
)

// ErrDescriptors marks a file of descriptors that cannot be read.
var ErrDescriptors = errors.New("--descriptors")

// readDescriptors reads the file of --descriptors; nil if there is none.
func readDescriptors(name string) (*descriptorpb.FileDescriptorSet, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // server reflection is in place of them.
	}
	wire, err := os.ReadFile(name) //nolint:gosec // the file that the caller named.
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDescriptors, err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(wire, set); err != nil {
		return nil, fmt.Errorf("%w: %s is not a FileDescriptorSet: %w", ErrDescriptors, name, err)
	}
	return set, nil
}

// readServiceConfig reads the file of --service-config; nil if there is none.
func readServiceConfig(name string) (*dynamic.ServiceConfig, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // no configuration is one that changes nothing.
	}
	source, err := os.ReadFile(name) //nolint:gosec // the file that the caller named.
	if err != nil {
		return nil, fmt.Errorf("--service-config: %w", err)
	}
	rules, err := dynamic.ParseServiceConfig(name, source)
	if err != nil {
		return nil, fmt.Errorf("--service-config: %w", err)
	}
	return rules, nil
}

// describeReference describes the reference services, with their comments. A demo has the
// conformance services too.
func describeReference(demo bool) (*gateway.Backend, error) {
	set, err := descriptors.Reference()
	if err != nil {
		return nil, fmt.Errorf("reading the descriptors: %w", err)
	}
	target := dynamic.Target{Descriptors: set}
	if !demo {
		target.Except = conformancesvc.Names()
	}
	return dynamic.Connect(context.Background(), target)
}
