package gateway_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRepositoryLayout(t *testing.T) {
	t.Parallel()
	root := repository(t)
	card := []string{
		"proto", "gen", "gateway", "server", "go.mod", "go.sum", "buf.yaml", "buf.gen.yaml", "Makefile", "README.md", "LICENSE",
	}
	for _, file := range committed(t, root) {
		top, _, _ := strings.Cut(file, "/")
		if !slices.Contains(card, top) && !strings.HasPrefix(top, ".") {
			t.Errorf("%s: the top level holds nothing but %v and dotfiles", file, card)
		}
		// A test's own backend is no contract of ours, and may declare what buf lint forbids.
		if strings.HasSuffix(file, ".proto") && top != "proto" && !strings.Contains(file, "/testdata/") {
			t.Errorf("%s: what buf lint and buf breaking must see lives in proto/", file)
		}
	}
	for _, file := range files(t, root) {
		if !strings.HasSuffix(file, ".go") || strings.HasPrefix(file, "gen/go/") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(text, []byte("\n")); lines > 500 {
			t.Errorf("%s has %d lines: more than 500 are two rooms", file, lines)
		}
	}
}

// repository is the folder of go.mod.
func repository(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil || !strings.HasPrefix(string(text), "module "+strings.TrimSuffix(module, "/")+"\n") {
		t.Fatalf("%s is not the top of the repository (%v)", root, err)
	}
	return root
}

// files are all files below root but those of hidden folders and the printed imports, which git ignores too.
func files(t *testing.T, root string) []string {
	t.Helper()
	var found []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == "gen/imports" || name != "." && strings.HasPrefix(entry.Name(), ".")):
			return fs.SkipDir
		case !entry.IsDir():
			found = append(found, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// sources are the Go files below root that are not tests.
func sources(t *testing.T, root string) []string {
	t.Helper()
	return slices.DeleteFunc(files(t, root), func(file string) bool {
		return !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go")
	})
}

// sourceFolders are the folders of sources, each once.
func sourceFolders(t *testing.T, root string) []string {
	t.Helper()
	var folders []string
	for _, file := range sources(t, root) {
		folders = append(folders, path.Dir(file))
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// committed are the files that git knows, so that a developer's own notes in the folder are nobody's business.
// Without git, as in an unpacked archive, every file counts.
func committed(t *testing.T, root string) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z")
	list.Dir = root
	output, err := list.Output()
	if err != nil {
		t.Logf("git ls-files: %v: looking at every file instead", err)
		return files(t, root)
	}
	return strings.Split(strings.TrimSuffix(string(output), "\x00"), "\x00")
}
