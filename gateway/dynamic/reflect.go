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

// fetchDescriptors reads the descriptors of a server with grpc.reflection.v1 or, if the server
// lacks that, v1alpha. It returns the files with all imports, and the full names of the services
// except the infrastructure of gRPC that wanted does not name. An error is a gRPC status, or says that
// the descriptors are inconsistent.
func fetchDescriptors(ctx context.Context, conn grpc.ClientConnInterface, wanted []string) (*descriptorpb.FileDescriptorSet, []string, error) {
	client := grpcreflect.NewClientAuto(ctx, conn)
	defer client.Reset()
	names, err := client.ListServices()
	if err != nil {
		return nil, nil, fmt.Errorf("listing the services by server reflection: %w", err)
	}
	found := collector{set: &descriptorpb.FileDescriptorSet{}, seen: map[string]bool{}}
	services := []string{}
	for _, name := range names {
		if isInfrastructure(string(name)) && !slices.Contains(wanted, string(name)) {
			continue
		}
		file, err := client.FileContainingSymbol(name)
		if err != nil {
			return nil, nil, fmt.Errorf("asking for %s by server reflection: %w", name, err)
		}
		found.add(file)
		services = append(services, string(name))
	}
	return found.set, services, nil
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
