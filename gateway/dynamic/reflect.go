package dynamic

import (
	"context"
	"fmt"
	"slices"

	"github.com/jhump/protoreflect/v2/grpcreflect"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// reflected is what a server says with server reflection.
type reflected struct {
	set      *descriptorpb.FileDescriptorSet // the files with all imports
	services []string                        // the services to serve
	faults   map[string]error                // the services that should be served, but have no descriptors
	leftOut  []string                        // the other services, with the reason
}

// fetchDescriptors reads the descriptors of a target with grpc.reflection.v1 or, if the server lacks
// that, v1alpha. An error is a gRPC status, or says that the descriptors are inconsistent.
func fetchDescriptors(ctx context.Context, conn grpc.ClientConnInterface, target Target) (*reflected, error) {
	client := grpcreflect.NewClientAuto(ctx, conn)
	defer client.Reset()
	listed, err := client.ListServices()
	if err != nil {
		return nil, fmt.Errorf("listing the services by server reflection: %w", err)
	}
	names := slices.Clone(target.Services)
	for _, name := range listed {
		if !slices.Contains(names, string(name)) {
			names = append(names, string(name))
		}
	}
	found := &reflected{set: &descriptorpb.FileDescriptorSet{}, services: []string{}, faults: map[string]error{}}
	files := collector{set: found.set, seen: map[string]bool{}}
	for _, name := range names {
		reason := target.omits(name, false)
		if reason != "" {
			found.leftOut = append(found.leftOut, name+" ("+reason+")")
			if isInfrastructure(name) {
				continue
			}
		}
		file, err := client.FileContainingSymbol(protoreflect.FullName(name))
		switch {
		case err == nil:
			files.add(file) // An Any may contain a message of a service that is not served.
			if reason == "" {
				found.services = append(found.services, name)
			}
		case ctx.Err() != nil || isUnreachable(err):
			return nil, fmt.Errorf("asking for %s by server reflection: %w", name, err)
		case reason == "":
			found.faults[name] = missing(name, slices.Contains(listed, protoreflect.FullName(name)), err)
		}
	}
	return found, nil
}

// missing returns the error for a service whose descriptors the server does not have.
func missing(name string, isListed bool, err error) error {
	if !isListed {
		return fmt.Errorf("%s: there is no such service at the server: %w", name, err)
	}
	return fmt.Errorf("%s is not served: the server lists it, but has no descriptors of it: register its files with server reflection, "+
		"or name only the services to serve: %w", name, err)
}

// collector collects files, each after its imports.
type collector struct {
	set  *descriptorpb.FileDescriptorSet
	seen map[string]bool
}

func (c *collector) add(file protoreflect.FileDescriptor) {
	if c.seen[file.Path()] {
		return
	}
	c.seen[file.Path()] = true
	imports := file.Imports()
	for i := range imports.Len() {
		c.add(imports.Get(i).FileDescriptor)
	}
	c.set.File = append(c.set.File, protodesc.ToFileDescriptorProto(file))
}
