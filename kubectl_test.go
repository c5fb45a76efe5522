// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// asProgram has the binary of these tests be the program, under whatever name it is called.
const asProgram = "OSTIARY_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// kubectl runs the real one, which finds the program as its plugin.
func kubectl(t *testing.T, plugins string, line ...string) (code int, stdout, stderr string) {
	t.Helper()
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set: `make test` builds kubectl and sets it")
	}
	c := exec.CommandContext(t.Context(), filepath.Join(assets, "kubectl"), line...)
	c.Env = []string{"PATH=" + plugins + ":" + assets + ":/usr/bin:/bin", "HOME=" + plugins,
		"KUBECONFIG=" + filepath.Join(plugins, "none"), asProgram + "=1"}
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := c.Run(); errors.As(err, &exit) {
		return exit.ExitCode(), out.String(), errs.String()
	} else if err != nil {
		t.Fatal(err)
	}
	return 0, out.String(), errs.String()
}

// TestKubectl finds the plugin, completes it, and passes on what it says.
func TestKubectl(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	plugins := t.TempDir()
	if err := os.Symlink(self, filepath.Join(plugins, "kubectl-access")); err != nil {
		t.Fatal(err)
	}
	code, script, stderr := kubectl(t, plugins, "access", "completion")
	if code != 0 {
		t.Fatal(stderr)
	}
	file := filepath.Join(plugins, "app2.yaml")
	for name, text := range map[string]string{filepath.Join(plugins, "kubectl_complete-access"): script, file: seed} {
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		line           []string
		code           int
		stdout, stderr string // parts
	}{
		{[]string{"plugin", "list"}, 0, filepath.Join(plugins, "kubectl-access"), ""},
		{[]string{"access"}, 2, "  kubectl access who HOST[/PATH]", ""},
		{[]string{"access", "explain", "--help"}, 0,
			"\n  kubectl access explain GET https://app.example.com/ --as ann@example.com,staff\n", ""},
		{[]string{"access", "who", "app2.example.com", "--policies", file}, 0, "people at example.com: allowed once signed in", ""},
		{[]string{"access", "who"}, 2, "",
			"kubectl access who: name a host, as in: kubectl access who app.example.com/admin\nRun 'kubectl access who --help'"},
		{[]string{"access", "serve"}, 2, "", `there is no command "serve"`},
		{[]string{"access", "who", "a.example", "--context", "nowhere"}, 2, "", `context "nowhere" does not exist`},
		{[]string{"access", "token", "create", "ci", "-n", "shop"}, 0, "namespace: shop\n", ""},
		{[]string{"access", "diff", file, file}, 0, "Nothing opens, closes or changes", ""},
		{[]string{"__complete", "access", "ex"}, 0, "explain\tExplain the decision about a request\n", ""},
		{[]string{"__complete", "access", "explain", "-o", ""}, 0, "json\n", ""},
		{[]string{"__complete", "access", "who", "--kube"}, 0, "--kubeconfig\t", ""},
	} {
		code, stdout, stderr := kubectl(t, plugins, c.line...)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%q: exit code %d, want %d\nstdout, wanted %q:\n%s\nstderr, wanted %q:\n%s",
				c.line, code, c.code, c.stdout, stdout, c.stderr, stderr)
		}
	}
	// The binary itself completes, too, as a link of that name.
	if err := os.Remove(filepath.Join(plugins, "kubectl_complete-access")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(plugins, "kubectl_complete-access")); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := kubectl(t, plugins, "__complete", "access", "wh")
	if code != 0 || !strings.Contains(stdout, "who\tShow who can reach") {
		t.Errorf("%d\n%s\n%s", code, stdout, stderr)
	}
}
