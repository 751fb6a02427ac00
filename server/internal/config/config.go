// Package config reads the program's flags and environment variables into one struct,
// and checks it before the program opens anything.
package config

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// EnvPrefix begins the environment variable of every flag: --http-addr is also
// STATUSWAY_HTTP_ADDR. A flag overrides its variable.
const EnvPrefix = "STATUSWAY_"

// Serve is the configuration of the command serve. Each field has the text form of its
// flag.
type Serve struct {
	Front

	GRPCAddr    string
	DataDir     string
	Demo        bool
	Maintenance bool
	SessionTTL  time.Duration
}

// Defaults returns the configuration without any flag or variable.
func Defaults() Serve {
	return Serve{Front: frontDefaults(), GRPCAddr: "127.0.0.1:9090", SessionTTL: 12 * time.Hour}
}

// Flags declares the flags of serve on set, with the values of c as defaults.
func (c *Serve) Flags(set *pflag.FlagSet) {
	c.Front.Flags(set)
	set.StringVar(&c.GRPCAddr, "grpc-addr", c.GRPCAddr, "`address` of the gRPC server")
	set.StringVar(&c.DataDir, "data-dir", c.DataDir, "`folder` of the database (default statusway in the user's configuration folder)")
	set.BoolVar(&c.Demo, "demo", c.Demo,
		"sample entities, the users viewer, editor and admin with the password demo, in a temporary folder, and the services of conformance; loopback only")
	set.BoolVar(&c.Maintenance, "maintenance", c.Maintenance, "close the API for maintenance at the start")
	set.DurationVar(&c.SessionTTL, "session-ttl", c.SessionTTL, "lifetime of an access token")
}

// FromEnvironment sets the flags that the command line does not set from their variables.
// help and version are not settings: a container may have a STATUSWAY_VERSION with another
// meaning.
func FromEnvironment(set *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var errs []error
	set.VisitAll(func(flag *pflag.Flag) {
		name := EnvName(flag.Name)
		value, ok := lookup(name)
		if !ok || flag.Changed || flag.Name == "help" || flag.Name == "version" {
			return
		}
		if err := set.Set(flag.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, valueError(err)))
		}
	})
	return errors.Join(errs...)
}

// FlagError explains a value that does not have the type of its flag, without the words of package strconv.
func FlagError(err error) error {
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return fmt.Errorf("--%s: %w", invalid.GetFlag().Name, valueError(err))
	}
	return err
}

func valueError(err error) error {
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	switch invalid.GetFlag().Value.Type() {
	case "duration":
		return fmt.Errorf("%q is not a duration, such as 500ms, 30s or 1h30m", invalid.GetValue())
	case "int", "intSlice":
		return fmt.Errorf("%q is not a whole number", invalid.GetValue())
	case "bool":
		return fmt.Errorf("%q is neither true nor false", invalid.GetValue())
	default:
		return err
	}
}

// foreignPattern matches variables with our prefix that are not settings: those of the flags version and
// help, and those that Kubernetes sets for a service with the name statusway.
var foreignPattern = regexp.MustCompile(`^STATUSWAY_(VERSION|HELP|([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_[A-Z_]+)?))$`)

// UnknownVariables returns the names of the variables in an environment that begin with [EnvPrefix] and
// are not known.
func UnknownVariables(environment, known []string) []string {
	var unknown []string
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, EnvPrefix) && !slices.Contains(known, name) && !foreignPattern.MatchString(name) {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// EnvName is the environment variable of a flag.
func EnvName(flag string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Complete checks c and fills in what depends on the machine. The error names every
// flag that is wrong.
func (c *Serve) Complete() error {
	return errors.Join(c.check(), atLeast(duration{"--session-ttl", c.SessionTTL}), c.checkAddresses(), c.completeDataDir())
}

func (c *Serve) checkAddresses() error {
	var errs []error
	for _, one := range append(c.addresses(), address{"--grpc-addr", c.GRPCAddr}) {
		host, _, err := splitAddress(one.value)
		switch {
		case err != nil:
			errs = append(errs, wrap(one.flag, err))
		case c.Demo && !isLoopback(host):
			errs = append(errs, fmt.Errorf("%s %s: the demo has known passwords, so it is served on a loopback address only", one.flag, one.value))
		}
	}
	return errors.Join(errs...)
}

// completeDataDir puts the database of all but a demo into the user's own folder.
func (c *Serve) completeDataDir() error {
	switch {
	case c.Demo && c.DataDir != "":
		return errors.New("--demo keeps its data in a temporary folder, so it goes without --data-dir")
	case c.Demo || c.DataDir != "":
		return nil
	}
	base, err := os.UserConfigDir()
	if err != nil {
		return fmt.Errorf("--data-dir is needed: %w", err)
	}
	c.DataDir = filepath.Join(base, "statusway")
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
