// Package descriptors has the descriptors of this module's own protos with their
// comments, which generated Go code leaves out. reference.binpb is written by
// `make generate`.
package descriptors

import (
	_ "embed"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	_ "github.com/statusway/statusway/gen/go/entity/v1"            // links what the files import
	_ "github.com/statusway/statusway/gen/go/statusway/mapping/v1" // as above
)

//go:embed reference.binpb
var reference []byte

// Reference returns the files of the reference services with all that they import, in
// a set of the caller's own.
func Reference() (*descriptorpb.FileDescriptorSet, error) {
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(reference, set); err != nil {
		return nil, fmt.Errorf("reference.binpb: %w", err)
	}
	have := map[string]bool{}
	for _, file := range set.GetFile() {
		have[file.GetName()] = true
	}
	// What is imported may import more.
	for pending := set.GetFile(); len(pending) > 0; pending = pending[1:] {
		for _, name := range pending[0].GetDependency() {
			if have[name] {
				continue
			}
			have[name] = true
			imported, err := protoregistry.GlobalFiles.FindFileByPath(name)
			if err != nil {
				return nil, fmt.Errorf("%s imports %s: %w", pending[0].GetName(), name, err)
			}
			file := protodesc.ToFileDescriptorProto(imported)
			set.File, pending = append(set.File, file), append(pending, file)
		}
	}
	return set, nil
}
