// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/url"
	"testing"
)

// TestGitHubAPI: of each kind of GitHub its own.
func TestGitHubAPI(t *testing.T) {
	for site, want := range map[string]string{
		"https://github.com": "https://api.github.com", "https://GitHub.com/": "https://api.github.com",
		"https://octo.ghe.com": "https://api.octo.ghe.com", "https://github.example.com:8443": "https://github.example.com:8443/api/v3",
		"https://ghe.com.example.com": "https://ghe.com.example.com/api/v3", "https://notgithub.com": "https://notgithub.com/api/v3",
	} {
		u, err := url.Parse(site)
		if err != nil {
			t.Fatal(err)
		}
		if got := GitHubAPI(u); got != want {
			t.Errorf("%s: %s, want %s", site, got, want)
		}
	}
}

// TestGitHubConfig: what is taken, and what is not.
func TestGitHubConfig(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*Provider)
		ok   bool
	}{
		"as it is": {func(*Provider) {}, true}, "login": {func(p *Provider) { p.UserClaim = GitHubLogin }, true},
		"another name":  {func(p *Provider) { p.UserClaim = "name" }, false},
		"http":          {func(p *Provider) { p.Site = "http://github.example.com" }, false},
		"this machine":  {func(p *Provider) { p.Site = "http://localhost:3000/" }, true},
		"a path":        {func(p *Provider) { p.Site = "https://g.example.com/x" }, false},
		"a port":        {func(p *Provider) { p.Site = "https://g.example.com:8443" }, true},
		"a query":       {func(p *Provider) { p.Site = "https://g.example.com?x" }, false},
		"organizations": {func(p *Provider) { p.Organizations = []string{"a-b", "c_d"} }, true},
		"one twice":     {func(p *Provider) { p.Organizations = []string{"Example", "example"} }, false},
		"an empty one":  {func(p *Provider) { p.Organizations = []string{""} }, false},
		"a dot":         {func(p *Provider) { p.Organizations = []string{"a.b"} }, false},
		"no client":     {func(p *Provider) { p.ClientID = "" }, false},
		"a private key": {func(p *Provider) { p.CABundle = []byte("-----BEGIN PRIVATE KEY-----\n") }, false},
	} {
		p := hub()
		c.edit(&p)
		if issues := Check(&p); (len(issues) == 0) != c.ok {
			t.Errorf("%s: %+v", name, issues)
		}
	}
}
