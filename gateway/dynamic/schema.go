package dynamic

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway/internal/contract"
)

// schema is the services that one gRPC server declares, with the types of all their messages. It is
// immutable.
type schema struct {
	files       *protoregistry.Files
	services    []protoreflect.ServiceDescriptor
	faults      map[string]error // why services that should be served have no descriptors
	leftOut     []string         // the other services, with the reason
	fingerprint [sha256.Size]byte
	linked      bool
}

// DescriptorError is one problem of descriptors or of a service configuration file. Problems of
// annotations are other errors.
type DescriptorError struct {
	// File is the proto file, or the service configuration file.
	File string
	// Name is the full name of the declaration with the problem. It is empty if the problem is in
	// the file itself.
	Name string
	// Reason describes the problem.
	Reason string
}

func (e *DescriptorError) Error() string {
	if e.Name == "" {
		return e.File + ": " + e.Reason
	}
	return e.File + ": " + e.Name + ": " + e.Reason
}

// newSchema reads the descriptors of a target. An error is a [*DescriptorError]. newVersion checks
// the annotations, when all servers are known.
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
	if s.services, s.leftOut, err = loader.services(set, p); err != nil {
		return nil, err
	}
	s.fingerprint, err = fingerprint(set, s.services)
	return s, err
}

// linkedSchema returns the schema of services whose generated code is linked into this program. A
// server in the same process (gateway/inprocess) gets their messages without encoding.
func linkedSchema(services ...protoreflect.ServiceDescriptor) *schema {
	s := &schema{files: protoregistry.GlobalFiles, services: services, linked: true}
	s.fingerprint, _ = fingerprint(&descriptorpb.FileDescriptorSet{}, services) // an empty set always encodes
	return s
}

// equal reports whether two schemas have the same descriptors. A nil schema equals no other.
func (s *schema) equal(other *schema) bool {
	return s != nil && other != nil && s.fingerprint == other.fingerprint
}

// serves reports whether the schema contains a service. A nil schema contains none.
func (s *schema) serves(name string) bool {
	return s != nil && slices.ContainsFunc(s.services, func(service protoreflect.ServiceDescriptor) bool { return string(service.FullName()) == name })
}

// without returns the schema without some services.
func (s *schema) without(names []string) *schema {
	other := *s
	other.services = slices.DeleteFunc(slices.Clone(s.services), func(service protoreflect.ServiceDescriptor) bool {
		return slices.Contains(names, string(service.FullName()))
	})
	return &other
}

// faultList returns the faults in the order of their services.
func (s *schema) faultList() []error {
	var all []error
	for _, name := range slices.Sorted(maps.Keys(s.faults)) {
		all = append(all, s.faults[name])
	}
	return all
}

// culprits returns the services of s that cause an error of a version, with the reasons. If two services
// clash, the culprit is the one that before does not serve, or the second one.
func (s *schema) culprits(before *schema, err error) (culprits []string, reasons []error) {
	problems, ok := errors.AsType[contract.Errors](err)
	if !ok {
		problems = contract.Errors{err}
	}
	for _, problem := range problems {
		names := slices.DeleteFunc(servicesOf(problem), func(name string) bool { return !s.serves(name) })
		if len(names) == 0 {
			continue // Another server causes it.
		}
		if len(names) > 1 && slices.ContainsFunc(names, func(name string) bool { return slices.Contains(culprits, name) }) {
			continue // Without the other problem, they do not clash.
		}
		culprit := names[0]
		if before.serves(culprit) && !before.serves(names[len(names)-1]) {
			culprit = names[len(names)-1]
		}
		culprits = append(culprits, culprit)
		reasons = append(reasons, fmt.Errorf("%s is not served: %w", culprit, problem))
	}
	return culprits, reasons
}

// servicesOf returns the services that cause a problem of a contract.
func servicesOf(problem error) []string {
	if wrong, ok := errors.AsType[*contract.AnnotationError](problem); ok {
		names := make([]string, len(wrong.Services()))
		for i, name := range wrong.Services() {
			names[i] = string(name)
		}
		return names
	}
	if wrong, ok := errors.AsType[*DescriptorError](problem); ok {
		return []string{wrong.Name}
	}
	return nil
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

// loader builds files in the order of their imports. protodesc.NewFiles does the same, but its
// error does not name the file.
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
		return &DescriptorError{File: path, Reason: "it imports itself through " + strings.Join(l.loading, ", ")}
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

// services returns the services to serve, and the others with the reason.
func (l *loader) services(set *descriptorpb.FileDescriptorSet, p Target) (services []protoreflect.ServiceDescriptor, leftOut []string, err error) {
	if p.Services != nil {
		services, err = l.named(p.Services)
		return services, nil, err
	}
	borrowed := l.borrowed(set)
	for _, file := range set.GetFile() {
		for _, service := range file.GetService() {
			name := string(protoreflect.FullName(file.GetPackage()).Append(protoreflect.Name(service.GetName())))
			if reason := p.omits(name, isImport(file) || borrowed[file.GetName()]); reason != "" {
				leftOut = append(leftOut, name+" ("+reason+")")
				continue
			}
			services = append(services, l.find([]string{name})...)
		}
	}
	if apis := p.ServiceConfig.apis(); apis != nil {
		slices.SortFunc(services, func(a, b protoreflect.ServiceDescriptor) int {
			return slices.Index(apis, string(a.FullName())) - slices.Index(apis, string(b.FullName()))
		})
	}
	return services, leftOut, nil
}

// omits returns why a service is not served, or "" if it is. isImport means that its file is only an
// import.
func (t *Target) omits(name string, isImport bool) string {
	apis := t.ServiceConfig.apis()
	if t.reflects() {
		apis = nil
	}
	switch {
	case t.Services != nil && slices.Contains(t.Services, name):
		return ""
	case t.Services != nil:
		return "not among the named services"
	case slices.Contains(t.Except, name):
		return "excluded or served by another backend"
	case apis != nil && !slices.Contains(apis, name):
		return "not in the apis of the service configuration"
	case apis != nil:
		return ""
	case isInfrastructure(name):
		return "infrastructure of gRPC"
	case isImport:
		return "only an import"
	default:
		return ""
	}
}

func (l *loader) named(names []string) ([]protoreflect.ServiceDescriptor, error) {
	services := make([]protoreflect.ServiceDescriptor, 0, len(names))
	for _, name := range names {
		found := l.find([]string{name})
		if len(found) == 0 {
			return nil, &DescriptorError{File: "the descriptors", Name: name, Reason: "there is no such service"}
		}
		services = append(services, found...)
	}
	return services, nil
}

// find returns the services with these names, and skips names that do not exist.
func (l *loader) find(names []string) []protoreflect.ServiceDescriptor {
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

// borrowed returns the files in the packages google and grpc that files of other packages import. Such a
// file is there for its messages: most APIs with a google.longrunning.Operation do not serve
// google.longrunning.Operations. protoc does not mark imports.
func (l *loader) borrowed(set *descriptorpb.FileDescriptorSet) map[string]bool {
	isCommon := func(file *descriptorpb.FileDescriptorProto) bool {
		top, _, _ := strings.Cut(file.GetPackage(), ".")
		return top == "google" || top == "grpc"
	}
	found := map[string]bool{}
	var borrow func(file *descriptorpb.FileDescriptorProto)
	borrow = func(file *descriptorpb.FileDescriptorProto) {
		for _, path := range file.GetDependency() {
			if imported := l.byPath[path]; isCommon(imported) && !found[path] {
				found[path] = true
				borrow(imported)
			}
		}
	}
	for _, file := range set.GetFile() {
		if !isCommon(file) {
			borrow(file)
		}
	}
	return found
}

// isInfrastructure reports whether gRPC itself defines a service. Such services are no part of an API.
func isInfrastructure(name string) bool {
	return slices.ContainsFunc([]string{"grpc.reflection.", "grpc.health.", "grpc.channelz."}, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}

// isImport reports whether buf marks a file as an import. In buf.alpha.image.v1.ImageFile, field 1
// of the message in field 8042 is true for a file that the set contains only as an import.
func isImport(file *descriptorpb.FileDescriptorProto) bool {
	const bufExtension, isImport = 8042, 1
	extension := unknownField(file.ProtoReflect().GetUnknown(), bufExtension)
	flag, _ := protowire.ConsumeVarint(unknownField(extension, isImport))
	return flag == 1
}

// unknownField returns the value of a field: the bytes of a message, or the wire form of a number.
// It returns nil if the field is missing.
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

// setRule replaces the HTTP rule in a method's options.
func setRule(method *descriptorpb.MethodDescriptorProto, rule *annotations.HttpRule) error {
	options := &descriptorpb.MethodOptions{}
	// Decode the options again, because a rule may be there as unknown bytes, which SetExtension
	// does not replace.
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
