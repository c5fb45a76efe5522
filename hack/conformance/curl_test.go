// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/hack/lab"
)

// curl: the seed's own command, over HTTP/2 as in its sample, and over HTTP/1.1 (S29).
// The answer is the sample's, but for the cookie and the headers of its network.
func (a *asking) curl(t *testing.T) {
	want := append([]string{"vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}, seedAnswer...)
	slices.Sort(want)
	for name, v := range a.ways {
		if v.Own {
			continue // its application would answer
		}
		for _, tt := range []struct{ scheme, addr, status string }{{"https", v.TLSAddr, "HTTP/2 200"}, {"http", v.Addr, "HTTP/1.1 200 OK"}} {
			t.Run(name+" "+tt.scheme, func(t *testing.T) {
				a.apps.Take()
				cmd := exec.CommandContext(t.Context(), "curl", "-q", "-sS", "-k", "--noproxy", "*", "--connect-to", "::"+tt.addr, "-I", "-XOPTIONS",
					tt.scheme+"://app2.site.com",
					"-H", "origin: "+seedOrigin, "-H", "access-control-request-method: GET")
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
				}
				head, _, _ := strings.Cut(strings.ReplaceAll(string(out), "\r\n", "\n"), "\n\n")
				lines := strings.Split(head, "\n")
				got := fields(&answer{Answer: lab.Answer{Header: lines[1:]}})
				if status := strings.TrimSpace(lines[0]); status != tt.status || !slices.Equal(got, want) {
					t.Errorf("%s\n%s\nwant %s\n%s", status, strings.Join(got, "\n"), tt.status, strings.Join(want, "\n"))
				}
				if hits := a.apps.Take(); len(hits) > 0 {
					t.Errorf("reached %v", hits)
				}
			})
		}
	}
}

// TestCheckSaysWhatIsWrong: what ostiary check says of settings that cannot hold (S17,
// S18, S20).
func TestCheckSaysWhatIsWrong(t *testing.T) {
	const head = "apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: x, namespace: shop}\nspec:\n  hosts: " +
		"[x.example.com]\n" +
		"  rules: [{action: Allow, include: [{everyone: true}]}]\n  cors: "
	for _, tt := range []struct {
		name, cors, says string
		code             int
	}{
		{"all origins with credentials", "{allowAllOrigins: true, allowAllMethods: true, allowCredentials: true}",
			"CORS credentials are not permitted when all origins are allowed", 1},
		{"null with credentials", "{allowedOrigins: ['null'], allowedMethods: [GET], allowCredentials: true}", "warning", 0},
		{"null", "{allowedOrigins: ['null'], allowedMethods: [GET]}", "", 0},
		{"86401", "{allowAllOrigins: true, allowAllMethods: true, maxAge: 86401}", "86400", 1},
		{"-2", "{allowAllOrigins: true, allowAllMethods: true, maxAge: -2}", "-1", 1},
		{"86400", "{allowAllOrigins: true, allowAllMethods: true, maxAge: 86400}", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "policy.yaml")
			if err := os.WriteFile(file, []byte(head+tt.cors+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), shared.ostiary.Binary, "check", file)
			out, _ := cmd.CombinedOutput() // its exit code is looked at below
			if code := cmd.ProcessState.ExitCode(); code != tt.code || !strings.Contains(string(out), tt.says) {
				t.Errorf("exit code %d, want %d, and %q in\n%s", code, tt.code, tt.says, out)
			}
		})
	}
}
