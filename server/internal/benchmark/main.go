package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "benchmark:", err)
		os.Exit(1)
	}
}

// inOut are the streams of a process.
type inOut struct {
	io.Reader
	io.Writer
}

func run(ctx context.Context) error {
	var s settings
	flag.IntVar(&s.rounds, "rounds", 7, "how often each is measured")
	flag.DurationVar(&s.long, "long", 200*time.Millisecond, "how long each measurement takes")
	flag.StringVar(&s.only, "only", "", "measure only `in-process` or `proxied`")
	flag.StringVar(&s.readme, "readme", "", "write the tables into this `file`, between the marks that it has for them")
	flag.Parse()
	if flag.NArg() > 0 {
		return play(ctx, inOut{os.Stdin, os.Stdout}, flag.Args())
	}
	return s.measure(ctx, os.Stdout)
}
