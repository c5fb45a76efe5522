// SPDX-License-Identifier: Apache-2.0

// Command house shows what the code has grown to: the sizes of packages, the longest
// files, functions and lines, how much test there is, and which files of a package
// call each other both ways. Then it says which limits do not hold, and fails. Its
// tests hold the import rules of HOUSE as well.
//
//	go run ./hack/house [-all]
package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/ostiary/ostiary/hack/lab"
)

func main() {
	all := flag.Bool("all", false, "show every package, not the largest alone")
	flag.Parse()
	root, err := lab.Root()
	if err != nil {
		fmt.Fprintln(os.Stderr, "house:", err)
		os.Exit(2)
	}
	h, err := measure(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, "house:", err)
		os.Exit(2)
	}
	h.print(os.Stdout, *all)
	broken := h.broken()
	for _, b := range broken {
		fmt.Println("LIMIT", b)
	}
	if len(broken) > 0 {
		os.Exit(1)
	}
	fmt.Println("every limit holds")
}

const module = "github.com/ostiary/ostiary"

// shown is how many of each list are.
const shown = 12

// tail sorts by a number, the largest first.
func tail[T any](all []T, by func(T) int, n int) []T {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b T) int { return cmp.Compare(by(b), by(a)) })
	return all[:min(len(all), n)]
}

func (h *house) print(w io.Writer, all bool) {
	n := shown
	if all {
		n = len(h.packages)
	}
	fmt.Fprintf(w, "%-40s %5s %6s %6s %5s %5s\n", "package", "files", "lines", "tests", "ratio", "both")
	for _, p := range tail(h.packages, func(p *pkg) int { return p.lines }, n) {
		fmt.Fprintf(w, "%-40s %5d %6d %6d %5.1f %5d\n", p.path, p.files, p.lines, p.testLines, p.ratio(), len(p.bothWays))
	}
	fmt.Fprintf(w, "(both: pairs of files that call each other)\n\nimports that lead up\n")
	for _, p := range h.packages {
		for _, up := range p.up {
			fmt.Fprintf(w, "  %s → %s\n", p.path, up)
		}
	}
	fmt.Fprintf(w, "\nfunctions: half have %d lines, one in ten %d, one in a hundred %d; complexity %d, %d, %d\n", h.percentile(50, lines),
		h.percentile(90, lines), h.percentile(99, lines),
		h.percentile(50, complexity), h.percentile(90, complexity), h.percentile(99, complexity))
	for _, f := range tail(h.functions(false), lines, shown/2) {
		fmt.Fprintf(w, "  %4d lines  %s\n", f.lines, f.at)
	}
	for _, f := range tail(h.functions(false), complexity, shown/2) {
		fmt.Fprintf(w, "  %4d ways   %s\n", f.complexity, f.at)
	}
	fmt.Fprintf(w, "\nlongest files\n")
	for _, f := range tail(h.files, func(f *file) int { return f.lines }, shown) {
		fmt.Fprintf(w, "  %4d lines  %s\n", f.lines, f.path)
	}
	product, tests := h.longLines()
	fmt.Fprintf(w, "\nlines of more than %d characters: %d in code, %d in tests\n", maxLine, product, tests)
	for _, f := range tail(h.files, func(f *file) int { return len(f.long) }, shown) {
		fmt.Fprintf(w, "  %4d  %s\n", len(f.long), f.path)
	}
	fmt.Fprintln(w)
}
