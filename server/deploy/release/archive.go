package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"
)

// A member is a file in an archive.
type member struct {
	name    string
	mode    fs.FileMode
	content []byte
}

// writeArchive writes an archive of the kind that the path's ending names. Nothing of the
// machine gets into it: the time is the commit's, and the owner is root.
func writeArchive(path string, at time.Time, members []member) error {
	write := writeTar
	if strings.HasSuffix(path, ".zip") {
		write = writeZip
	}
	var archive bytes.Buffer
	if err := write(&archive, at.UTC(), members); err != nil {
		return fmt.Errorf("writing an archive: %w", err)
	}
	return writeFile(path, archive.Bytes())
}

func writeTar(to io.Writer, at time.Time, members []member) error {
	compressed, err := gzip.NewWriterLevel(to, gzip.BestCompression)
	if err != nil {
		return err //nolint:wrapcheck // writeArchive does, here and below.
	}
	archive := tar.NewWriter(compressed)
	for _, one := range members {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Format: tar.FormatUSTAR,
			Name: one.name, Size: int64(len(one.content)), Mode: int64(one.mode), ModTime: at,
		}
		if err := archive.WriteHeader(header); err != nil { //nolint:forbidigo // a file's, and not that of a response.
			return err //nolint:wrapcheck // as above.
		}
		if _, err := archive.Write(one.content); err != nil {
			return err //nolint:wrapcheck // as above.
		}
	}
	if err := archive.Close(); err != nil {
		return err //nolint:wrapcheck // as above.
	}
	return compressed.Close() //nolint:wrapcheck // as above.
}

func writeZip(to io.Writer, at time.Time, members []member) error {
	archive := zip.NewWriter(to)
	for _, one := range members {
		header := &zip.FileHeader{Name: one.name, Method: zip.Deflate, Modified: at}
		header.SetMode(one.mode)
		file, err := archive.CreateHeader(header)
		if err != nil {
			return err //nolint:wrapcheck // as above.
		}
		if _, err := file.Write(one.content); err != nil {
			return err
		}
	}
	return archive.Close() //nolint:wrapcheck // as above.
}
