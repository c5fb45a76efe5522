// SPDX-License-Identifier: Apache-2.0

package userlist

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/idp"
)

// run runs the command, and returns what it wrote.
func run(t *testing.T, stdin string, args ...string) (out, said string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := Command()
	c.SilenceUsage, c.SilenceErrors = true, true // as the root has it
	c.SetArgs(args)
	c.SetIn(strings.NewReader(stdin))
	c.SetOut(&stdout)
	c.SetErr(&stderr)
	err = c.ExecuteContext(t.Context())
	return stdout.String(), stderr.String(), err
}

func must(t *testing.T, stdin string, args ...string) (out, said string) {
	t.Helper()
	out, said, err := run(t, stdin, args...)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return out, said
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// signsIn reports whether a server that has the list lets somebody in.
func signsIn(t *testing.T, users, name, password string) bool {
	t.Helper()
	s := idp.New(idp.Options{})
	if problems := s.Update([]idp.Config{{Name: "people", Type: idp.TypeUsers, Users: []byte(users)}}); len(problems) > 0 {
		t.Fatal(problems)
	}
	_, err := s.Find("people").CheckPassword(t.Context(), idp.Turn{}, name, password)
	return err == nil
}

var made = regexp.MustCompile(`(?m)^password: ([0-9a-z]{4}(?:-[0-9a-z]{4}){4})$`)

func password(t *testing.T, text string) string {
	t.Helper()
	m := made.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no password: %s", text)
	}
	return m[1]
}

// TestUserLife: who is added signs in, with the password that was printed, until it is
// another or they are removed; comments stay, and the file is its owner's.
func TestUserLife(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users.yaml")
	out, _ := must(t, "", "add", "Ann", "--email", "ann@example.com", "--group", "staff,admins", "-f", file, "--cost", "10")
	first := password(t, out)
	if text := read(t, file); strings.Contains(text, first) || !signsIn(t, text, "ann@example.com", first) {
		t.Fatal(text)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	if err := os.WriteFile(file, []byte("# who works here\n"+read(t, file)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	must(t, "correct horse\r\n", "add", "bob", "-f", file, "--cost", "10", "--password-stdin")
	out, _ = must(t, "", "reset", " ANN", "-f", file, "--cost", "10")
	second, text := password(t, out), read(t, file)
	if signsIn(t, text, "ann", first) || !signsIn(t, text, "ann", second) || !signsIn(t, text, "bob", "correct horse") || first == second {
		t.Fatal(text)
	}
	if !strings.HasPrefix(text, "# who works here\n") {
		t.Errorf("the comment is gone: %s", text)
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o640 {
		t.Error(info.Mode())
	}
	out, _ = must(t, "", "list", "-f", file)
	if out != "Ann  ann@example.com  staff,admins\nbob  -  -\n" {
		t.Error(out)
	}
	must(t, "", "remove", "bob", "-f", file)
	if text := read(t, file); signsIn(t, text, "bob", "correct horse") || !signsIn(t, text, "ann", second) {
		t.Error(text)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".*")); len(left) > 0 {
		t.Error(left)
	}
}

// TestUserRefused: what is refused leaves the file as it is, and no message has a password.
func TestUserRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users.yaml")
	must(t, "hunter2hunter2", "add", "ann", "--email", "ann@example.com", "-f", file, "--cost", "10", "--password-stdin")
	before := read(t, file)
	for _, c := range []struct {
		stdin string
		args  []string
		want  string
	}{
		{"", []string{"add"}, "name one user"},
		{"", []string{"add", "ann", "-f", file}, "there is a user"},
		{"", []string{"add", "ANN", "-f", file}, "there is a user"},
		{"", []string{"add", "ａnn", "-f", file}, "there is a user"},
		{"", []string{"add", "ann@example.com", "-f", file}, "there is a user"},
		{"", []string{"add", "bob", "--email", "ann@example.com", "-f", file}, "same name or address"},
		{"", []string{"add", "bob", "--email", "bob", "-f", file}, "not an address"},
		{"", []string{"add", "bob\n- x", "-f", file}, "cannot be seen"},
		{"", []string{"add", "", "-f", file}, "name one user"},
		{"", []string{"add", "bob", "--group", "a\tb", "-f", file}, "a group is"},
		{"", []string{"add", "bob", "--cost", "9", "-f", file}, "--cost 9"},
		{"", []string{"add", "bob", "-o", "yaml", "-f", file}, "--output"},
		{"hunter2", []string{"add", "bob", "--password-stdin", "-f", file}, "shorter than 8"},
		{"", []string{"add", "bob", "--password-stdin", "-f", file}, "shorter than 8"},
		{"hunter2" + strings.Repeat("x", 66), []string{"reset", "ann", "--password-stdin", "-f", file}, "73 bytes"},
		{"hunter2é" + strings.Repeat("é", 40), []string{"reset", "ann", "--password-stdin", "-f", file}, "bytes, and bcrypt"},
		{"hunter2\x00hunter2", []string{"reset", "ann", "--password-stdin", "-f", file}, "no keyboard"},
		{"hunter2\xff\xfe\xfd", []string{"reset", "ann", "--password-stdin", "-f", file}, "UTF-8"},
		{"", []string{"reset", "bob", "-f", file}, "there is no user"},
		{"", []string{"reset", "ann"}, "--file"},
		{"", []string{"remove", "ann", "-f", file}, "the last user"},
		{"", []string{"remove", "ann", "-f", file + ".none"}, "no such file"},
		{"", []string{"list"}, "--file"},
		{"", []string{"list", "x", "-f", file}, "x"},
	} {
		out, said, err := run(t, c.stdin, c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(out+said+err.Error(), "hunter2") ||
			strings.Contains(err.Error(), "$2a$10$") {
			t.Errorf("%q: %v, want %q\n%s%s", c.args, err, c.want, out, said)
		}
		if read(t, file) != before {
			t.Fatalf("%q changed the file", c.args)
		}
	}
}

// TestUserWithoutFile: the list goes to a file by the shell, and the password does not.
func TestUserWithoutFile(t *testing.T) {
	out, said := must(t, "", "add", "ann", "--cost", "10")
	if p := password(t, said); strings.Contains(out, p) || !signsIn(t, out, "ann", p) {
		t.Error(out, said)
	}
	var r result
	out, said = must(t, "", "add", "ann", "--cost", "10", "-o", "json")
	if err := json.Unmarshal([]byte(out), &r); err != nil || said != "" || !signsIn(t, r.Users, "ann", r.Password) {
		t.Error(out, said, err)
	}
	// A password that was given is repeated nowhere.
	out, said = must(t, "hunter2hunter2", "add", "ann", "--cost", "10", "-o", "json", "--password-stdin")
	if strings.Contains(out+said, "hunter2") {
		t.Error(out, said)
	}
}

// TestUserInSecret: the manifest of a Secret keeps all else that it says.
func TestUserInSecret(t *testing.T) {
	users, said := must(t, "", "add", "ann", "--cost", "10")
	ann := password(t, said)
	head := "apiVersion: v1\nkind: Secret\nmetadata: {name: people, namespace: ostiary-system} # ours\n"
	for form, text := range map[string]string{
		"stringData": head + "stringData:\n  other: x\n  users.yaml: |\n    " + strings.ReplaceAll(strings.TrimSpace(users), "\n",
			"\n    ") + "\n",
		"data": head + "data:\n  other: eA==\n  users.yaml: " + base64.StdEncoding.EncodeToString([]byte(users)) + "\n",
	} {
		file := filepath.Join(t.TempDir(), "secret.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := must(t, "", "add", "bob", "--cost", "10", "-f", file)
		bob := password(t, out)
		l, err := load(file, false)
		if err != nil {
			t.Fatal(err)
		}
		list, err := marshal(l.users)
		if err != nil || !signsIn(t, string(list), "ann", ann) || !signsIn(t, string(list), "bob", bob) {
			t.Errorf("%s: %v\n%s", form, err, read(t, file))
		}
		if after := read(t, file); !strings.Contains(after, "# ours") || !strings.Contains(after, "other: ") || strings.Contains(after, bob) {
			t.Errorf("%s: %s", form, after)
		}
	}
	for text, want := range map[string]string{
		"kind: Secret": "no users.yaml",
		"kind: ConfigMap\ndata: {users.yaml: '[]'}":        "neither",
		"kind: Secret\ndata: {users.yaml: '%'}":            "base64",
		"kind: Secret\nstringData: {users.yaml: ''}":       "is empty",
		"kind: Secret\nstringData: {users.yaml: 'a: b'}":   "neither",
		"kind: Secret\n---\nkind: Secret":                  "more than one document",
		"just text":                                        "neither",
		"a: [":                                             "no YAML",
		"kind: Secret\nstringData: {users.yaml: '- a: ['}": "no YAML",
	} {
		if _, err := parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestListSaysWhatIsLeftOut: with an exit code, and without a hash.
func TestListSaysWhatIsLeftOut(t *testing.T) {
	users, _ := must(t, "", "add", "ann", "--cost", "10")
	file := filepath.Join(t.TempDir(), "users.yaml")
	if err := os.WriteFile(file, []byte(users+"- {name: bob, passwordHash: secret}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, err := run(t, "", "list", "-f", file, "-o", "json")
	var all struct {
		Users    []listed
		Problems []string
	}
	if json.Unmarshal([]byte(out), &all) != nil || err == nil || len(all.Users) != 1 || len(all.Problems) != 1 ||
		strings.Contains(out, "secret") ||
		strings.Contains(out, "$2a$10$") {
		t.Error(out, err)
	}
	must(t, "", "reset", "ann", "-f", file, "--cost", "10") // what others' entries lack is no reason
}

// TestNewPasswords: none comes twice, and each passes as one.
func TestNewPasswords(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		p := newPassword()
		if as, err := prepared(p); seen[p] || err != nil || as != p || !made.MatchString("password: "+p) {
			t.Fatalf("%q: %v", p, err)
		}
		seen[p] = true
	}
}

// FuzzList: what is read is written again as the same users, or refused, and no message
// quotes it.
func FuzzList(f *testing.F) {
	const hash = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
	for _, s := range []string{"- {name: ann, passwordHash: \"" + hash + "\"}",
		"kind: Secret\nstringData: {users.yaml: \"[{name: ann, passwordHash: '" + hash + "'}]\"}",
		"- &a {name: ann}\n- *a", "", "[]", "kind: Secret\ndata: {users.yaml: W10=}", "kind: Secret\ndata: *x", "- &a [*a]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parse([]byte(text))
		if err != nil {
			return
		}
		before, _, err := l.known()
		if err != nil || before == nil {
			return
		}
		written, err := l.write("")
		if err != nil {
			t.Fatal(err)
		}
		again, err := parse(written)
		if err != nil {
			t.Fatalf("%q: %v", written, err)
		}
		after, _, _ := again.known()
		if after == nil || len(after.All()) != len(before.All()) {
			t.Fatalf("%q has other users than %q", written, text)
		}
		for i, one := range after.All() {
			if other := before.All()[i]; one.Name != other.Name || string(one.Hash) != string(other.Hash) || !slices.Equal(one.Groups,
				other.Groups) {
				t.Fatalf("%q: %+v, was %+v", written, one, other)
			}
		}
	})
}
