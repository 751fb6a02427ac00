package app

import (
	"errors"
	"fmt"
	"os"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gen/descriptors"
	"github.com/statusway/statusway/server/internal/conformancesvc"
)

// ErrDescriptors marks a file of descriptors that cannot be read.
var ErrDescriptors = errors.New("--descriptors")

// readDescriptors reads the file of --descriptors.
func readDescriptors(name string) (*descriptorpb.FileDescriptorSet, error) {
	wire, err := os.ReadFile(name) //nolint:gosec // the file that the caller named.
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDescriptors, err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(wire, set); err != nil {
		return nil, fmt.Errorf("%w: %s is no FileDescriptorSet: %w", ErrDescriptors, name, err)
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

// readContract reads what the services of a descriptor set declare.
func readContract(p dynamic.SchemaParams) (*contract.Contract, error) {
	schema, err := dynamic.NewSchema(p)
	if err != nil {
		return nil, err
	}
	if err := p.Config.Check(schema); err != nil {
		return nil, err
	}
	declared, err := schema.Contract()
	if err != nil {
		return nil, err
	}
	if len(declared.Methods) == 0 {
		return nil, errNoRoutes
	}
	return declared, nil
}

// referenceContract is the contract of the reference services, with their comments. A
// demo has the conformance services too.
func referenceContract(demo bool) (*contract.Contract, error) {
	set, err := descriptors.Reference()
	if err != nil {
		return nil, fmt.Errorf("reading the descriptors: %w", err)
	}
	p := dynamic.SchemaParams{Set: set, Services: nil, Except: nil, Config: nil}
	if !demo {
		p.Except = conformancesvc.Names()
	}
	return readContract(p)
}
