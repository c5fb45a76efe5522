// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// curl runs curl as a user would, but for where names lead to.
func curl(t *testing.T, addr string, args ...string) (statusLine string, fields []string) {
	t.Helper()
	env.recorder.take()
	cmd := exec.Command("curl", append([]string{"-q", "-sS", "-k", "--noproxy", "*", "--connect-to", "::" + addr}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	head, _, _ := strings.Cut(strings.ReplaceAll(string(out), "\r\n", "\n"), "\n\n")
	lines := strings.Split(head, "\n")
	a := &answer{header: lines[1:]}
	return strings.TrimSpace(lines[0]), a.fields()
}

// The seed's own command, over HTTP/2 as in its sample, and over HTTP/1.1. The
// answer is the sample's, but for the cookie and the headers of its network.
func TestS29_TheSeedsOwnCommand(t *testing.T) {
	want := append([]string{"vary: " + preflightVary}, seedAnswer...)
	slices.Sort(want)
	for _, variant := range []string{"D", "B2", "D-keepalive", "B1-route", "D-header"} {
		v := env.variants[variant]
		for _, tt := range []struct{ scheme, addr, status string }{{"https", v.TLSAddr, "HTTP/2 200"}, {"http", v.Addr, "HTTP/1.1 200 OK"}} {
			t.Run(variant+" "+tt.scheme, func(t *testing.T) {
				status, fields := curl(t, tt.addr, "-I", "-XOPTIONS", tt.scheme+"://app2.site.com",
					"-H", "origin: https://app1.almightyzero.com", "-H", "access-control-request-method: GET")
				if status != tt.status || !slices.Equal(fields, want) {
					t.Errorf("%s\n%s\nwant %s\n%s", status, strings.Join(fields, "\n"), tt.status, strings.Join(want, "\n"))
				}
				if hits := env.recorder.take(); len(hits) > 0 {
					t.Errorf("reached %v", hits)
				}
			})
		}
	}
}

// S17, S18, S20: what ostiary check says of settings that cannot hold.
func TestS17_S18_S20_CheckSaysWhatIsWrong(t *testing.T) {
	const head = "apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: x, namespace: shop}\nspec:\n  hosts: [x.example.com]\n" +
		"  rules: [{action: Allow, include: [{everyone: true}]}]\n  cors: "
	for _, tt := range []struct {
		name, cors, says string
		code             int
	}{
		{"S17 all origins with credentials", "{allowAllOrigins: true, allowAllMethods: true, allowCredentials: true}", "CORS credentials are not permitted when all origins are allowed", 1},
		{"S18 null with credentials", "{allowedOrigins: ['null'], allowedMethods: [GET], allowCredentials: true}", "warning", 0},
		{"S18 null", "{allowedOrigins: ['null'], allowedMethods: [GET]}", "", 0},
		{"S20 86401", "{allowAllOrigins: true, allowAllMethods: true, maxAge: 86401}", "86400", 1},
		{"S20 -2", "{allowAllOrigins: true, allowAllMethods: true, maxAge: -2}", "-1", 1},
		{"S20 86400", "{allowAllOrigins: true, allowAllMethods: true, maxAge: 86400}", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "policy.yaml")
			if err := os.WriteFile(file, []byte(head+tt.cors+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(ostiaryBinary, "check", file)
			out, _ := cmd.CombinedOutput() // its exit code is looked at below
			if code := cmd.ProcessState.ExitCode(); code != tt.code || !strings.Contains(string(out), tt.says) {
				t.Errorf("exit code %d, want %d, and %q in\n%s", code, tt.code, tt.says, out)
			}
		})
	}
}
