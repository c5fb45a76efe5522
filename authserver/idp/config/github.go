// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/oidc/issuer"
)

// gitHubSite is where GitHub is for most.
const gitHubSite = "https://github.com"

// GitHubLogin is the UserClaim by which people are called of GitHub what they call themselves.
const GitHubLogin = "login"

// maxOrganizations is the bound of the CRD.
const maxOrganizations = 64

// gitHub checks what is GitHub's.
func (c *check) gitHub() {
	p := c.provider
	site, problem := issuer.Parse(cmp.Or(p.Site, gitHubSite))
	if problem == "" && strings.Trim(site.Path, "/") != "" {
		problem = "write its host alone, such as https://github.example.com"
	}
	if c.Asked = site; problem != "" {
		c.wrong("url", codeSite, "%.300q: %s", p.Site, problem)
	}
	c.client()
	if p.ClientSecret == "" {
		c.wrong("clientSecret", codeSecretNone, "GitHub has no clients without a secret")
	}
	if p.UserClaim != "" && p.UserClaim != GitHubLogin {
		c.wrong("user", codeClaim, "%.40q: nothing, or %q", p.UserClaim, GitHubLogin)
	}
	if len(p.Organizations) > maxOrganizations {
		c.wrong("organizations", codeOrganizations, "%d organizations, and at most %d are allowed", len(p.Organizations), maxOrganizations)
	}
	for i, o := range p.Organizations {
		if !isOrganization(o) || slices.ContainsFunc(p.Organizations[:i], func(b string) bool { return strings.EqualFold(o, b) }) {
			c.wrong(fmt.Sprintf("organizations[%d]", i), codeOrganization, "%.60q: the login of an organization, as in its address, once", o)
		}
	}
	c.certificates()
}

// isOrganization reports whether a name can be an organization's login.
func isOrganization(s string) bool {
	return s != "" && len(s) <= 100 && strings.Trim(s, letters) == ""
}

// GitHubAPI is where the REST API of a site is, without a slash at its end: of GitHub's own
// hosts beside them, and of GitHub Enterprise Server below it.
func GitHubAPI(site *url.URL) string {
	switch host := strings.ToLower(site.Host); {
	case host == "github.com", strings.HasSuffix(host, ".ghe.com"):
		return site.Scheme + "://api." + host
	default:
		return site.Scheme + "://" + site.Host + "/api/v3"
	}
}
