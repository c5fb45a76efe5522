// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/hack/lab"
)

// root is the repository's folder.
func root(t *testing.T) string {
	t.Helper()
	dir, err := lab.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// A listed package is what go list says of one.
type listed struct {
	ImportPath, Name                   string
	Standard                           bool
	Imports, TestImports, XTestImports []string
	Deps                               []string
}

func goList(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list",
		"-json=ImportPath,Name,Standard,Imports,TestImports,XTestImports,Deps"}, args...)...)
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		errors.As(err, &exit)
		t.Fatalf("go list: %v\n%s", err, exit.Stderr)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// under reports whether a package is, or is below, one of the roots.
func under(p string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(r string) bool { return p == r || strings.HasPrefix(p, r+"/") })
}

// TestImports holds the packages to the import rules of ARCHITECTURE.md.
func TestImports(t *testing.T) {
	standard := map[string]bool{}
	for _, p := range goList(t, "-deps", "./...") {
		standard[p.ImportPath] = p.Standard
	}
	fixture := module + "/hack/lab/fixture" // objects of ours
	providerConfig, issuer := module+"/authserver/idp/config", module+"/authserver/oidc/issuer"
	expressions := module + "/authserver/expression"
	tokenIssuer, keySet := module+"/authserver/bearer/config", module+"/authserver/oidc/jwks"
	policyPath, contract, command, authserver, controllers, api := module+"/authserver/policy", module+"/authserver/contract", module+
		"/authserver/command", module+"/authserver", module+"/controllers", module+"/api"
	for _, p := range goList(t, "./...") {
		at := p.ImportPath
		if slices.Contains([]string{"util", "utils", "common", "helpers", "types", "pkg"}, p.Name) ||
			slices.Contains([]string{"util", "utils", "common", "helpers", "types", "pkg"}, path.Base(at)) {
			t.Errorf("%s: a name must say what it owns", at)
		}
		for _, dep := range p.Deps { // those of tests aside
			switch {
			case under(at, policyPath, contract) && !standard[dep] && !under(dep, at) && (dep != policyPath || at == contract):
				t.Errorf("%s depends on %s: the standard library and nothing else", at, dep)
			case under(at, providerConfig, issuer, tokenIssuer, keySet, expressions) && dep == "net/http":
				t.Errorf("%s depends on %s: it reads text, and talks to nobody", at, dep)
			case under(at, authserver) && under(dep, "k8s.io", "sigs.k8s.io", api, controllers):
				t.Errorf("%s depends on %s: it runs without a cluster", at, dep)
			case under(at, fixture) && under(dep, controllers) && !under(dep, controllers+"/cluster", controllers+"/routes", controllers+
				"/translate"):
				t.Errorf("%s depends on %s, whose own tests import it", at, dep)
			case under(at, module+"/hack/lab") && !under(at, fixture) && under(dep, module) && !under(dep, module+"/hack/lab"):
				t.Errorf("%s depends on %s: the product's own tests import it", at, dep)
			case under(at, api) && under(dep, module) && !under(dep, api):
				t.Errorf("%s depends on %s: the kinds import nothing of ours", at, dep)
			case at != module && !under(at, module+"/hack") && under(dep, module) && !under(dep, module+"/hack") && joins(p.Deps):
				t.Errorf("%s joins the auth server and the controllers: that is main.go's job", at)
			}
		}
		for _, dep := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			switch {
			case under(at, controllers) && !under(at, controllers+"/optin", controllers+"/audit", controllers+"/routes", controllers+
				"/installation") &&
				under(dep, controllers+"/routes/plan", controllers+"/routes/coverage"):
				t.Errorf("%s imports %s: optin and audit alone plan and judge what is covered", at, dep)
			case at != module && at != controllers && !under(at, module+"/hack") && under(dep, controllers+"/audit", controllers+"/optin") &&
				!under(at, dep):
				t.Errorf("%s imports %s: it is started by controllers, or by main.go", at, dep)
			case under(at, controllers) && under(dep, authserver) &&
				!under(dep, policyPath, contract, command, expressions, providerConfig, tokenIssuer, authserver+"/telemetry/decisionlog") &&
				slices.Contains(p.Imports, dep):
				t.Errorf("%s imports %s: of the auth server, the vocabularies alone", at, dep)
			case under(dep, module+"/hack") && !under(at, module+"/hack") && (slices.Contains(p.Imports, dep) || !under(dep, module+"/hack/lab")):
				t.Errorf("%s imports %s: nothing that ships depends on hack, and tests on hack/lab alone", at, dep)
			}
		}
	}
}

func joins(deps []string) bool {
	return slices.Contains(deps, module+"/authserver") && slices.Contains(deps, module+"/controllers")
}
