// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// An outcome is what became of a mutant.
type outcome string

const (
	noticed   outcome = "noticed"
	timeout   outcome = "timeout" // noticed as well: the tests did not end
	survived  outcome = "survived"
	unreached outcome = "unreached" // no test runs the code that was changed
)

func (o outcome) survives() bool { return o == survived || o == unreached }

// A result is a line of the file of results.
type result struct {
	Mutant  string  `json:"mutant"`
	Code    string  `json:"code"`  // a sum over the function that was changed
	Tests   string  `json:"tests"` // a sum over the package and the settings
	Outcome outcome `json:"outcome"`
	By      string  `json:"by,omitempty"`   // the test that noticed
	Millis  int64   `json:"cpu,omitempty"`  // what it took
	Ran     int     `json:"runs,omitempty"` // how many processes
}

// results are what is known of mutants.
type results struct {
	settings string
	mu       sync.Mutex
	byID     map[string]result
	file     *os.File
}

// load reads what earlier runs found; the file stays open for what this one finds.
func (o *options) load(mutants []*mutant) (*results, error) {
	settings, err := o.settings()
	if err != nil {
		return nil, err
	}
	out := &results{settings: settings, byID: map[string]result{}}
	code := map[string]string{}
	for _, m := range mutants {
		code[m.id()] = m.code
	}
	if out.file, err = os.OpenFile(o.results, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out.file)
	for lines.Scan() {
		var r result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			continue // a run was stopped while it wrote
		}
		if code[r.Mutant] == r.Code && (r.Tests == settings || !r.Outcome.survives()) {
			out.byID[r.Mutant] = r
		} else {
			delete(out.byID, r.Mutant)
		}
	}
	return out, lines.Err()
}

func (r *results) of(m *mutant) *result {
	r.mu.Lock()
	defer r.mu.Unlock()
	if found, ok := r.byID[m.id()]; ok {
		return &found
	}
	return nil
}

func (r *results) add(m *mutant, found result) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	found.Mutant, found.Code, found.Tests = m.id(), m.code, r.settings
	r.byID[found.Mutant] = found
	line, err := json.Marshal(found)
	if err != nil {
		return err
	}
	_, err = r.file.Write(append(line, '\n'))
	return err
}

func (r *results) close() { _ = r.file.Close() }

// loadAccepted reads the list of accepted survivors, from the mutant to the reason. A line is
//
//	FILE FUNCTION MUTATION — REASON
func (o *options) loadAccepted() (map[string]string, error) {
	text, err := os.ReadFile(o.accepted)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for i, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndex(line, " — ")
		if at < 0 || strings.TrimSpace(line[at+len(" — "):]) == "" {
			return nil, fmt.Errorf("%s:%d: want FILE FUNCTION MUTATION — REASON", o.accepted, i+1)
		}
		id := strings.TrimSpace(line[:at])
		if _, twice := out[id]; twice {
			return nil, fmt.Errorf("%s:%d: it is listed twice", o.accepted, i+1)
		}
		out[id] = line[at+len(" — "):]
	}
	return out, nil
}
