// SPDX-License-Identifier: Apache-2.0

package review

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/authserver"
	"github.com/ostiary/ostiary/authserver/bearer"
	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/explain"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/denials"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/controllers/manifests"
	"github.com/ostiary/ostiary/controllers/review"
)

// run runs a command line of the program.
func run(t *testing.T, line ...string) (code int, stdout, stderr string) {
	t.Helper()
	commands := []*cobra.Command{explain.Command(&feed.Source{}, &denials.History{Source: &feed.Source{}}), review.Diff()}
	var out, errs strings.Builder
	code = command.Execute(t.Context(), command.Root("ostiary", "test", "", commands...), line, &out, &errs)
	return code, out.String(), errs.String()
}

// unpack writes the two sides of a case into folders, and returns what it is about.
func unpack(t *testing.T, file, dir string) (about string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.NewReplacer("REVOKED", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "KEYS", keySet()).Replace(string(text))
	parts := strings.Split("\n"+all, "\n-- ")
	for _, part := range parts[1:] {
		name, body, _ := strings.Cut(part, " --\n")
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return strings.TrimSpace(parts[0])
}

// A finding is a part of what `ostiary diff -o json` prints.
type finding struct {
	Version, Opens, Closes, Changes int
	Differences                     []struct {
		Effect, Summary string
		Headers         []string
		Age             string
		Witness         witness
		Before, After   struct{ CORS map[string]string }
		Explain         struct{ Before, After string }
	}
}

func cases(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/" + folder + "/*.txt")
	if err != nil || len(files) < 45 {
		t.Fatal(len(files), err)
	}
	return files
}

// TestWidened: each change opens something. It is found, and its witness, asked of a
// running server with the old and with the new policies, is refused and then passes.
func TestWidened(t *testing.T) {
	for _, file := range cases(t, "widened") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Chdir(absolute(t, file, t.TempDir()))
			code, stdout, stderr := run(t, "diff", "old", "new", "-o", "json")
			var got finding
			if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 3 || got.Version != 1 || got.Opens == 0 {
				t.Fatalf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
			}
			for i, d := range got.Differences {
				for side, line := range map[string]string{"old": d.Explain.Before, "new": d.Explain.After} {
					code, out, errs := run(t, words(t, line)[1:]...)
					refused := d.Effect == "opens" && side == "old" || d.Effect == "closes" && side == "new"
					passes := d.Effect == "opens" && side == "new" || d.Effect == "closes" && side == "old"
					if code == 0 && refused && d.Before.CORS == nil || code != 0 && passes {
						t.Errorf("%s: exit code %d: %s\n%s%s", d.Summary, code, line, out, errs)
					}
				}
				if d.Effect == "changes" {
					continue
				}
				before, corsBefore := replay(t, "old", &got, i)
				after, corsAfter := replay(t, "new", &got, i)
				if d.Effect == "closes" {
					before, corsBefore, after, corsAfter = after, corsAfter, before, corsBefore
				}
				if !after || before && corsBefore == corsAfter {
					t.Errorf("%s: the server says %v %q, and then %v %q\n%s", d.Summary, before, corsBefore, after, corsAfter, d.Explain.After)
				}
			}
		})
	}
}

// absolute unpacks a case and returns its folder.
func absolute(t *testing.T, file, dir string) string {
	t.Helper()
	unpack(t, file, dir)
	return dir
}

// TestHarmless: whatever the manifests look like, nothing opens or closes.
func TestHarmless(t *testing.T) {
	for _, file := range cases(t, "harmless") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			dir := absolute(t, file, t.TempDir())
			code, stdout, stderr := run(t, "diff", filepath.Join(dir, "old"), filepath.Join(dir, "new"))
			if code != 0 || !strings.HasPrefix(stdout, "Nothing opens, closes or changes") || stderr != "" {
				t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
			}
		})
	}
}

// words splits a command line as a shell does, as far as diff quotes.
func words(t *testing.T, line string) (out []string) {
	t.Helper()
	word, quoted, any := "", false, false
	for _, c := range line {
		switch {
		case c == '\'':
			quoted, any = !quoted, true
		case c == ' ' && !quoted:
			if any || word != "" {
				out = append(out, word)
			}
			word, any = "", false
		default:
			word += string(c)
		}
	}
	return append(out, word)
}

// replay asks a running server, through the authz listener, and returns whether the
// request passes and what the answer says about CORS.
func replay(t *testing.T, folder string, of *finding, i int) (passes bool, cors string) {
	t.Helper()
	d := &of.Differences[i]
	w := &d.Witness
	loader, err := manifests.NewLoader([]string{folder})
	if err != nil {
		t.Fatal(err)
	}
	loader.InUse = func([]config.Provider) *policy.Providers {
		return policy.NewProviders(policy.Provider{Name: w.Provider})
	}
	loader.Terms.AllEvaluations = true // as diff has it
	set := loader.Load()
	table, problems := set.Build()
	for _, p := range problems {
		if !p.Warning {
			t.Fatal(p)
		}
	}
	target, err := policy.ParseTarget(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	var live policy.Live
	live.Publish(table)
	ring, err := credential.NewRing(now.Add(-40 * 24 * time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	const issuer = "https://auth.example.net"
	bearers := bearer.New(bearer.Options{Now: time.Now})
	bearers.Update(set.TokenIssuers)
	verifier := credential.NewVerifier(ring, issuer, 10)
	server := authserver.New(authserver.Config{
		Tokens: bearers.Verify, Countries: land(w.Country), Linked: verifier.Linked,
		Table: live.Table, Subject: verifier.Subject, KeySet: ring.JWKS, Ready: func() bool { return true },
		Log: slog.New(slog.DiscardHandler), SessionDuration: policy.DefaultSessionDuration,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}).Authz()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(l)      //nolint:errcheck // it ends with the test
	defer server.Shutdown() //nolint:errcheck // nobody waits
	host, path, _ := strings.Cut(strings.TrimPrefix(w.URL, "https://"), "/")
	request := fmt.Sprintf("GET %s/%s/%s/%s HTTP/1.1\r\nHost: authz\r\nConnection: close\r\n%s", w.endpoint(), w.Method, host, path, w.proofs(t))
	for _, h := range d.Headers {
		request += h + "\r\n"
	}
	if w.Address != "" {
		request += "X-Forwarded-For: " + w.Address + "\r\n"
	}
	if len(w.LinkedApps) > 0 {
		at, _ := table.TargetOf(w.LinkedApps[0])
		token, err := ring.Mint(credential.Claims{Issuer: issuer, Audience: w.LinkedApps, Host: at.Host(), ID: "ann", Email: "ann@example.com",
			Lifetime: time.Hour}, now)
		if err != nil {
			t.Fatal(err)
		}
		request += "X-Access-Token: " + token + "\r\n"
	}
	if w.Email != "" {
		age, _ := time.ParseDuration(d.Age)
		claims := credential.Claims{Issuer: issuer, Audience: []string{table.Audience(target)}, ID: w.Email, Email: w.Email, Groups: w.Groups,
			AMR:      w.AMR,
			Provider: w.Provider, SignedInAt: now.Add(-age), IssuedAt: now.Add(-age), Lifetime: (age + time.Hour).Truncate(time.Second)}
		for _, c := range w.Claims {
			claim, value, _ := strings.Cut(c, "=")
			claims.Custom = append(claims.Custom, policy.IdentityClaim{Name: claim, Values: []string{value}})
		}
		claims.Evaluations = w.outcomes(table, target)
		name := "Cookie: __Host-ostiary="
		if w.Token {
			claims.AuthorizedParty, name = w.Origin, "Authorization: Bearer "
		}
		if claims.Audience[0] != "" {
			token, err := ring.Mint(claims, now)
			if err != nil {
				t.Fatal(err)
			}
			request += name + token + "\r\n"
		}
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // it was read to its end
	_, _ = c.Write([]byte(request + "\r\n"))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	return resp.StatusCode == 200, resp.Header.Get("Access-Control-Allow-Credentials") + resp.Header.Get("Access-Control-Allow-Methods")
}
