package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Both kinds of archive hold what was put in.
func TestArchives(t *testing.T) {
	t.Parallel()
	members := []member{{"b", 0o755, []byte("program")}, {"a", 0o644, bytes.Repeat([]byte("text "), 1000)}, {"c", 0o644, nil}}
	for name, read := range map[string]func(*testing.T, []byte) []member{"x.tar.gz": untar, "x.zip": unzip} {
		path := filepath.Join(t.TempDir(), name)
		if err := writeArchive(path, commitTime(t), members); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got := read(t, content)
		same := slices.EqualFunc(members, got, func(a, b member) bool {
			return a.name == b.name && a.mode == b.mode && bytes.Equal(a.content, b.content)
		})
		if !same {
			t.Errorf("%s holds %v", name, got)
		}
	}
}

func untar(t *testing.T, content []byte) []member {
	t.Helper()
	compressed, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	var members []member
	for archive := tar.NewReader(compressed); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return members
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Uid != 0 || header.Gid != 0 || header.Uname != "" || header.Gname != "" || !header.ModTime.Equal(commitTime(t)) {
			t.Errorf("%s is of %d %q : %d %q at %s", header.Name, header.Uid, header.Uname, header.Gid, header.Gname, header.ModTime)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, member{header.Name, header.FileInfo().Mode(), text})
	}
}

func unzip(t *testing.T, content []byte) []member {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	var members []member
	for _, file := range archive.File {
		if !file.Modified.Equal(commitTime(t)) {
			t.Errorf("%s is of %s", file.Name, file.Modified)
		}
		reader, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, member{file.Name, file.Mode(), text})
	}
	return members
}
