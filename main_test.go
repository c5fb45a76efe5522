// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const seed = `apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app2, namespace: shop}
spec:
  hosts: [app2.example.com]
  cors:
    allowedOrigins: ["https://app1.example.com"]
    allowedMethods: [PATCH]
    allowedHeaders: [content-type]
    allowCredentials: true
    maxAge: 600
  rules:
  - name: staff
    action: Allow
    include: [{emailDomain: example.com}]
  upstreamHeaders:
  - {name: X-WEBAUTH-USER, from: User}
`

// cli runs a command line, with seed in a file that is spelled FILE.
func cli(t *testing.T, line ...string) (code int, stdout, stderr string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "app2.yaml")
	if err := os.WriteFile(file, []byte(seed), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range line {
		line[i] = strings.ReplaceAll(line[i], "FILE", file)
	}
	var out, errs strings.Builder
	code = run(t.Context(), line, &out, &errs)
	return code, strings.ReplaceAll(out.String(), file, "FILE"), strings.ReplaceAll(errs.String(), file, "FILE")
}

func TestCommandLine(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("HOME", t.TempDir())
	for _, c := range []struct {
		line           []string
		code           int
		stdout, stderr string // parts
	}{
		{nil, 2, "Usage:", ""},
		{[]string{"help"}, 0, "ostiary serve [--policies PATH...]", ""},
		{[]string{"--help"}, 0, "ostiary check PATH...", ""},
		{[]string{"-h"}, 0, "ostiary version", ""},
		{[]string{"sevre"}, 2, "", `there is no command "sevre"`},
		{[]string{"sevre"}, 2, "", "Did you mean serve?\nRun 'ostiary --help'"},
		{[]string{"--policies", "x"}, 2, "", `there is no command "--policies"`},
		{[]string{"--version"}, 0, "ostiary dev\ncommit ", ""},
		{[]string{"help", "explain"}, 0, "Examples:\n  ostiary explain", ""},
		{[]string{"help", "explian"}, 2, "", "Did you mean explain?"},
		{[]string{"completion", "bash"}, 0, "__start_ostiary", ""},
		{[]string{"completion", "zsh"}, 0, "#compdef ostiary", ""},
		{[]string{"completion", "fish"}, 0, "complete -c ostiary", ""},
		{[]string{"completion", "powershell"}, 0, "Register-ArgumentCompleter", ""},
		{[]string{"completion", "tcsh"}, 2, "", "bash, zsh, fish, powershell"},
		{[]string{"__complete", "config", ""}, 0, "ingress-nginx\tingress-nginx and its forks", ""},
		{[]string{"__complete", "explain", "-o", ""}, 0, "json\n", ""},
		{[]string{"version"}, 0, "ostiary dev\ncommit ", ""},
		{[]string{"version", "--help"}, 0, "ostiary version", ""},
		{[]string{"version", "-o", "json"}, 0, `"version": "dev"`, ""},
		{[]string{"version", "-o", "yaml"}, 2, "", `--output "yaml": text or json`},
		{[]string{"serve", "--log-level", "verbose", "--policies", "FILE"}, 2, "", `--log-level: "verbose": debug, info, warn or error`},
		{[]string{"version", "--short"}, 2, "", "unknown flag: --short"},

		{[]string{"explain", "--help"}, 0, "exit code: 0 allowed, 1 denied, 2 usage, 3 sign in first", ""},
		{[]string{"explain"}, 2, "", "name a method and a URL"},
		{[]string{"explain", "GET"}, 2, "", "name a method and a URL"},
		{[]string{"explain", "GET", "https://app2.example.com/", "x"}, 2, "", "\"x\" is one argument too many; for files, write --policies x"},
		{[]string{"explain", "--as"}, 2, "", "flag needs an argument: --as"},
		{[]string{"explain", "--sa", "x"}, 2, "", "unknown flag: --sa"},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE"}, 3, "SIGN IN FIRST", ""},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--as", "ann@example.com"}, 0, "ALLOWED", ""},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--as", "ann@example.com", "--upstream-headers", "x-webauth-user,X-Other"}, 0, "  x-webauth-user: ann@example.com\n", ""},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--as", "ann@example.com", "--upstream-headers", "X-Other", "-o", "json"}, 0, `"X-Webauth-User is not among the installation's --upstream-headers`, ""},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--docs-url", "https://docs.example.com/r"}, 3,
			`,"request_id":"explain","docs":"https://docs.example.com/r#no-session"}`, ""},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--docs-url", "docs"}, 2, "", `--docs-url: "docs" is not of the form https://docs.example.com/reasons`},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--upstream-headers", "Cookie"}, 2, "", `--upstream-headers: "Cookie": proxies, browsers or Ostiary itself use this header`},
		{[]string{"audit", "--upstream-headers", "X_Webauth_User", "FILE"}, 2, "", `--upstream-headers: "X_Webauth_User": write a header's name`},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--as", "ann@example.org"}, 1, "no-rule-matched", ""},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--as", "ann@example.com", "--provider", "gone", "--amr", "pwd,otp"}, 3, "no identity provider of that name is in use", ""},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--as", "ann@example.com", "--claim", "a=b", "--claim", "c"}, 0, "ALLOWED", ""},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--as", "ann@example.com", "--claim", "=b"}, 2, "", "write NAME=VALUE"},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--as", "ann@example.com", "--claim", "a=1", "--claim", "a"}, 2, "", "its values are known"},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--claim", "a=b"}, 2, "", "name that as well, with --as"},
		{[]string{"explain", "GET", "https://other.example.com/", "--policies", "FILE"}, 1, "no policy claims this host", ""},
		{[]string{"explain", "GET", "https://app2.example.com:0/", "--policies", "FILE"}, 1, "the port is not a number", ""},
		{[]string{"explain", "GET", "app2.example.com", "--policies", "FILE"}, 2, "", "is not a URL that begins with http:// or https://"},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "-H", "origin"}, 2, "", "is not of the form 'name: value'"},
		{[]string{"explain", "", "https://app2.example.com/", "--policies", "FILE"}, 2, "", "the method is empty"},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--ip", "010.0.0.1"}, 2, "", "is not an address"},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "-o", "yaml"}, 2, "", `--output "yaml": text or json`},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "nowhere.yaml"}, 2, "", "nowhere.yaml: no such file"},
		{[]string{"explain", "GET", "https://app2.example.com/", "--kubeconfig", "nowhere"}, 2, "", "for files instead of a cluster: --policies PATH"},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--host-grants", "x"}, 2, "", "write HOST=NAMESPACE"},

		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--host-claims", "granted-only"}, 1, "no policy claims this host", ""},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--team-url", "https://app2.example.com"}, 1, "no policy claims this host", ""},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--host-reservations", "*.example.com=other"}, 1, "no policy claims this host", ""},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--host-claims", "mine"}, 2, "", "first-come or granted-only"},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--team-url", "auth"}, 2, "", "--team-url"},

		{[]string{"audit", "--help"}, 0, "exit code: 0 nothing found", ""},
		{[]string{"audit", "nowhere.yaml"}, 2, "", "nowhere.yaml"},
		{[]string{"audit", "FILE"}, 0, "No unprotected route was found", ""},
		{[]string{"audit", "--kubeconfig", "nowhere"}, 2, "", "nowhere"},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--as", "ann@example.com", "--ingress", "shop/web"}, 1, "no-policy", ""},
		{[]string{"probe", "--help"}, 0, "exit code: 0 all is well", ""},
		{[]string{"detach"}, 2, "", "write --yes"},
		{[]string{"detach", "--yes", "--kubeconfig", "nowhere"}, 2, "", "nowhere"},
		{[]string{"release", "--yes", "--kubeconfig", "nowhere"}, 2, "", "note: release is now detach; the old name goes away"},
		{[]string{"probe"}, 2, "", "name what to ask"},
		{[]string{"config", "--help"}, 0, "haproxy", ""},
		{[]string{"config", "nginx", "--host", "orders.example.com"}, 0, "server_name orders.example.com;", ""},
		{[]string{"config", "nginx", "--host", "orders.example.com; }"}, 2, "", "--host"},
		{[]string{"config", "apache"}, 2, "", "apache"},
		{[]string{"config", "nginx", "--team-url", "https://auth.example.com"}, 0, "server_name auth.example.com;", ""},
		{[]string{"config", "nginx", "--team-url", "auth.example.com"}, 2, "", "https://HOST"},
		{[]string{"config", "nginx", "--authz-url", "http://10.0.0.1:9001"}, 0, "10.0.0.1:9001", ""},
		{[]string{"config", "nginx", "--authz-url", "10.0.0.1:9001"}, 2, "", "--authz-url"},
		{[]string{"render", "nginx", "--host", "orders.example.com"}, 0, "server_name orders.example.com;", "note: render is now config; the old name goes away"},
		{[]string{"config", "nginx", "--team-domain", "auth.example.com"}, 0, "server_name auth.example.com;", "note: --team-domain is now --team-url"},
		{[]string{"config", "nginx", "--authz", "10.0.0.1:9001"}, 0, "10.0.0.1:9001", "note: --authz is now --authz-url"},

		{[]string{"user"}, 0, "ostiary user add NAME", ""},
		{[]string{"user", "add"}, 2, "", "name one user, as in: ostiary user add ann --file users.yaml"},
		{[]string{"user", "add", "ann", "--cost", "10"}, 0, "- name: \"ann\"\n  passwordHash: \"$2a$10$", "ann: added\npassword: "},
		{[]string{"user", "add", "ann", "--cost", "4"}, 2, "", "--cost 4: 10 to 14"},
		{[]string{"user", "add", "ann", "--password-stdin"}, 2, "", "shorter than 8 characters"},
		{[]string{"user", "reset", "ann", "--file", "nowhere.yaml"}, 1, "", "nowhere.yaml: no such file"},
		{[]string{"user", "list", "--help"}, 0, "exit code: 0 all entries can sign in, 1 some cannot, 2 usage", ""},
		{[]string{"user", "list", "--file", "FILE"}, 2, "", "neither a list of users nor the manifest of a Secret"},
		{[]string{"user", "remove", "ann"}, 2, "", "name the list"},

		{[]string{"check", "--help"}, 0, "exit code: 0 valid, 1 not, 2 usage", ""},
		{[]string{"check"}, 2, "", "name at least one file or folder"},
		{[]string{"check", "nowhere"}, 2, "", "nowhere: no such file"},
		{[]string{"check", "FILE"}, 0, "1 policy, all valid\n", ""},
		{[]string{"check", "-o", "json", "FILE"}, 0, `{"policies":1,"problems":[]}`, ""},
		{[]string{"check", "-o", "xml", "FILE"}, 2, "", `--output "xml": text, json, sarif or github`},
		{[]string{"check", "--host-grants", "*=a", "FILE"}, 2, "", "--host-grants"},
		{[]string{"check", "--host-reservations", "x", "FILE"}, 2, "", "write HOST=NAMESPACE"},
		{[]string{"check", "--host-claims", "granted-only", "FILE"}, 1, "is not granted to namespace", ""},
		{[]string{"check", "--team-url", "https://app2.example.com", "FILE"}, 1, "where users sign in", ""},
		{[]string{"check", "--team-url", "x", "FILE"}, 2, "", "--team-url"},

		{[]string{"diff", "--help"}, 0, "exit code: 0 nothing opens or closes, 1 mistakes in policies, 2 usage, 3 something opens, 4 something only closes", ""},
		{[]string{"who", "--help"}, 0, "exit code: 0 a policy decides, 1 none does: all is denied, 2 usage", ""},
		{[]string{"who"}, 2, "", "name a host, as in: ostiary who app.example.com/admin"},
		{[]string{"who", "a b", "--policies", "FILE"}, 2, "", "\"a b\": the host holds a character that no DNS name has"},
		{[]string{"who", "app2.example.com", "--policies", "FILE", "-o", "yaml"}, 2, "", `--output "yaml": text or json`},
		{[]string{"who", "app2.example.com", "--policies", "nowhere.yaml"}, 2, "", "nowhere.yaml: no such file"},
		{[]string{"who", "app2.example.com", "x", "--policies", "FILE"}, 2, "", "x: no such file"},
		{[]string{"who", "https://App2.example.com:443/a", "--policies", "FILE"}, 0, "1. people at example.com: allowed once signed in  (staff)", ""},
		{[]string{"who", "other.example.com", "--policies", "FILE"}, 1, "nobody: no policy claims other.example.com", ""},
		{[]string{"who", "app2.example.com", "--policies", "FILE", "--team-url", "https://app2.example.com"}, 1, "nobody: ", "where users sign in"},
		{[]string{"diff", "FILE"}, 2, "", "name what was and what is to be"},
		{[]string{"diff", "FILE", "FILE"}, 0, "Nothing opens, closes or changes: 1 policy before, 1 after.", ""},
		{[]string{"diff", "FILE", "nowhere"}, 2, "", "nowhere: no such file, no git revision (REV or REV:PATH), and not the word cluster"},
		{[]string{"diff", "FILE", "nowhere:x"}, 2, "", "nowhere:x: git: "},
		{[]string{"diff", "FILE", "FILE", "-o", "yaml"}, 2, "", `--output "yaml": text, markdown or json`},
		{[]string{"diff", "cluster", "FILE", "--kubeconfig", "nowhere"}, 2, "", "nowhere"},
		{[]string{"diff", "FILE", "FILE", "--team-url", "x"}, 2, "", "--team-url"},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--as", "ann@example.com", "--age", "25h"}, 3, "SIGN IN FIRST", ""},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "FILE", "--as", "ann@example.com", "--provider", "corp", "--assume-providers", "corp"}, 0, "ALLOWED", ""},
		{[]string{"explain", "GET", "https://app2.example.com/", "--policies", "nowhere:x"}, 2, "", "nowhere:x: git: "},

		{[]string{"serve", "--help"}, 0, "--authz-bind-address", ""},
		{[]string{"serve", "x.yaml"}, 2, "", `"x.yaml" is no flag; for files, write --policies x.yaml`},
		{[]string{"serve", "--authz-bind-adress", "x"}, 2, "", "unknown flag: --authz-bind-adress. Did you mean --authz-bind-address?"},
		{[]string{"serve", "--policies", "FILE", "--team-url", "ftp://x", "--trusted-proxies", "0.0.0.0/0", "--path-prefix", "x/", "--identity-headers", "x",
			"--decision-log", "x", "--key-rotation", "1h", "--log-level", "loud"}, 2, "", "--team-url"},
		{[]string{"serve", "--policies", "FILE", "--keys", "FILE"}, 1, "", "--keys"},
	} {
		code, stdout, stderr := cli(t, c.line...)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%q: exit code %d, want %d\nstdout, wanted %q:\n%s\nstderr, wanted %q:\n%s", c.line, code, c.code, c.stdout, stdout, c.stderr, stderr)
		}
		if c.stdout == "" && stdout != "" {
			t.Errorf("%q: stdout:\n%s", c.line, stdout)
		}
	}
}

// TestServeOptions: all mistakes at once.
func TestServeOptions(t *testing.T) {
	_, _, stderr := cli(t, "serve", "--policies", "FILE", "--team-url", "ftp://x", "--trusted-proxies", "0.0.0.0/0", "--path-prefix", "x/",
		"--identity-headers", "x", "--decision-log", "x", "--key-rotation", "1h", "--log-level", "loud",
		"--return-hosts", "https://x", "--return-ports", "0443",
		"--host-claims", "x", "--host-hold", "-1s", "--upstream-headers", "Host,X-Webauth-User",
		"--decision-log-sample", "2", "--log-rate", "9", "--log-format", "x", "--log-identity", "x", "--log-identity-key", "x",
		"--docs-url", "https://x/?y")
	for _, flag := range []string{"--decision-log-sample", "--log-rate", "--log-format", "--log-identity", "--log-identity-key", "--upstream-headers",
		"--return-hosts", "--return-ports",
		"--host-claims", "--host-hold", "--team-url", "--trusted-proxies", "--path-prefix", "--identity-headers",
		"--decision-log", "--key-rotation", "--log-level", "--docs-url"} {
		if !strings.Contains(stderr, flag+": ") && !strings.Contains(stderr, flag+" \"") {
			t.Errorf("%s is not named:\n%s", flag, stderr)
		}
	}
}

// TestServe from files, until it is told to stop.
func TestServe(t *testing.T) {
	free := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() //nolint:errcheck // only its port was wanted
		return l.Addr().String()
	}
	addr := free()
	args := []string{"serve", "--policies", "FILE", "--keys", t.TempDir(), "--authz-bind-address", addr, "--public-bind-address", "0",
		"--render-bind-address", "0", "--grpc-bind-address", "0", "--preflight-bind-address", "0", "--metrics-bind-address", "0",
		"--health-probe-bind-address", "0"}
	file := filepath.Join(t.TempDir(), "app2.yaml")
	if err := os.WriteFile(file, []byte(seed), 0o600); err != nil {
		t.Fatal(err)
	}
	args[2] = file
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	var log strings.Builder // read once the server is done
	go func() { done <- run(ctx, args, &strings.Builder{}, &log) }()
	answered := false
	for start := time.Now(); !answered && time.Since(start) < 10*time.Second; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			continue
		}
		_, _ = c.Write([]byte("GET /authz/v1/nginx/GET/app2.example.com/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
		var b [64]byte
		n, _ := c.Read(b[:])
		answered = strings.HasPrefix(string(b[:n]), "HTTP/1.1 401 ")
		_ = c.Close()
	}
	cancel()
	if code := <-done; code != 0 || !answered {
		t.Errorf("exit code %d, answered: %t", code, answered)
	}
	if strings.Contains(log.String(), "no AccessPolicy") {
		t.Errorf("there is one: %s", log.String())
	}
	if first, _, _ := strings.Cut(log.String(), "\n"); !strings.Contains(first, `"msg":"starting","version":"dev","commit":"`) {
		t.Errorf("the log begins with %s", first)
	}
}

// TestCheck: every problem, with its line.
func TestCheck(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	text := strings.NewReplacer("Allow\n", "Alow\n", "maxAge: 600", "maxAge: 1000000", "example.com}", "exa mple}").Replace(seed)
	if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, got, _ := cli(t, "check", bad)
	want := []string{":11: shop/app2 spec.cors.maxAge: ", ":14: shop/app2 spec.rules[0].action: ", ":15: shop/app2 spec.rules[0].include[0]: emailDomain: "}
	lines := strings.Split(strings.TrimSpace(got), "\n")
	if code != 1 || len(lines) != len(want) {
		t.Fatalf("exit code %d:\n%s", code, got)
	}
	for i, w := range want {
		if !strings.HasPrefix(lines[i], bad+w) {
			t.Errorf("got %s\nwant %s%s…", lines[i], bad, w)
		}
	}
}

// TestCheckUsers: what `serve` would find in a list of users, `check` finds before it
// is deployed.
func TestCheckUsers(t *testing.T) {
	const objects = "apiVersion: access.ostiary.dev/v1alpha1\nkind: IdentityProvider\nmetadata: {name: people}\nspec: {users: {secretRef: {name: people}}}\n" +
		"---\napiVersion: v1\nkind: Secret\nmetadata: {name: people}\nstringData:\n  users.yaml: |\n    - {name: ann, passwordHash: 'HASH'}\n"
	for hash, want := range map[string]int{
		"$2y$12$K4uI0hXv1PuZMpZOv0aBJOeJ5qUQmZq8s1H8cB0iQb6Jm6oA1v3fS": 0,
		"$apr1$abcdefgh$0123456789abcdefghijkl":                        1,
		"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=":                            1,
		"$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA":                 1,
		"$6$salt$hash": 1, "secret": 1, "$2y$12$short": 1, "": 1,
		"ann:$2y$12$K4uI0hXv1PuZMpZOv0aBJOeJ5qUQmZq8s1H8cB0iQb6Jm6oA1v3fS": 1,
	} {
		file := filepath.Join(t.TempDir(), "people.yaml")
		if err := os.WriteFile(file, []byte(strings.Replace(objects, "HASH", hash, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := cli(t, "check", file)
		if code != want || want == 1 && !strings.Contains(stdout, "passwordHash") || hash != "" && strings.Contains(stdout+stderr, hash) {
			t.Errorf("%s: exit code %d\n%s%s", hash, code, stdout, stderr)
		}
	}
}

// Whatever an error quotes, it writes no line of its own.
func TestComplain(t *testing.T) {
	for _, command := range []string{"check", "audit", "explain"} {
		hostile := filepath.Join(t.TempDir(), "no\nsuch\x1bfile")
		line := []string{command, hostile}
		if command == "explain" {
			line = []string{"explain", "GET", "https://a.example.com/", "--policies", hostile}
		}
		if code, stdout, stderr := cli(t, line...); code != 2 || strings.Count(stdout+stderr, "\n") != 1 || strings.Contains(stderr, "\x1b") {
			t.Errorf("%s: %d, %q %q", command, code, stdout, stderr)
		}
	}
}

// TestServeNothing: where the files hold no policy, the log says so, as everything is denied.
func TestServeNothing(t *testing.T) {
	args := []string{"serve", "--policies", t.TempDir(), "--keys", t.TempDir()}
	for _, l := range []string{"authz", "public", "render", "preflight", "grpc", "metrics", "health-probe"} {
		args = append(args, "--"+l+"-bind-address", "127.0.0.1:0")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	log, stderr := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, args, io.Discard, stderr)
		_ = stderr.Close() // it ends the log
	}()
	said := false
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if strings.Contains(lines.Text(), `"level":"WARN","msg":"there is no AccessPolicy in the files and folders`) {
			said = true
			cancel()
		}
	}
	if code := <-done; code != 0 || !said {
		t.Errorf("exit code %d, said: %t", code, said)
	}
}
