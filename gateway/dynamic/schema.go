package dynamic

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// schema is what one gRPC server declares: its services, and the types of all their
// messages. It does not change.
type schema struct {
	files       *protoregistry.Files
	services    []protoreflect.ServiceDescriptor
	fingerprint [sha256.Size]byte
	linked      bool
}

// DescriptorError is one thing that is wrong with descriptors, beyond what package
// contract finds.
type DescriptorError struct {
	// File is the proto file, or the service configuration file.
	File string
	// Name is the full name of what is at fault; empty if it is the file.
	Name string
	// Reason says what is wrong.
	Reason string
}

func (e *DescriptorError) Error() string {
	if e.Name == "" {
		return e.File + ": " + e.Reason
	}
	return e.File + ": " + e.Name + ": " + e.Reason
}

// newSchema reads the descriptors of a target. An error is a [*DescriptorError]. Annotations are
// checked by newVersion, when all servers are known.
func newSchema(p Target) (*schema, error) {
	set, err := p.ServiceConfig.apply(p.Descriptors)
	if err != nil {
		return nil, err
	}
	loader := loader{byPath: map[string]*descriptorpb.FileDescriptorProto{}, files: &protoregistry.Files{}}
	for _, file := range set.GetFile() {
		loader.byPath[file.GetName()] = file
	}
	for _, file := range set.GetFile() {
		if err := loader.load(file); err != nil {
			return nil, err
		}
	}
	s := &schema{files: loader.files}
	if s.services, err = loader.services(set, p); err != nil {
		return nil, err
	}
	s.fingerprint, err = fingerprint(set, s.services)
	return s, err
}

// linkedSchema is the schema of services whose generated code is linked into this program. A
// server in the same process (gateway/inprocess) gets their messages without encoding.
func linkedSchema(services ...protoreflect.ServiceDescriptor) *schema {
	s := &schema{files: protoregistry.GlobalFiles, services: services, linked: true}
	s.fingerprint, _ = fingerprint(&descriptorpb.FileDescriptorSet{}, services) // nothing of it can fail to encode
	return s
}

// equal reports whether two schemas are made of the same descriptors. A nil schema equals none.
func (s *schema) equal(other *schema) bool {
	return s != nil && other != nil && s.fingerprint == other.fingerprint
}

func fingerprint(set *descriptorpb.FileDescriptorSet, services []protoreflect.ServiceDescriptor) ([sha256.Size]byte, error) {
	hash := sha256.New()
	files := slices.SortedFunc(slices.Values(set.GetFile()), func(a, b *descriptorpb.FileDescriptorProto) int {
		return strings.Compare(a.GetName(), b.GetName())
	})
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(&descriptorpb.FileDescriptorSet{File: files})
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("encoding the descriptors: %w", err)
	}
	hash.Write(wire)
	for _, service := range services {
		hash.Write([]byte(service.FullName()))
		hash.Write([]byte{0})
	}
	return [sha256.Size]byte(hash.Sum(nil)), nil
}

// loader builds files in the order of their imports. protodesc.NewFiles would too, but
// would not say which file is at fault.
type loader struct {
	byPath  map[string]*descriptorpb.FileDescriptorProto
	files   *protoregistry.Files
	loading []string
}

func (l *loader) load(file *descriptorpb.FileDescriptorProto) error {
	path := file.GetName()
	if _, err := l.files.FindFileByPath(path); err == nil {
		return nil
	}
	if slices.Contains(l.loading, path) {
		return &DescriptorError{File: path, Reason: "it imports itself, by way of " + strings.Join(l.loading, ", ")}
	}
	l.loading = append(l.loading, path)
	for _, imported := range file.GetDependency() {
		next, ok := l.byPath[imported]
		if !ok {
			return &DescriptorError{
				File:   path,
				Reason: fmt.Sprintf("it imports %q, which is missing: a descriptor set needs all imports (protoc --include_imports, or buf build)", imported),
			}
		}
		if err := l.load(next); err != nil {
			return err
		}
	}
	l.loading = l.loading[:len(l.loading)-1]
	built, err := protodesc.NewFile(file, l.files)
	if err != nil {
		return &DescriptorError{File: path, Reason: err.Error()}
	}
	if err := l.files.RegisterFile(built); err != nil {
		return &DescriptorError{File: path, Reason: err.Error()}
	}
	return nil
}

// services finds what is served.
func (l *loader) services(set *descriptorpb.FileDescriptorSet, p Target) ([]protoreflect.ServiceDescriptor, error) {
	if p.Services != nil {
		return l.named(p.Services)
	}
	services := l.own(set)
	if names := p.ServiceConfig.apis(); names != nil {
		services = l.found(names)
	}
	return slices.DeleteFunc(services, func(service protoreflect.ServiceDescriptor) bool {
		return slices.Contains(p.Except, string(service.FullName()))
	}), nil
}

func (l *loader) named(names []string) ([]protoreflect.ServiceDescriptor, error) {
	services := make([]protoreflect.ServiceDescriptor, 0, len(names))
	for _, name := range names {
		found := l.found([]string{name})
		if len(found) == 0 {
			return nil, &DescriptorError{File: "the descriptors", Name: name, Reason: "there is no such service"}
		}
		services = append(services, found...)
	}
	return services, nil
}

// found are the services of these names that are there.
func (l *loader) found(names []string) []protoreflect.ServiceDescriptor {
	var services []protoreflect.ServiceDescriptor
	for _, name := range names {
		if found, err := l.files.FindDescriptorByName(protoreflect.FullName(name)); err == nil {
			if service, ok := found.(protoreflect.ServiceDescriptor); ok {
				services = append(services, service)
			}
		}
	}
	return services
}

// own are the services that a set is about.
func (l *loader) own(set *descriptorpb.FileDescriptorSet) []protoreflect.ServiceDescriptor {
	var services []protoreflect.ServiceDescriptor
	for _, file := range set.GetFile() {
		if isImport(file) || isBelow(file.GetPackage(), "google") || isBelow(file.GetPackage(), "grpc") {
			continue
		}
		for _, service := range file.GetService() {
			name := protoreflect.FullName(file.GetPackage()).Append(protoreflect.Name(service.GetName()))
			services = append(services, l.found([]string{string(name)})...)
		}
	}
	return services
}

func isBelow(pkg, top string) bool { return pkg == top || strings.HasPrefix(pkg, top+".") }

// isImport reads buf's mark: buf.alpha.image.v1.ImageFile has in its field 8042 a
// message whose field 1 says that the file is there only because others import it.
func isImport(file *descriptorpb.FileDescriptorProto) bool {
	const bufExtension, isImport = 8042, 1
	extension := unknownField(file.ProtoReflect().GetUnknown(), bufExtension)
	flag, _ := protowire.ConsumeVarint(unknownField(extension, isImport))
	return flag == 1
}

// unknownField returns what a field holds: a message's bytes, or a number as it is on
// the wire; nil if it is not there.
func unknownField(wire []byte, wanted protowire.Number) []byte {
	for len(wire) > 0 {
		number, kind, length := protowire.ConsumeTag(wire)
		if length < 0 {
			return nil
		}
		wire = wire[length:]
		size := protowire.ConsumeFieldValue(number, kind, wire)
		if size < 0 {
			return nil
		}
		if number != wanted {
			wire = wire[size:]
			continue
		}
		if kind == protowire.BytesType {
			content, _ := protowire.ConsumeBytes(wire)
			return content
		}
		return wire[:size]
	}
	return nil
}

// setRule puts a rule in a method's options, whatever they held.
func setRule(method *descriptorpb.MethodDescriptorProto, rule *annotations.HttpRule) error {
	options := &descriptorpb.MethodOptions{}
	// Read anew, so that a rule which came as unknown bytes is replaced and not joined.
	wire, err := proto.Marshal(method.GetOptions())
	if err != nil {
		return fmt.Errorf("encoding options: %w", err)
	}
	if err := proto.Unmarshal(wire, options); err != nil {
		return fmt.Errorf("reading options: %w", err)
	}
	proto.SetExtension(options, annotations.E_Http, rule)
	method.Options = options
	return nil
}
