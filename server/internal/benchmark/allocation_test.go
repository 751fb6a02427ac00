//go:build !race

// The race detector makes pools forget, so that the same code allocates more under it:
// `make test` runs these tests once more without.

package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"testing"
	"time"
)

// TestMain lets the tests start processes of themselves, as the program does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == roleBackend || os.Args[1] == roleFront) {
		if err := play(context.Background(), inOut{os.Stdin, os.Stdout}, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// Allocations are gated, unlike times: they do not depend on the machine.
//
//nolint:paralleltest // testing.AllocsPerRun counts those of all goroutines.
func TestAllocationsInProcess(t *testing.T) {
	// A collection empties the pools, whenever it comes.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for kind, most := range map[string]map[string]float64{
		fromGenerated:   {"Get": 65, "Create": 152, "List of 100": 75, "Error": 135, "304": 63},
		fromDescriptors: {"Get": 48, "Create": 134, "List of 100": 57, "Error": 122, "304": 46},
	} {
		for _, routes := range []int{10, 1000} {
			_, handler, err := newFront(t.Context(), frontParams{kind: kind, routes: routes, address: "", conn: nil})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range operations() {
				c, err := newCalled(handler, o, kind)
				if err != nil {
					t.Fatal(err)
				}
				got := testing.AllocsPerRun(200, func() {
					if err := c.once(); err != nil {
						t.Fatal(err)
					}
				})
				// once has a request, a writer and a map of its own, and a body.
				own := 3.0
				if o.body != "" {
					own++
				}
				if got-own > most[o.name] {
					t.Errorf("%s of %d routes, %s: %v allocations, want at most %v", kind, routes, o.name, got-own, most[o.name])
				}
			}
		}
	}
}

// Those of the whole front-end process, net/http's and grpc-go's among them.
//
//nolint:paralleltest // it needs the machine for itself, or it has too few requests to divide by.
func TestAllocationsProxied(t *testing.T) {
	begin := func(role ...string) *process {
		p, err := start(context.WithoutCancel(t.Context()), role...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.stop(); err != nil {
				t.Error(err)
			}
		})
		return p
	}
	backend := begin(roleBackend)
	most := map[string]float64{"Get": 181, "Create": 204, "List of 100": 199, "Error": 264, "304": 180}
	for _, routes := range []int{10, 1000} {
		front := begin(roleFront, fromDescriptors, strconv.Itoa(routes), backend.address)
		load, err := connect(t.Context(), front)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(load.close)
		for _, o := range operations() {
			if _, err := load.run(o, fromDescriptors, 50*time.Millisecond); err != nil { // warms up
				t.Fatal(err)
			}
			got, err := load.run(o, fromDescriptors, 200*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			if got.Allocs > most[o.name] {
				t.Errorf("%d routes, %s: %.1f allocations a request, want at most %v", routes, o.name, got.Allocs, most[o.name])
			}
		}
	}
}
