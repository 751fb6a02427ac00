package config_test

import (
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/statusway/statusway/server/internal/config"
)

// flagsOf returns the flags of serve over settings.
func flagsOf(settings *config.Serve) *pflag.FlagSet {
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	settings.Flags(set)
	return set
}

// flagOf is the flag that a field of config.Serve has by the one rule for names:
// words are divided by "-", and what is all capitals is one word. IPv6 is one word too.
func flagOf(field string) string {
	field = strings.ReplaceAll(field, "IPv6", "Ipv6")
	var words []string
	for len(field) > 0 {
		end := 1
		for end < len(field) && !startsWord(field, end) {
			end++
		}
		words = append(words, strings.ToLower(field[:end]))
		field = field[end:]
	}
	return strings.Join(words, "-")
}

func startsWord(name string, at int) bool {
	upper := func(i int) bool { return i < len(name) && name[i] >= 'A' && name[i] <= 'Z' }
	return upper(at) && (!upper(at-1) || (at+1 < len(name) && !upper(at+1)))
}

// fields are the names of config.Serve's fields, all of which are exported.
func fields(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[config.Serve]()) {
		if field.Anonymous {
			continue
		}
		if !field.IsExported() {
			t.Errorf("%s is not exported: nothing can set it", field.Name)
		}
		names = append(names, field.Name)
	}
	return names
}

func TestFlagOf(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"Demo": "demo", "HTTPAddr": "http-addr", "PublicURL": "public-url", "TLSKey": "tls-key", "MaxInFlight": "max-in-flight",
		"IPv6Prefix": "ipv6-prefix",
	} {
		if got := flagOf(field); got != want {
			t.Errorf("flagOf(%q) = %q, want %q", field, got, want)
		}
	}
}

// Every field has a flag of its own name, and there is no flag without a field.
func TestFlagsAndFields(t *testing.T) {
	t.Parallel()
	settings := config.Defaults()
	set := flagsOf(&settings)
	var want, got []string
	for _, field := range fields(t) {
		want = append(want, flagOf(field))
	}
	set.VisitAll(func(flag *pflag.Flag) { got = append(got, flag.Name) })
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-) and flags (+):\n%s", diff)
	}
}

// A flag's default is what Defaults says, and declaring the flags changes nothing.
func TestDefaultsAndFlags(t *testing.T) {
	t.Parallel()
	settings := config.Defaults()
	set := flagsOf(&settings)
	if err := set.Parse(nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Defaults(), settings); diff != "" {
		t.Errorf("no flag given (-Defaults +flags):\n%s", diff)
	}
	// Each default, given as a flag, is read as itself: help tells no lies.
	set.VisitAll(func(flag *pflag.Flag) {
		if flag.DefValue == "[]" || flag.DefValue == "" {
			return
		}
		if err := set.Set(flag.Name, flag.DefValue); err != nil {
			t.Errorf("--%s=%s: %v", flag.Name, flag.DefValue, err)
		}
	})
	if diff := cmp.Diff(config.Defaults(), settings); diff != "" {
		t.Errorf("every flag given its default (-Defaults +flags):\n%s", diff)
	}
	set.VisitAll(func(flag *pflag.Flag) {
		if flag.Usage == "" {
			t.Errorf("--%s says nothing of itself", flag.Name)
		}
	})
}

// Defaults are documented, so that each stands here a second time.
func TestDefaults(t *testing.T) {
	t.Parallel()
	want := config.Serve{
		Front: config.Front{
			HTTPAddr: "127.0.0.1:8080", Policy: "documented", RateLimit: "600/1m", MaxBody: "4MiB", IPv6Prefix: 64,
			MaxInFlight: 1000, BodyTimeout: 30 * time.Second, SendTimeout: 30 * time.Second, DrainDelay: 5 * time.Second, Grace: 15 * time.Second,
			LogLevel: "info", LogFormat: "text",
		},
		GRPCAddr: "127.0.0.1:9090", SessionTTL: 12 * time.Hour,
	}
	if diff := cmp.Diff(want, config.Defaults()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	settings := config.Defaults()
	settings.DataDir = t.TempDir()
	if err := settings.Complete(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
}

// sample is a text that a flag takes and that is not its default.
func sample(flag *pflag.Flag) (string, error) {
	switch flag.Value.Type() {
	case "string":
		return "sample-" + flag.Name, nil
	case "stringSlice":
		return "one,two", nil
	case "bool":
		return "true", nil
	case "int":
		return "7", nil
	case "duration":
		return "7m0s", nil
	default:
		return "", fmt.Errorf("no sample for a %s", flag.Value.Type())
	}
}

// Every flag has its variable, and each reaches the field that the flag sets.
func TestFromEnvironmentReachesEveryField(t *testing.T) {
	t.Parallel()
	settings := config.Defaults()
	set := flagsOf(&settings)
	byFlag := config.Defaults()
	given := flagsOf(&byFlag)
	variables := map[string]string{}
	set.VisitAll(func(flag *pflag.Flag) {
		text, err := sample(flag)
		if err != nil {
			t.Fatal(err)
		}
		name := "STATUSWAY_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if got := config.EnvName(flag.Name); got != name {
			t.Errorf("EnvName(%q) = %q, want %q", flag.Name, got, name)
		}
		variables[name] = text
		if err := given.Set(flag.Name, text); err != nil {
			t.Fatal(err)
		}
	})
	if err := config.FromEnvironment(set, lookup(variables)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(byFlag, settings); diff != "" {
		t.Errorf("the same values by flags (-) and by variables (+):\n%s", diff)
	}
	value := reflect.ValueOf(settings)
	for _, field := range fields(t) {
		if reflect.DeepEqual(value.FieldByName(field).Interface(), reflect.ValueOf(config.Defaults()).FieldByName(field).Interface()) {
			t.Errorf("no variable reached %s", field)
		}
	}
}

func lookup(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}
}

func TestFromEnvironment(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		arguments []string
		variables map[string]string
		want      string
		fails     string
	}{
		{name: "neither", want: "600/1m"},
		{name: "the variable before the default", variables: map[string]string{"STATUSWAY_RATE_LIMIT": "5/1s"}, want: "5/1s"},
		{name: "the flag before the variable", arguments: []string{"--rate-limit=7/1h"}, variables: map[string]string{"STATUSWAY_RATE_LIMIT": "5/1s"}, want: "7/1h"},
		{
			name:      "the flag, though it says the default",
			arguments: []string{"--rate-limit=600/1m"},
			variables: map[string]string{"STATUSWAY_RATE_LIMIT": "5/1s"},
			want:      "600/1m",
		},
		{name: "a variable of the same word elsewhere", variables: map[string]string{"RATE_LIMIT": "5/1s", "STATUSWAY_RATELIMIT": "5/1s"}, want: "600/1m"},
		{
			name:      "a flag before a variable that cannot be read",
			arguments: []string{"--demo"},
			variables: map[string]string{"STATUSWAY_DEMO": "perhaps"},
			want:      "600/1m",
		},
		{name: "a variable that cannot be read", variables: map[string]string{"STATUSWAY_DEMO": "perhaps"}, want: "600/1m", fails: "STATUSWAY_DEMO"},
		{
			name:      "two that cannot be read",
			variables: map[string]string{"STATUSWAY_GRACE": "soon", "STATUSWAY_CONCURRENCY": "many"},
			want:      "600/1m",
			fails:     "STATUSWAY_CONCURRENCY|STATUSWAY_GRACE",
		},
		{name: "what is no setting", variables: map[string]string{"STATUSWAY_VERSION": "1.2.3", "STATUSWAY_HELP": "me"}, want: "600/1m"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			settings := config.Defaults()
			set := flagsOf(&settings)
			// Those that the command line adds to every command.
			set.Bool("help", false, "")
			set.Bool("version", false, "")
			if err := set.Parse(test.arguments); err != nil {
				t.Fatal(err)
			}
			err := config.FromEnvironment(set, lookup(test.variables))
			if (err != nil) != (test.fails != "") {
				t.Fatalf("error %v", err)
			}
			for name := range strings.SplitSeq(test.fails, "|") {
				if err != nil && !strings.Contains(err.Error(), name) {
					t.Errorf("the error does not name %s: %v", name, err)
				}
			}
			if settings.RateLimit != test.want {
				t.Errorf("--rate-limit is %q, want %q", settings.RateLimit, test.want)
			}
		})
	}
}

// A list in a variable replaces the default and is divided by commas.
func TestFromEnvironmentLists(t *testing.T) {
	t.Parallel()
	settings := config.Defaults()
	settings.CORSOrigins = []string{"https://old.example.com"}
	set := flagsOf(&settings)
	if err := config.FromEnvironment(set, lookup(map[string]string{"STATUSWAY_CORS_ORIGINS": "https://a.example.com,https://b.example.com"})); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"https://a.example.com", "https://b.example.com"}, settings.CORSOrigins); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// homeless reports that this process is the one without a home; see TestNoHome.
const homeless = "CONFIG_TEST_HOMELESS"

// The folder of the database is the user's own. Where there is none it has to be
// named. A process of its own has no home, because variables are the whole process's.
func TestNoHome(t *testing.T) {
	t.Parallel()
	if os.Getenv(homeless) != "" {
		settings := config.Defaults()
		if err := settings.Complete(); err == nil || !strings.Contains(err.Error(), "--data-dir") {
			t.Errorf("error %v", err)
		}
		return
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNoHome$", "-test.v")
	command.Env = []string{homeless + "=1"}
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
