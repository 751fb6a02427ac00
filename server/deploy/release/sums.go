package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sumsName is the file that sha256sum --check reads.
const sumsName = "SHA256SUMS"

func (r *release) writeSums(names []string) error {
	var sums strings.Builder
	for _, name := range slices.Sorted(slices.Values(names)) {
		content, err := os.ReadFile(filepath.Join(r.out, name)) //nolint:gosec // a file that was just written.
		if err != nil {
			return fmt.Errorf("reading a file of the release: %w", err)
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), name)
	}
	return writeFile(filepath.Join(r.out, sumsName), []byte(sums.String()))
}
