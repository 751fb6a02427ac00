// Package suite contains the cases of `statusway conformance`. They test a server that has
// ConformanceService (proto/statusway/conformance/v1) behind it, as a client sees it. The
// cases are files in the folder data; the code reads them, runs them and writes reports.
package suite

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/statusway/statusway/server/internal/conformance"
)

//go:embed data
var embedded embed.FS

const (
	// A suite is a folder with a manifest, the schema of a case, and the cases in a
	// folder of their own.
	manifestFile = "manifest.yaml"
	casesFolder  = "cases"
	// format is that of the files which this program reads.
	format = 1
)

// A Manifest describes the suite in a folder.
type Manifest struct {
	// Format is that of the files. A program refuses one that it does not know.
	Format int `yaml:"format"`
	// Version grows whenever a server that passed every case may fail now: a case was
	// added, or asks more. It stays where a case is worded better or asks less.
	Version int `yaml:"version"`
	// Service is the service that the server needs behind it.
	Service string `yaml:"service"`
}

// A Suite is the cases of one folder.
type Suite struct {
	Manifest

	// Cases are by name.
	Cases []conformance.Case
}

// Builtin is the suite of this program.
func Builtin() (*Suite, error) {
	files, err := fs.Sub(embedded, "data")
	if err != nil {
		return nil, fmt.Errorf("reading the suite: %w", err)
	}
	return Read(files)
}

// Read reads the suite of a folder. Its error joins all that is wrong with its files.
func Read(files fs.FS) (*Suite, error) {
	s := &Suite{}
	text, err := fs.ReadFile(files, manifestFile)
	if err != nil {
		return nil, fmt.Errorf("a suite has a manifest: %w", err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&s.Manifest); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	if s.Format != format {
		return nil, fmt.Errorf("%s: the format is %d, and this program reads %d", manifestFile, s.Format, format)
	}
	cases, err := fs.Sub(files, casesFolder)
	if err != nil {
		return nil, fmt.Errorf("reading the cases: %w", err)
	}
	if s.Cases, err = conformance.Load(cases); err != nil {
		return nil, err
	}
	var errs []error
	for _, c := range s.Cases {
		if err := check(c); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.Name, err))
		}
	}
	return s, errors.Join(errs...)
}

// Write writes the program's suite, with the schema of its files, into a folder that
// is not there yet.
func Write(folder string) error {
	files, err := fs.Sub(embedded, "data")
	if err != nil {
		return fmt.Errorf("reading the suite: %w", err)
	}
	if _, err := os.Stat(folder); err == nil {
		return fmt.Errorf("%s is there already", folder)
	}
	if err := os.CopyFS(folder, files); err != nil {
		return fmt.Errorf("writing the suite: %w", err)
	}
	return nil
}

// check refuses cases that need more than a remote server: users, variants of the server,
// or gRPC.
func check(c conformance.Case) error {
	var errs []error
	refuse := func(wrong bool, what string) {
		if wrong {
			errs = append(errs, errors.New(what))
		}
	}
	refuse(c.Server != "", "there is one server: it has no variants")
	refuse(c.GRPC != nil || c.Transports != nil && slices.Contains(c.Transports.Only, conformance.OverGRPC), "gRPC is not seen from outside")
	for _, one := range c.Exchanges() {
		refuse(one.As != "", "there are no users")
		refuse(one.Request.Target != "*" && len(one.Request.Raw) == 0 && !isOurs(one.Request.Target), "a target is one of /conformance/, or captured")
	}
	return errors.Join(errs...)
}

func isOurs(target string) bool {
	return strings.HasPrefix(target, "/conformance/") || strings.HasPrefix(target, "${")
}
