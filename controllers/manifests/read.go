// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"crypto/sha256"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/ostiary/ostiary/authserver/policy"
)

// maxFile bounds one file: a table of 10,000 policies has room in it.
const maxFile = 64 << 20

// A reading is what one file holds, whatever other files and the past have to say.
type reading struct {
	err   error
	empty bool
	items []item
}

// An item is what was made of one object of a file.
type item struct {
	document
	makes  string // the name of the Secret that a controller makes of it
	object *object
	entry  *entry
	ok     bool // it could be read
}

// read reads one file. To judge its objects takes most of the time, and none depends
// on another, so they are read side by side.
func (l *Loader) read(file string) reading {
	text, err := l.text(file)
	if err != nil {
		return reading{err: err}
	}
	documents := split(text)
	parts := make([][]item, len(documents))
	parallel(len(documents), func(i int) {
		d := documents[i]
		d.file, d.verdicts = file, &l.verdicts
		for _, one := range d.items() {
			it := item{document: one, makes: one.makesSecret()}
			it.object, it.entry, it.ok = one.read()
			parts[i] = append(parts[i], it)
		}
	})
	r := reading{empty: len(documents) == 0}
	for _, p := range parts {
		r.items = append(r.items, p...)
	}
	return r
}

// take adds what a file holds to a set; broken reports that something in it could not
// be read.
func (l *Loader) take(file string, r *reading, set *Set) (objects []*object, entries []*entry, broken bool) {
	switch {
	case r.err != nil:
		set.problems = append(set.problems, Problem{File: file, Message: r.err.Error()})
		set.unread = true
		return nil, nil, true
	case r.empty && len(l.last[file])+len(l.entries[file]) > 0:
		set.problems = append(set.problems, Problem{File: file, Message: "the file is empty; what it claimed is denied until it holds something again, or is removed"})
		return nil, nil, true
	}
	for i := range r.items {
		it := &r.items[i]
		if it.makes != "" {
			set.made[it.makes] = true
		}
		if it.object != nil {
			objects = append(objects, it.object)
		}
		if it.entry != nil {
			entries = append(entries, it.entry)
		}
		if !it.ok {
			set.salvageRevocation(&it.document, it.object)
			broken = true
		}
	}
	if len(objects)+len(entries) == 0 && !broken {
		set.skipped++
	}
	return objects, entries, broken
}

// parallel calls do with the numbers up to n, on all processors.
func parallel(n int, do func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				do(int(i - 1))
			}
		})
	}
	wg.Wait()
}

// ReadForCluster reads files and folders once, as they will be applied to a cluster: what
// is in them may make Secrets there. The path Stdin stands for stdin. What was read before
// may be nil: a text that is in both is judged once.
func ReadForCluster(before *Set, paths []string, terms policy.Terms, stdin io.Reader, system string) (*Set, error) {
	loader, err := NewLoader(paths)
	if err != nil {
		return nil, err
	}
	loader.Terms, loader.forCluster, loader.systemNamespace = terms, true, system
	if before != nil {
		loader.verdicts.now = before.judged
	}
	if err := loader.readStdin(stdin); err != nil {
		return nil, err
	}
	set := loader.Load()
	set.judged = loader.verdicts.now
	return set, nil
}

// verdicts remember what the definitions said of a text, from one reading of the files
// to the next: most files are as they were. The zero value is ready.
type verdicts struct {
	mu        sync.Mutex
	last, now map[[sha256.Size]byte][]policy.Issue
}

// forget drops the verdicts that the last reading had no use for.
func (v *verdicts) forget() {
	v.last, v.now = v.now, map[[sha256.Size]byte][]policy.Issue{}
}

// of returns what is known of a text, and else asks. A nil v always asks.
func (v *verdicts) of(text []byte, ask func() []policy.Issue) []policy.Issue {
	if v == nil {
		return ask()
	}
	key := sha256.Sum256(text)
	v.mu.Lock()
	issues, known := v.last[key]
	v.mu.Unlock()
	if !known {
		issues = ask()
	}
	v.mu.Lock()
	v.now[key] = issues
	v.mu.Unlock()
	return issues
}
