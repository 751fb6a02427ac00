package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
)

// report contains the results of a run.
type report struct{ inProcess, proxied results }

// spread is a median with the smallest and the largest value.
type spread struct{ low, middle, high float64 }

func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	return spread{sorted[0], sorted[len(sorted)/2], sorted[len(sorted)-1]}
}

func (s spread) String() string { return fmt.Sprintf("%.2f (%.2f–%.2f)", s.middle, s.low, s.high) }

// against is a figure's ratio to stock's with as many routes, round by round.
func (r results) against(k key, figure func(figures) float64) spread {
	base := r[key{stock, k.routes, k.operation}]
	ratios := make([]float64, 0, len(base))
	for i, one := range r[k] {
		ratios = append(ratios, figure(one)/figure(base[i]))
	}
	return spreadOf(ratios)
}

func (r results) middle(k key, figure func(figures) float64) float64 {
	values := make([]float64, 0, len(r[k]))
	for _, one := range r[k] {
		values = append(values, figure(one))
	}
	return spreadOf(values).middle
}

func cpu(f figures) float64    { return f.CPU }
func wall(f figures) float64   { return f.Wall }
func size(f figures) float64   { return f.Bytes }
func allocs(f figures) float64 { return f.Allocs }

// markdown is all tables.
func (r report) markdown() string {
	var out strings.Builder
	for _, one := range []struct {
		results

		title string
	}{{r.proxied, "proxied"}, {r.inProcess, "in process"}} {
		if one.results == nil {
			continue
		}
		one.table(&out, "CPU of ours ÷ CPU of bare grpc-gateway, "+one.title, func(k key) string {
			if k.kind == stock {
				return "" // the others are divided by it
			}
			return one.against(k, cpu).String()
		})
		one.table(&out, "µs · CPU µs · bytes · allocations, "+one.title, func(k key) string {
			if k.routes != routeCounts()[0] {
				return "" // as above, except for the figures of stock
			}
			return fmt.Sprintf("%.1f · %.1f · %.0f · %.0f", one.middle(k, wall)/1e3, one.middle(k, cpu)/1e3, one.middle(k, size), one.middle(k, allocs))
		})
	}
	return out.String()
}

// table writes a row for each contender, unless its cells are empty.
func (r results) table(out *strings.Builder, title string, cell func(key) string) {
	fmt.Fprintf(out, "| %s |", title)
	for _, o := range operations() {
		fmt.Fprintf(out, " %s |", o.name)
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(operations())) + "\n")
	for _, k := range r.rows() {
		var cells strings.Builder
		for _, o := range operations() {
			k.operation = o.name
			if text := cell(k); text != "" {
				cells.WriteString(" " + text + " |")
			}
		}
		if cells.Len() > 0 {
			fmt.Fprintf(out, "| %s, %d routes |%s\n", k.kind, k.routes, cells.String())
		}
	}
	out.WriteString("\n")
}

// rows are the contenders, without an operation.
func (r results) rows() []key {
	var rows []key
	for k := range r {
		k.operation = ""
		if !slices.Contains(rows, k) {
			rows = append(rows, k)
		}
	}
	slices.SortFunc(rows, func(a, b key) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds(), a.kind), slices.Index(kinds(), b.kind)), cmp.Compare(a.routes, b.routes))
	})
	return rows
}

// The marks between which a file has the tables.
const (
	opening = "<!-- benchmark: written by make bench -->\n"
	closing = "<!-- benchmark ends -->\n"
)

// intoFile puts the tables into a file.
func (r report) intoFile(name string) error {
	text, err := os.ReadFile(name) //nolint:gosec // the file that the caller named.
	if err != nil {
		return fmt.Errorf("reading the file for the tables: %w", err)
	}
	before, rest, found := strings.Cut(string(text), opening)
	_, after, ends := strings.Cut(rest, closing)
	if !found || !ends {
		return fmt.Errorf("%s has no place for the tables: %q and %q", name, opening, closing)
	}
	tables := []byte(before + opening + "\n" + r.markdown() + closing + after)
	return wrap("writing the tables", os.WriteFile(name, tables, 0o644)) //nolint:gosec // a document for everybody.
}
