package dynamic

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
)

// ServiceConfig is the part of a google.api.Service that a gateway reads: the rules of http and the
// names of apis. Use it for protos that you cannot edit.
type ServiceConfig struct {
	file  string
	names []string
	rules map[string]*annotations.HttpRule
	order []string // the selectors, in the order of the file
}

// ParseServiceConfig reads a google.api.Service in YAML or JSON. file is the name that errors show;
// they are of type [*DescriptorError]. ParseServiceConfig ignores all sections except http and apis,
// and refuses unknown keys in http.
func ParseServiceConfig(file string, source []byte) (*ServiceConfig, error) {
	fail := func(format string, args ...any) error {
		return &DescriptorError{File: file, Reason: fmt.Sprintf(format, args...)}
	}
	var content struct {
		Type string `yaml:"type"`
		HTTP any    `yaml:"http"`
		APIs []struct {
			Name string `yaml:"name"`
		} `yaml:"apis"`
	}
	if err := yaml.Unmarshal(source, &content); err != nil {
		return nil, fail("it is no YAML of a google.api.Service: %v", err)
	}
	if content.Type != "" && content.Type != "google.api.Service" {
		return nil, fail("its type is %q and not google.api.Service", content.Type)
	}
	config := &ServiceConfig{file: file, rules: map[string]*annotations.HttpRule{}}
	for _, api := range content.APIs {
		config.names = append(config.names, api.Name)
	}
	rules := &annotations.Http{}
	if content.HTTP != nil {
		text, err := json.Marshal(content.HTTP)
		if err != nil {
			return nil, fail("http: %v", err)
		}
		var bad *jsoncodec.Error
		if err := jsoncodec.Unmarshal(text, rules); errors.As(err, &bad) {
			return nil, fail("http%s %s", bad.Pointer, bad.Detail)
		}
	}
	for _, rule := range rules.GetRules() {
		selector := rule.GetSelector()
		if _, twice := config.rules[selector]; twice || selector == "" {
			return nil, &DescriptorError{
				File: file, Name: selector,
				Reason: "a rule has a selector, and each selector one rule; further routes are its additional_bindings",
			}
		}
		config.rules[selector] = rule
		config.order = append(config.order, selector)
	}
	return config, nil
}

// apis returns the names of the services, or nil if the configuration names none.
func (c *ServiceConfig) apis() []string {
	if c == nil {
		return nil
	}
	return c.names
}

// apply returns a copy of the set in which the rules of c replace the rules of the files.
func (c *ServiceConfig) apply(set *descriptorpb.FileDescriptorSet) (*descriptorpb.FileDescriptorSet, error) {
	if c == nil || len(c.rules) == 0 {
		return set, nil
	}
	set = proto.CloneOf(set)
	for _, file := range set.GetFile() {
		for _, service := range file.GetService() {
			prefix := service.GetName() + "."
			if file.GetPackage() != "" {
				prefix = file.GetPackage() + "." + prefix
			}
			for _, method := range service.GetMethod() {
				name := prefix + method.GetName()
				rule, ok := c.rules[name]
				if !ok {
					continue
				}
				if err := setRule(method, rule); err != nil {
					return nil, &DescriptorError{File: file.GetName(), Name: name, Reason: err.Error()}
				}
			}
		}
	}
	return set, nil
}

// check returns an error for each method and each API that the configuration names and no server declares.
func (c *ServiceConfig) check(schemas ...*schema) []error {
	if c == nil {
		return nil
	}
	var errs []error
	for _, selector := range c.order {
		if !declares[protoreflect.MethodDescriptor](schemas, selector) {
			errs = append(errs, &DescriptorError{File: c.file, Name: selector, Reason: "there is no such method"})
		}
	}
	for _, name := range c.names {
		if !declares[protoreflect.ServiceDescriptor](schemas, name) {
			errs = append(errs, &DescriptorError{File: c.file, Name: name, Reason: "there is no such service"})
		}
	}
	return errs
}

// declares reports whether one of the schemas contains a descriptor of this kind and name.
func declares[D protoreflect.Descriptor](schemas []*schema, name string) bool {
	return slices.ContainsFunc(schemas, func(s *schema) bool {
		found, err := s.files.FindDescriptorByName(protoreflect.FullName(name))
		_, ok := found.(D)
		return err == nil && ok
	})
}
