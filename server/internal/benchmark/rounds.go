package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// settings are the flags.
type settings struct {
	rounds int
	long   time.Duration
	only   string
	readme string
}

// routeCounts are how many routes the front ends have.
func routeCounts() []int { return []int{10, 100, 1000} }

// contender is one front end with so many routes.
type contender struct {
	kind   string
	routes int
	// run measures an operation for about so long.
	run func(o operation, long time.Duration) (figures, error)
}

// key is one cell of a table.
type key struct {
	kind      string
	routes    int
	operation string
}

// results are the figures of each round.
type results map[key][]figures

// contest measures all contenders, an operation at a time, in turn.
func (s settings) contest(contenders []contender) (results, error) {
	all := results{}
	for _, o := range operations() {
		// The first round warms everything up.
		for round := range s.rounds + 1 {
			for i := range contenders {
				// Each round begins with another one, so that none always follows the same.
				c := contenders[(i+round)%len(contenders)]
				got, err := c.run(o, s.long)
				if err != nil {
					return nil, fmt.Errorf("%s of %d routes, %s: %w", c.kind, c.routes, o.name, err)
				}
				if round > 0 {
					k := key{c.kind, c.routes, o.name}
					all[k] = append(all[k], got)
				}
			}
		}
	}
	return all, nil
}

// measure runs both contests and writes what came of them.
func (s settings) measure(ctx context.Context, out io.Writer) error {
	var report report
	if s.only != "proxied" {
		contenders, err := inProcess(ctx)
		if err != nil {
			return err
		}
		if report.inProcess, err = s.contest(contenders); err != nil {
			return err
		}
	}
	if s.only != "in-process" {
		var err error
		if report.proxied, err = s.proxied(ctx); err != nil {
			return err
		}
	}
	if s.readme != "" {
		return report.intoFile(s.readme)
	}
	_, err := io.WriteString(out, report.markdown())
	return wrap("writing the tables", err)
}

// inProcess are handlers of this process.
func inProcess(ctx context.Context) ([]contender, error) {
	var contenders []contender
	for _, routes := range routeCounts() {
		for _, kind := range kinds() {
			_, handler, err := newFront(ctx, frontParams{kind: kind, routes: routes, address: "", conn: nil})
			if err != nil {
				return nil, err
			}
			contenders = append(contenders, contender{kind: kind, routes: routes, run: func(o operation, long time.Duration) (figures, error) {
				c, err := newCalled(wrapped(handler, o, kind), o, kind)
				if err != nil {
					return figures{}, err
				}
				return c.run(long)
			}})
		}
	}
	return contenders, nil
}

// wrapped adds to stock what an operation needs and stock lacks.
func wrapped(handler http.Handler, o operation, kind string) http.Handler {
	if o.hashed && kind == stock {
		return hashed(handler)
	}
	return handler
}

// proxied measures front ends that are processes of their own.
func (s settings) proxied(ctx context.Context) (all results, err error) { //nolint:nonamedreturns // what is stopped may fail too.
	var processes []*process
	defer func() {
		for _, one := range slices.Backward(processes) {
			err = errors.Join(err, one.stop())
		}
	}()
	begin := func(role ...string) (*process, error) {
		one, err := start(ctx, role...)
		if err == nil {
			processes = append(processes, one)
		}
		return one, err
	}
	backend, err := begin(roleBackend)
	if err != nil {
		return nil, err
	}
	var contenders []contender
	for _, routes := range routeCounts() {
		for _, kind := range kinds() {
			front, err := begin(roleFront, kind, strconv.Itoa(routes), backend.address)
			if err != nil {
				return nil, err
			}
			load, err := connect(ctx, front)
			if err != nil {
				return nil, err
			}
			defer load.close()
			contenders = append(contenders, contender{kind: kind, routes: routes, run: func(o operation, long time.Duration) (figures, error) {
				return load.run(o, kind, long)
			}})
		}
	}
	return s.contest(contenders)
}
