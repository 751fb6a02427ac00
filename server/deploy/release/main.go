// Command release builds what a release of the program is made of: for each platform an
// archive with the program and the licences that go with it, a bill of its materials,
// and one file with the checksums of all.
//
// The same commit and the same Go give the same bytes, in any folder and on
// whatever machine. So nothing comes from a flag that Go itself can tell: the version is
// the tag of the commit, and every time is the commit's.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
)

// allPlatforms are those that people run servers and clients on.
const allPlatforms = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64"

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	r := release{root: ".", log: os.Stdout}
	flag.StringVar(&r.out, "out", "", "`folder` for the files")
	flag.StringVar(&r.version, "version", "", "refuse to build any other `version` than this")
	platforms := flag.String("platforms", allPlatforms, "`list` of GOOS/GOARCH")
	flag.Parse()
	for name := range strings.SplitSeq(*platforms, ",") {
		p, err := parsePlatform(name)
		if err != nil {
			return err
		}
		r.platforms = append(r.platforms, p)
	}
	return r.make(ctx)
}
