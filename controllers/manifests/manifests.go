// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	bearerconfig "github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/translate"
)

// A Problem is something wrong with a file, worded for its author.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // 0: the file as a whole
	Object  string `json:"object,omitempty"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
	Code    string `json:"code,omitempty"`    // of policy.Codes or crd.Codes
	Warning bool   `json:"warning,omitempty"` // in force in spite of it
}

// String returns "file:line: object field: message".
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(policy.Line(p.File))
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(policy.Line(p.Text()))
	return b.String()
}

// Text is the problem without its place.
func (p Problem) Text() string {
	if where := strings.TrimSpace(p.Object + " " + p.Field); where != "" {
		return where + ": " + p.Message
	}
	return p.Message
}

// A Set is what was read from the files at one moment.
type Set struct {
	Policies     []policy.Policy
	Providers    []config.Provider
	Revocations  []policy.Revocation
	Groups       []policy.Group
	Tokens       []policy.ServiceToken
	TokenIssuers []bearerconfig.Issuer // nil: none were read, and others may be in the cluster
	OAuthClients *policy.OAuthClients
	inUse        InUse
	problems     []Problem
	objects      []*object
	entries      []*entry            // of the other kinds
	salvaged     []policy.Revocation // out of text that cannot be read
	routes       []translate.Route   // one for each Ingress that names a policy
	terms        policy.Terms
	made         map[string]bool                      // Secrets that something in the files makes in a cluster
	skipped      int                                  // files
	judged       map[[sha256.Size]byte][]policy.Issue // the verdicts of its texts
	// unread: a file could not be read at all, so nobody knows what it claims.
	unread bool
}

// InUse says which of the providers that were read can be used, and by whom.
type InUse func([]config.Provider) *policy.Providers

// allInUse is for those who do not know: all of them, by anybody.
func allInUse(list []config.Provider) *policy.Providers {
	out := make([]policy.Provider, len(list))
	for i := range list {
		out[i].Name = list[i].Name
	}
	return policy.NewProviders(out...)
}

// Lint returns what is active as it is written, and that no author can have meant.
func (s *Set) Lint() []Problem {
	var out []Problem
	for _, issue := range policy.Lint(s.Policies, policy.CompileGroups(s.Groups)) {
		out = append(out, s.locate(issue))
	}
	return out
}

// Build compiles the set, and returns everything that is wrong with it.
func (s *Set) Build() (*policy.Table, []Problem) {
	table, issues := policy.Build(s.Input())
	problems := slices.Clone(s.problems)
	for _, i := range issues {
		problems = append(problems, s.locate(i))
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return table, slices.CompactFunc(problems, func(a, b Problem) bool { return a == b })
}

// Input is what Build makes a table of.
func (s *Set) Input() policy.Input {
	return policy.Input{
		Policies: policy.CompileAll(s.Policies), Terms: s.terms, Bindings: translate.Bindings(s.routes),
		Providers: s.inUse(s.Providers), Revocations: s.Revocations, Tokens: s.Tokens, TokenIssuers: bearerconfig.Known(s.TokenIssuers),
		Groups: policy.CompileGroups(s.Groups), OAuthClients: s.OAuthClients,
	}
}

// Read reads files and folders once. Problems is never nil; the error is for a
// path that is not there.
func Read(paths []string) (*policy.Table, []Problem, error) {
	loader, err := NewLoader(paths)
	if err != nil {
		return nil, nil, err
	}
	table, problems := loader.Load().Build()
	return table, append([]Problem{}, problems...), nil
}

// Places are where policies stand, "FILE:LINE" by "namespace/name".
func (s *Set) Places() map[string]string {
	out := map[string]string{}
	for _, o := range s.objects {
		out[o.namespace+"/"+o.name] = fmt.Sprintf("%s:%d", o.file, o.line("metadata"))
	}
	return out
}

// Skipped is how many files were read that hold nothing of ours.
func (s *Set) Skipped() int { return s.skipped }

// Others is how many objects of ours were read that are no policies.
func (s *Set) Others() int { return len(s.entries) }

// A Loader reads files and folders, again and again.
type Loader struct {
	// Terms are the platform's word on who may claim what.
	Terms policy.Terms
	// InUse is for the tables of what is read. Default: all providers, by anybody.
	InUse InUse

	paths []string
	// last is what each file held when it could be read, so that a mistake in a
	// file denies what the file claimed, and does not unclaim it.
	last    map[string][]*object
	entries map[string][]*entry
	// providers and revocations are those in force, which a mistake leaves so.
	providers   map[string]config.Provider
	qualified   map[string]bool // whose users were told apart so far
	revocations map[string]policy.Revocation
	// stdin is what was read for the path Stdin.
	stdin []byte
	// forCluster: the files are for a cluster, where what is in them makes Secrets.
	forCluster      bool
	systemNamespace string // the one in which Ostiary runs there
	// verdicts are those of the texts that were read last.
	verdicts verdicts
	// again: a file looks as if it were still being written; read it once more.
	again bool
}

// unwritten is how long a file must be left alone before what is missing from it
// counts as removed. Most tools empty a file before they write it.
const unwritten = 2 * time.Second

func quiet(file string) bool {
	info, err := os.Stat(file)
	return err == nil && time.Since(info.ModTime()) >= unwritten
}

// NewLoader returns a Loader of files and folders. It fails if one of them is
// not there.
func NewLoader(paths []string) (*Loader, error) {
	var errs []error
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil && p != Stdin {
			errs = append(errs, fmt.Errorf("policies: %w", err))
		}
	}
	if len(paths) == 0 {
		errs = append(errs, errors.New("policies: name at least one file or folder"))
	}
	return &Loader{paths: paths, last: map[string][]*object{}, entries: map[string][]*entry{}}, errors.Join(errs...)
}

// Load reads everything afresh. What cannot be read is a problem of the Set.
func (l *Loader) Load() *Set {
	set := &Set{terms: l.Terms, inUse: allInUse, made: map[string]bool{}}
	if l.InUse != nil {
		set.inUse = l.InUse
	}
	l.again = false
	files, problems := l.files()
	set.problems = problems
	read := make([]reading, len(files))
	l.verdicts.forget()
	parallel(len(files), func(i int) { read[i] = l.read(files[i]) })
	for i, f := range files {
		objects, entries, broken := l.take(f, &read[i], set)
		l.last[f], broken = l.keep(f, objects, broken)
		l.entries[f] = l.keepEntries(f, entries, broken)
		set.objects = append(set.objects, l.last[f]...)
		set.entries = append(set.entries, l.entries[f]...)
	}
	l.forget(files, set)
	set.settleNames()
	l.settle(set)
	set.settleRoutes()
	for _, o := range set.objects {
		if p := o.policy(); o.api != nil || len(p.Hosts) > 0 {
			set.Policies = append(set.Policies, p)
			continue
		}
		for _, d := range o.defects { // nothing is known that could be denied
			set.problems = append(set.problems, set.locate(d))
		}
	}
	return set
}

// keep adds what the file claimed when it was last good, where a mistake may be
// why it no longer does. A slip in a name makes another object of it, so any
// mistake in the file will do.
func (l *Loader) keep(file string, objects []*object, broken bool) (kept []*object, brokenAfterAll bool) {
	before := l.last[file]
	for _, o := range objects {
		if !o.wrong() {
			continue
		}
		broken = true
		if i := slices.IndexFunc(before, o.namesake); i >= 0 && before[i].everGood() {
			o.remember(before[i])
		}
	}
	gone := lost(before, objects)
	if !broken && len(gone) > 0 && !quiet(file) { // it may still be being written
		broken, l.again = true, true
	}
	if broken {
		objects = append(objects, gone...)
	}
	return objects, broken
}

// keepEntries adds what the file held and no longer does, where a mistake may be
// why.
func (l *Loader) keepEntries(file string, entries []*entry, broken bool) []*entry {
	for _, e := range entries {
		e.lead(l.entries[file])
	}
	gone := lostEntries(l.entries[file], entries)
	broken = broken || slices.ContainsFunc(entries, (*entry).wrong)
	if !broken && len(gone) > 0 && !quiet(file) {
		broken, l.again = true, true
	}
	if broken {
		entries = append(entries, gone...)
	}
	return entries
}

func lostEntries(before, now []*entry) []*entry {
	keys := make(map[string]bool, len(now))
	for _, e := range now {
		keys[e.key()] = true
	}
	var out []*entry
	for _, b := range before {
		if keys[b.key()] {
			continue
		}
		c := *b
		c.missing, c.defects = true, nil
		c.defect("", "it is missing from a file that has mistakes, cannot be read or was changed just now; it stays active until that is settled")
		out = append(out, &c)
	}
	return out
}

func (o *object) namesake(other *object) bool {
	return o.namespace == other.namespace && o.name == other.name
}

// settleNames reports objects of one name, and has a guessed name make way for
// one that is certain: a broken copy of a policy leaves that policy alone. It
// changes copies, as the Loader remembers what was read.
func (s *Set) settleNames() {
	first := map[string]*object{}
	for _, guessed := range []bool{false, true} {
		for i, o := range s.objects {
			if o.guessed != guessed {
				continue
			}
			key := o.namespace + "/" + o.name
			f := first[key]
			if f == nil {
				first[key] = o
				continue
			}
			c := *o
			c.since = farFuture
			if c.defects = slices.Clone(o.defects); guessed {
				c.name = fmt.Sprintf("%s-line-%d", filepath.Base(o.file), o.start)
				for j := range c.defects {
					c.defects[j].Source.Name = c.name
				}
			} else {
				c.defect("", "an object of this name stands in %s:%d already", f.file, f.start)
			}
			s.objects[i] = &c
		}
	}
}

// farFuture makes an object lose every equal claim, and farPast makes it win them. They
// are no ages by which a host could be somebody's.
var (
	farFuture = time.Unix(1<<40, 0)
	farPast   = time.Unix(-1<<40, 0)
)

// lost returns the objects that a file held and that can no longer be made out.
func lost(before, now []*object) []*object {
	names := make(map[[2]string]bool, len(now))
	for _, o := range now {
		names[[...]string{o.namespace, o.name}] = true
	}
	var out []*object
	for _, b := range before {
		if !names[[...]string{b.namespace, b.name}] && b.everGood() {
			c := *b
			c.remember(b) // the routes, too, may be gone
			c.missing = true
			c.defects = nil
			c.defect("", "it is missing from a file that has mistakes, cannot be read or was changed just now; what it claimed is denied until that is settled")
			out = append(out, &c)
		}
	}
	return out
}

// forget drops what files held that are gone from a folder. Where it cannot be
// told whether they are, or the file itself was asked for, what they claimed is
// denied.
func (l *Loader) forget(files []string, set *Set) {
	for _, f := range slices.Sorted(maps.Keys(l.last)) {
		if slices.Contains(files, f) {
			continue
		}
		if _, err := os.Stat(f); errors.Is(err, os.ErrNotExist) && !slices.Contains(l.paths, f) && l.folderIsThere(f) {
			delete(l.last, f)
			delete(l.entries, f)
			continue
		}
		set.objects = append(set.objects, lost(l.last[f], set.objects)...)
		set.entries = append(set.entries, lostEntries(l.entries[f], set.entries)...)
	}
}
