// SPDX-License-Identifier: Apache-2.0

package crowdsec

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/crowdsecurity/crowdsec/pkg/csconfig"
	"github.com/crowdsecurity/crowdsec/pkg/cwhub"
	"github.com/crowdsecurity/crowdsec/pkg/exprhelpers"
	"github.com/crowdsecurity/crowdsec/pkg/leakybucket"
	"github.com/crowdsecurity/crowdsec/pkg/parser"
	"github.com/crowdsecurity/crowdsec/pkg/types"
	"gopkg.in/tomb.v2"
)

// What CrowdSec installs by itself, of its hub: lines of files, and their times.
const (
	nonSyslog = `
name: crowdsecurity/non-syslog
filter: "evt.Line.Labels.type != 'syslog'"
onsuccess: next_stage
statics:
- {parsed: message, expression: evt.Line.Raw}
- {parsed: program, expression: evt.Line.Labels.type}
`
	dateParse = `
name: crowdsecurity/dateparse-enrich
filter: "evt.StrTime != ''"
statics:
- {method: ParseDate, expression: evt.StrTime}
- {target: MarshaledTime, expression: evt.Enriched.MarshaledTime}
`
)

// examples are the files of the documentation, by the paths in their first lines.
func examples(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/tasks/ban-guessers.md")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)```yml\n# (/etc/crowdsec/\\S+)\n(.*?)```").FindAllSubmatch(text, -1) {
		files[strings.TrimPrefix(string(m[1]), "/etc/crowdsec/")] = string(m[2])
	}
	return files
}

// written returns what the server writes of sign-ins.
func written(t *testing.T) []string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "log")
	c := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-run=TestBanGuessers", "./authserver/login")
	c.Dir, c.Env = "../..", append(os.Environ(), "OSTIARY_KEEP_LOG="+name)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// parsing returns CrowdSec's parser, with the example between what it installs by itself.
func parsing(t *testing.T, files map[string]string) func(line string) types.Event {
	t.Helper()
	if err := exprhelpers.Init(nil); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	pctx, err := parser.NewUnixParserCtx(dir, dir)
	if err != nil {
		t.Fatal(err)
	}
	var stages []parser.Stagefile
	for stage, text := range map[string]string{
		"s00-raw": nonSyslog, "s01-parse": files["parsers/s01-parse/ostiary.yaml"], "s02-enrich": dateParse,
	} {
		file := filepath.Join(dir, stage+".yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		stages = append(stages, parser.Stagefile{Filename: file, Stage: stage})
	}
	enrichers, err := parser.Loadplugin()
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := parser.LoadStages(stages, pctx, enrichers)
	if err != nil || len(nodes) != len(stages) {
		t.Fatalf("%d parsers: %v", len(nodes), err)
	}
	return func(line string) types.Event {
		e := types.MakeEvent(true, types.LOG, true)
		e.Line = types.Line{Raw: line, Labels: map[string]string{"type": "ostiary"}, Process: true, Module: "file"}
		out, err := parser.Parse(*pctx, e, nodes)
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		return out
	}
}

// TestExample: CrowdSec reads failed sign-ins, and nothing else, with their time and address; and
// whoever fails often is one to ban, and nobody else is.
func TestExample(t *testing.T) {
	files := examples(t)
	if acquisition := files["acquis.d/ostiary.yaml"]; !strings.Contains(acquisition, "type: ostiary") {
		t.Errorf("the lines are given to the parser as %q", acquisition)
	}
	parse := parsing(t, files)
	guesses := map[string][]types.Event{}
	for _, line := range written(t) {
		var l struct {
			Time                   time.Time
			Outcome, Address, Host string
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		e := parse(line)
		guess := l.Outcome == "wrong-password" || l.Outcome == "rate-limited"
		if e.Process != guess || guess != (e.Meta["log_type"] == "ostiary_failed_auth") {
			t.Errorf("it is a guess: %t; read: %t, %v: %s", guess, e.Process, e.Meta, line)
		}
		if !guess {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, e.MarshaledTime)
		if err != nil || !at.Equal(l.Time) || e.Meta["source_ip"] != l.Address || e.Meta["target_host"] != l.Host || l.Address == "" {
			t.Errorf("%s, %v (%v): %s", e.MarshaledTime, e.Meta, err, line)
		}
		guesses[l.Address] = append(guesses[l.Address], e)
	}
	if len(guesses) < 4 {
		t.Fatalf("guesses from %d addresses", len(guesses))
	}
	for n, want := range map[int]string{10: "", 11: "192.0.2.7"} { // the capacity, and one more
		if banned := overflows(t, files, guesses["192.0.2.7"][0], n); banned != want {
			t.Errorf("%d guesses in a moment: %q is to be banned", n, banned)
		}
	}
}

// overflows returns who is to be banned after so many events alike; empty: nobody.
func overflows(t *testing.T, files map[string]string, e types.Event, n int) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "ostiary-bf.yaml")
	if err := os.WriteFile(file, []byte(files["scenarios/ostiary-bf.yaml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	hub, err := cwhub.NewHub(&csconfig.LocalHubCfg{HubDir: dir, InstallDataDir: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	life, buckets := &tomb.Tomb{}, leakybucket.NewBuckets()
	life.Go(func() error { <-life.Dying(); return nil })
	defer life.Kill(nil)
	item := &cwhub.Item{Name: "ostiary/bf", State: cwhub.ItemState{LocalPath: file}}
	holders, out, err := leakybucket.LoadBuckets(&csconfig.CrowdsecServiceCfg{}, hub, []*cwhub.Item{item}, life, buckets, false)
	if err != nil || len(holders) != 1 {
		t.Fatalf("%d scenarios: %v", len(holders), err)
	}
	for range n {
		if ok, err := leakybucket.PourItemToHolders(e, holders, buckets); err != nil || !ok {
			t.Fatalf("poured: %t, %v", ok, err)
		}
	}
	wait := 20 * time.Second // for what must come
	if n <= holders[0].Capacity {
		wait = time.Second
	}
	for end := time.After(wait); ; {
		select {
		case o := <-out:
			if o.Overflow.Alert == nil { // a bucket that ran empty
				continue
			}
			for address := range o.Overflow.Sources {
				return address
			}
		case <-end:
			return ""
		}
	}
}
