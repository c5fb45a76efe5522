// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	_ "embed"
	"net/url"
	"regexp"
	"strings"
)

// policies are the AccessPolicies of the suite: the same for every proxy.
//
//go:embed testdata/policies.yaml
var policies string

const (
	teamHost = "auth.example.com"
	teamURL  = "https://" + teamHost
)

// A route leads a host and a path to an application, as an Ingress does; policy is
// the one that it names, all of namespace shop.
type route struct{ name, host, path, policy string }

// apps are the routes of the suite. Those of app.example.com have an Ingress each, so
// that each can name its policy.
var apps = []route{
	{"app1", "app1.site.com", "/", "app1"},
	{"app2", "app2.site.com", "/", "app2"},
	{"app", "app.example.com", "/", "app"},
	{"app-public", "app.example.com", "/public", "app-public"},
	{"app-api", "app.example.com", "/api", "app-api"},
	{"public", "public.example.com", "/", "public"},
	{"tenants", "*.apps.example.com", "/", "tenants"},
	{"open", "open.example.com", "/", "open"},
	{"null-origin", "null.example.com", "/", "null-origin"},
	{"multi", "multi.example.com", "/", "multi"},
	{"managed", "managed.example.com", "/", "managed"},
	{"handsoff", "handsoff.example.com", "/", "handsoff"},
	{"dry", "dry.example.com", "/", "dry"},
	{"redirect", "redirect.example.com", "/", "redirect"},
	{"strict", "strict.example.com", "/", "strict"},
	{"write", "write.example.com", "/", "write"},
	{"staff", "staff.example.com", "/", "staff"},
	{"office", "office.example.com", "/", "office"},
	{"evidence", "evidence.example.com", "/", "evidence"},
	{"orphan", "orphan.example.com", "/", "no-such-policy"},
}

// ownPreflights: the application answers them.
func (r route) ownPreflights() bool { return r.policy == "handsoff" || r.policy == "dry" }

// Addresses that requests come from: the policy office knows the second. None of
// them is trusted as a proxy's.
const (
	clientAddress = "127.0.0.2"
	officeAddress = "127.0.0.3"
)

// hosts returns each host once: where a proxy has one route a host, and the policy
// is found by the path alone.
func hosts() []route {
	var out []route
	for _, r := range apps {
		if r.path == "/" {
			out = append(out, r)
		}
	}
	return out
}

// A principal is who a request comes from, as its sessions tell: the policies that
// they are for.
type principal map[string]bool

// denied is the slow reference: why a request that reached an application should
// not have, "" where it may be there. It goes by the route that the proxy chose, and
// by every way to read the path.
func denied(h hit, who principal) string { return deniedBy(h.app, h.path(), h, who) }

// path is what stands before the query.
func (h hit) path() string {
	path, _, _ := strings.Cut(h.target, "?")
	if _, rest, ok := strings.Cut(path, "://"); ok { // an absolute form, passed on
		_, path, _ = strings.Cut(rest, "/")
		path = "/" + path
	}
	return path
}

// deniedByHost asks the same of the host that the application is told: it may serve
// several, as a Service behind two Ingresses does.
func deniedByHost(h hit, who principal) string {
	for _, r := range hosts() {
		if matches(r.host, hostName(h.header.Get("Host"))) {
			return deniedBy(r.name, h.path(), h, who)
		}
	}
	return ""
}

func deniedBy(app, path string, h hit, who principal) string {
	needs := []string{app}
	switch app {
	case "app", "app-public", "app-api":
		needs = policiesOfPath(path)
		if app == "app-api" {
			needs = append(needs, "app-api") // the route says so, whatever the path does
		}
	case "public":
		needs = nil
	case "write":
		if h.method == "GET" {
			needs = nil
		}
	case "dry": // dryRun: Open
		needs = nil
	case "staff":
		if path == "/app.webmanifest" && (h.method == "GET" || h.method == "HEAD") {
			needs = nil // exempt
		}
	case "office":
		if h.from == officeAddress {
			needs = nil
		}
	case "handsoff":
		if h.method == "OPTIONS" && h.header.Get("Origin") != "" && h.header.Get("Access-Control-Request-Method") != "" {
			needs = nil
		}
	}
	for _, policy := range needs {
		if policy != "app-public" && !who[policy] {
			return "no session for policy shop/" + policy
		}
	}
	return ""
}

// policiesOfPath tells whose a path of app.example.com is, in every way that an
// application might read it: as it is, decoded once or twice, with \ for /, without
// what follows a semicolon. Without a session may be only what is public in all.
func policiesOfPath(path string) []string {
	readings := []string{path}
	for decoded := path; len(readings) < 3; readings = append(readings, decoded) {
		var err error
		if decoded, err = url.PathUnescape(decoded); err != nil {
			break
		}
	}
	var out []string
	for _, r := range readings {
		for _, r := range []string{r, strings.ReplaceAll(r, "\\", "/"), parameters.ReplaceAllString(r, "")} {
			out = append(out, policyOfPath(canonical(r)))
		}
	}
	if len(out) > 3 && out[3] == "app-api" && out[0] == "app" { // nobody takes /%61pi/x for another path
		out = out[3:]
	}
	return out
}

func policyOfPath(c string) string {
	switch under := func(prefix string) bool { return c == prefix || strings.HasPrefix(c, prefix+"/") }; {
	case under("/public"):
		return "app-public"
	case under("/api"):
		return "app-api"
	default:
		return "app"
	}
}

var parameters = regexp.MustCompile(`;[^/]*`)

// canonical resolves dots and merges slashes; "" is what leaves the root.
func canonical(path string) string {
	if !strings.HasPrefix(path, "/") {
		return ""
	}
	var out []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			if len(out) == 0 {
				return ""
			}
			out = out[:len(out)-1]
		default:
			out = append(out, segment)
		}
	}
	return "/" + strings.Join(out, "/")
}

// hostName is a Host header without what an application would overlook.
func hostName(h string) string {
	h, _, _ = strings.Cut(strings.ToLower(h), ":")
	return strings.TrimSuffix(h, ".")
}

func matches(pattern, host string) bool {
	if rest, ok := strings.CutPrefix(pattern, "*."); ok {
		label, parent, _ := strings.Cut(host, ".")
		return label != "" && parent == rest
	}
	return pattern == host
}
