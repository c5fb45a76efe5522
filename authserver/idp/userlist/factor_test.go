// SPDX-License-Identifier: Apache-2.0

package userlist

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/idp/factor"
)

// factors are records of ann, whose factor is to go, of bob, and one that nobody can read.
func factors(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{factor.Key("people/eve"): []byte(`{"garbage":1}`)}
	for _, user := range []string{"people/ann", "people/bob", "guests/ann"} {
		e := &factor.Enrolled{TOTP: &factor.TOTP{Secret: []byte("12345678901234567890")}}
		e.NewRecovery()
		text, err := factor.Encode(user, e)
		if err != nil {
			t.Fatal(err)
		}
		all[factor.Key(user)] = text
	}
	return all
}

// TestResetFactor: one user of one provider has none afterwards, and is told; nobody else's changes.
func TestResetFactor(t *testing.T) {
	before := factors(t)
	text, err := factor.WriteFile(before)
	if err != nil {
		t.Fatal(err)
	}
	secret := "apiVersion: v1\nkind: Secret\ntype: access.ostiary.dev/second-factors\nmetadata: {name: f, resourceVersion: \"7\"}\ndata:\n"
	for key, record := range before {
		secret += fmt.Sprintf("  %s: %s\n", key, base64.StdEncoding.EncodeToString(record))
	}
	for name, text := range map[string]string{"factors.json": string(text), "secret.yaml": secret} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, who := range []string{"Ann", "eve"} {
			out, _ := must(t, "", "reset", who, "--second-factor", "--provider", "people", "--file", file)
			if out != strings.ToLower(who)+": second factor reset\n" {
				t.Errorf("%s: %q", name, out)
			}
		}
		after := recordsIn(t, file)
		for _, user := range []string{"people/ann", "people/eve"} {
			e, err := factor.Decode(user, after[factor.Key(user)])
			if err != nil || e.Any() || len(e.Recovery) > 0 || len(e.Changes) != 1 || e.Changes[0].What != factor.ResetByOperator {
				t.Errorf("%s: %s: %+v, %v", name, user, e, err)
			}
		}
		for _, user := range []string{"people/bob", "guests/ann"} {
			if string(after[factor.Key(user)]) != string(before[factor.Key(user)]) {
				t.Errorf("%s: the record of %s changed", name, user)
			}
		}
		if edited, _ := os.ReadFile(file); strings.HasSuffix(name, ".yaml") && !strings.Contains(string(edited), `resourceVersion: "7"`) {
			t.Errorf("what replaces the Secret would replace any:\n%s", edited)
		}
		for _, args := range [][]string{
			{"reset", "zoe", "--second-factor", "--provider", "people", "--file", file},
			{"reset", "ann", "--second-factor", "--file", file},
			{"reset", "ann", "--provider", "people", "--file", file},
			{"reset", "ann", "--second-factor", "--provider", "people"},
			{"reset", "ann", "--second-factor", "--provider", "people", "--password-stdin", "--file", file},
			{"reset", "ann", "--second-factor", "--provider", "people", "--file", file + "x"},
		} {
			if out, _, err := run(t, "", args...); err == nil {
				t.Errorf("%q: %s", args, out)
			}
		}
	}
}

// recordsIn reads a file of records, or a Secret, in a way of its own.
func recordsIn(t *testing.T, file string) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(file, ".yaml") {
		all, err := factor.ReadFile(text)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := map[string][]byte{}
	_, data, _ := strings.Cut(string(text), "data:\n")
	for line := range strings.Lines(data) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			if record, err := base64.StdEncoding.DecodeString(value); err == nil {
				all[key] = record
			}
		}
	}
	return all
}
