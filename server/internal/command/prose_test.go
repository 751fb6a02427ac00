package command_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/statusway/statusway/server/internal/config"
)

// topFolder is where the README lies.
const topFolder = "../../.."

// prose calls look with each file below the folders that is neither code nor sums.
func prose(t *testing.T, look func(path, text string), folders ...string) {
	t.Helper()
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(topFolder, folder), func(path string, entry fs.DirEntry, err error) error {
			if entry != nil && entry.Name() == "node_modules" {
				return fs.SkipDir
			}
			if err != nil || entry.IsDir() || filepath.Ext(path) == ".go" || filepath.Ext(path) == ".sum" {
				return err
			}
			text, err := os.ReadFile(path)
			if err == nil {
				look(path, string(text))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// The flags and variables that the files beside the code name are some of the program's.
func TestProseNamesFlags(t *testing.T) {
	t.Parallel()
	flags, more := pflag.NewFlagSet("serve", pflag.ContinueOnError), pflag.NewFlagSet("proxy", pflag.ContinueOnError)
	serve, proxy := config.Defaults(), config.ProxyDefaults()
	serve.Flags(flags)
	proxy.Flags(more)
	flags.AddFlagSet(more)
	known := map[string]bool{}
	flags.VisitAll(func(flag *pflag.Flag) {
		known["--"+flag.Name] = true
		known[config.EnvName(flag.Name)] = true
	})
	// A flag that stands alone, and not in a line of another program.
	named := regexp.MustCompile("`(--[a-z-]+)[` ]|\\b(STATUSWAY_[A-Z_]*[A-Z])\\b")
	seen := 0
	prose(t, func(path, text string) {
		for _, match := range named.FindAllStringSubmatch(text, -1) {
			// A variable of the tests is no setting of the program.
			if name := match[1] + match[2]; !known[name] && !strings.HasPrefix(name, config.EnvPrefix+"TEST_") {
				t.Errorf("%s names %s", path, name)
			}
			seen++
		}
	}, ".github", "server/deploy")
	if seen < 50 {
		t.Errorf("only %d names are found", seen)
	}
}

// The files, folders and targets of make that contributors are told of are there, and the
// case that they are shown is one.
func TestContributing(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(topFolder, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("`([^`\n]+)`")
	shown := regexp.MustCompile("(?s)`(server/testdata/cases/[^`]+)`:\n\n```yaml\n(.*?)```")
	paths, targets, cases := 0, 0, 0
	prose(t, func(file, text string) {
		for _, match := range code.FindAllStringSubmatch(text, -1) {
			words := strings.Fields(match[1])
			switch {
			case words[0] == "make":
				for _, target := range words[1:] {
					targets++
					if !strings.Contains(target, "=") && !strings.Contains(string(makefile), "\n"+target+": ") {
						t.Errorf("%s: there is no make %s", file, target)
					}
				}
			case len(words) == 1 && strings.Contains(words[0], "/"):
				paths++
				if _, err := os.Stat(filepath.Join(topFolder, words[0])); err != nil {
					t.Errorf("%s: %v", file, err)
				}
			}
		}
		for _, match := range shown.FindAllStringSubmatch(text, -1) {
			cases++
			if there, err := os.ReadFile(filepath.Join(topFolder, match[1])); err != nil || string(there) != match[2] {
				t.Errorf("%s shows another %s than there is: %v", file, match[1], err)
			}
		}
	}, ".github")
	if paths < 10 || targets < 7 || cases != 1 {
		t.Errorf("%d paths, %d targets and %d cases are found", paths, targets, cases)
	}
}

// What the pages link to is there: files, and the headings that are named by an anchor.
func TestLinks(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([\w./-]*)(#[\w-]+)?\)`)
	links := 0
	check := func(page, text string) {
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			links++
			path := page
			if found[1] != "" {
				path = filepath.Join(filepath.Dir(page), found[1])
			}
			target, err := os.Stat(path)
			if err != nil {
				t.Errorf("%s: %v", page, err)
				continue
			}
			if found[2] == "" || target.IsDir() {
				continue
			}
			if named, err := os.ReadFile(path); err != nil || !hasHeading(string(named), found[2]) {
				t.Errorf("%s: %s has no heading %s: %v", page, path, found[2], err)
			}
		}
	}
	check(filepath.Join(topFolder, "README.md"), readme(t))
	prose(t, func(path, text string) {
		if filepath.Ext(path) == ".md" {
			check(path, text)
		}
	}, ".github", "proto", "gateway", "server")
	if links < 100 {
		t.Errorf("only %d links are found", links)
	}
}

// hasHeading reports whether a page has the heading of an anchor, as GitHub makes one.
func hasHeading(text, anchor string) bool {
	for _, found := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		kept := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(found[1]), "")
		if "#"+strings.ReplaceAll(kept, " ", "-") == anchor {
			return true
		}
	}
	return false
}
