package suite

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// Known are cases that are known to fail, and why.
type Known map[string]string

// ReadKnown reads a list of {name, reason}. Each names a case of the suite.
func (s *Suite) ReadKnown(source []byte) (Known, error) {
	var list []struct {
		Name   string `yaml:"name"`
		Reason string `yaml:"reason"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(source))
	decoder.KnownFields(true)
	if err := decoder.Decode(&list); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the known failures: %w", err)
	}
	known := Known{}
	for _, one := range list {
		switch {
		case !s.has(one.Name):
			return nil, fmt.Errorf("the known failures name %q, but there is no such case", one.Name)
		case one.Reason == "":
			return nil, fmt.Errorf("%s is known to fail for no reason", one.Name)
		case known[one.Name] != "":
			return nil, fmt.Errorf("%s is known to fail twice", one.Name)
		}
		known[one.Name] = one.Reason
	}
	return known, nil
}

func (s *Suite) has(name string) bool {
	for _, c := range s.Cases {
		if c.Name == name {
			return true
		}
	}
	return false
}
