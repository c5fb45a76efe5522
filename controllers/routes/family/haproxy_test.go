// SPDX-License-Identifier: Apache-2.0

package family

import (
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

const haproxyAsks = "svc://ostiary/ostiary-authz:9001/authz/v1/forward/shop/web"

// An address of ours does, if the proxy sets the three headers that say what is asked about,
// and sets them before it asks.
func TestHAProxyQuestion(t *testing.T) {
	const url, sets, older = routes.HAProxyPrefix + "auth-url", routes.HAProxyPrefix + "request-set-headers", "ingress.kubernetes.io/"
	const place, us = routes.HAProxyPrefix + "auth-external-placement", "svc://ostiary/ostiary-authz:9001"
	for name, tc := range map[string]struct {
		pairs []string
		want  routes.Question
	}{
		"nothing":                     {nil, routes.AsksNobody},
		"an empty address":            {[]string{url, "", sets, haproxyTarget}, routes.AsksNobody},
		"as it is planned":            {[]string{url, haproxyAsks, sets, haproxyTarget}, routes.AsksUs},
		"without a pin":               {[]string{url, us + "/authz/v1/forward", sets, haproxyTarget}, routes.AsksUs},
		"by its name":                 {[]string{url, routestest.Settings.AuthzURL + "/authz/v1/forward", sets, haproxyTarget}, routes.AsksUs},
		"at the older prefix":         {[]string{older + "auth-url", haproxyAsks, older + "request-set-headers", haproxyTarget}, routes.AsksUs},
		"headers in other letters":    {[]string{url, haproxyAsks, sets, strings.ToLower(haproxyTarget)}, routes.AsksUs},
		"others":                      {[]string{url, "http://sso.example.com", sets, haproxyTarget}, routes.AsksOthers},
		"others, without headers":     {[]string{url, "http://sso.example.com"}, routes.AsksOthers},
		"another Service":             {[]string{url, "svc://shop/ostiary-authz:9001/authz/v1/forward", sets, haproxyTarget}, routes.AsksOthers},
		"another port":                {[]string{url, "svc://ostiary/ostiary-authz:9002/authz/v1/", sets, haproxyTarget}, routes.AsksOthers},
		"another path":                {[]string{url, us + "/authz/v1/nginx", sets, haproxyTarget}, routes.AsksWrongly},
		"without headers":             {[]string{url, haproxyAsks}, routes.AsksWrongly},
		"before that, in the backend": {[]string{url, haproxyAsks, sets, haproxyTarget, place, "backend"}, routes.AsksUs},
		"in other letters":            {[]string{url, haproxyAsks, sets, haproxyTarget, place, "Backend"}, routes.AsksUs},
		"before the headers":          {[]string{url, haproxyAsks, sets, haproxyTarget, place, "frontend"}, routes.AsksWrongly},
		"that, in other letters":      {[]string{url, haproxyAsks, sets, haproxyTarget, place, "FrontEnd"}, routes.AsksWrongly},
		"nowhere":                     {[]string{url, haproxyAsks, sets, haproxyTarget, place, "somewhere"}, routes.AsksNobody},
		"an empty place":              {[]string{url, haproxyAsks, sets, haproxyTarget, place, ""}, routes.AsksUs},
		"the newer prefix counts":     {[]string{url, "", older + "auth-url", haproxyAsks, sets, haproxyTarget}, routes.AsksNobody},
	} {
		if got := questionOf(t, world(t, site(routes.HAProxyIngress, tc.pairs...))); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
		if got := questionOf(t, world(t, site(routes.IngressNGINX, tc.pairs...))); got != routes.AsksNobody {
			t.Errorf("%s: nginx does not read it, and asks %d", name, got)
		}
	}
	lines := strings.Split(haproxyTarget, "\n")
	for i := range lines {
		two := strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "\n")
		if got := questionOf(t, world(t, site(routes.HAProxyIngress, url, haproxyAsks, sets, two))); got != routes.AsksWrongly {
			t.Errorf("without %s: %d", lines[i], got)
		}
	}
}

func TestHAProxyGaps(t *testing.T) {
	for value, want := range map[string]int{"true": 1, "TRUE": 1, "1": 1, "t": 1, "false": 0, "0": 0, "": 0, "on": 0} {
		for _, prefix := range routes.HAProxyPrefixes {
			got := gapsOf(t, world(t, site(routes.HAProxyIngress, prefix+"ssl-passthrough", value)))
			if len(got) != want || want == 1 && got[0] != routes.TLSPassthrough {
				t.Errorf("%sssl-passthrough: %q has gaps %v", prefix, value, got)
			}
		}
		if got := gapsOf(t, world(t, site(routes.HAProxyIngress, routes.NGINXPassthrough.Key(), value))); len(got) > 0 {
			t.Errorf("it does not read what is nginx's: %v", got)
		}
	}
}

func TestHAProxyPlan(t *testing.T) {
	w := planOf(t, world(t, site(routes.HAProxyIngress, routes.HAProxyPathType.Key(), "prefix")))
	if !w.Asks || len(w.Findings) > 0 || objectsOf(w) != "Ingress ostiary/ostiary-preflight.shop.web" || w.SignIn == nil {
		t.Errorf("asks %t, %s, %s", w.Asks, reasonsOf(w), objectsOf(w))
	}
	for key, want := range map[string]string{
		"auth-url": haproxyAsks, "request-set-headers": haproxyTarget, "auth-headers-fail": "*", "auth-method": "GET",
		"auth-headers-succeed": strings.Join(routestest.Settings.IdentityHeaders, ","),
	} {
		if got := w.Annotations[routes.HAProxyPrefix+key]; got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	sent := routes.SplitList(w.Annotations[routes.HAProxyPrefix+"auth-headers-request"])
	for _, header := range append(contract.Asked(), contract.ForwardedHost, contract.ForwardedURI, contract.ForwardedMethod) {
		if !slices.Contains(sent, header) {
			t.Errorf("%s is not sent with the question", header)
		}
	}
	notes := w.Objects[0].GetAnnotations()
	match := notes[routes.HAProxyPrefix+"http-header-match-regex"]
	if notes[routes.HAProxyPathType.Key()] != "prefix" || match != "Origin: .+\nAccess-Control-Request-Method: .+" {
		t.Errorf("preflights: %v", notes)
	}
	bypassed := world(t, site(routes.HAProxyIngress))
	bypassed.Policies[0].CORS = &policy.CORS{BypassPreflight: true}
	if w := planOf(t, bypassed); len(w.Objects) > 0 || !w.Asks {
		t.Errorf("where the application answers preflights: %s", objectsOf(w))
	}
	odd := strings.Replace(site(routes.HAProxyIngress), `path: "/"`, `path: "/a b"`, 1)
	if w := planOf(t, world(t, odd)); reasonsOf(w) != routes.OddPath || len(w.Objects) > 0 {
		t.Errorf("an odd path: %s, %s", reasonsOf(w), objectsOf(w))
	}
}

// What people wrote that undoes the question is found, and whether it asks all the same.
func TestHAProxyUndone(t *testing.T) {
	const forward = "http://ostiary-authz.ostiary.svc:9001" + contract.ForwardPath
	for name, tc := range map[string]struct {
		pairs  []string
		reason string
		asks   bool
	}{
		"others":                     {[]string{"auth-url", "http://sso.example.com"}, routes.ForeignAuth, false},
		"us, by somebody's own hand": {[]string{"auth-url", forward, "request-set-headers", haproxyTarget}, routes.ForeignAuth, true},
		"us, and a visitor may say":  {[]string{"auth-url", forward}, routes.ForeignAuth, false},
		"what we write ourselves":    {[]string{"auth-url", haproxyAsks}, "", true},
		"headers of their own":       {[]string{"request-set-headers", "X-A: b"}, routes.ForeignAnnotation, false},
		"fewer headers for the app":  {[]string{"auth-headers-succeed", "X-User"}, routes.ForeignAnnotation, false},
		"asked too early":            {[]string{"auth-external-placement", "frontend"}, routes.RewrittenTarget, false},
		"asked nowhere":              {[]string{"auth-external-placement", "x"}, "", false},
		"asked in the backend":       {[]string{"auth-external-placement", "backend"}, "", true},
		"its own CORS":               {[]string{"cors-enable", "true"}, routes.ForeignCORS, true},
		"its own CORS, spelled":      {[]string{"cors-enable", "1"}, routes.ForeignCORS, true},
		"its own CORS, off":          {[]string{"cors-enable", "false"}, "", true},
		"nothing that concerns us":   {[]string{"timeout-client", "5s"}, "", true},
		"nothing that is haproxy's":  {nil, "", true},
	} {
		var pairs []string
		for pair := range slices.Chunk(tc.pairs, 2) {
			pairs = append(pairs, routes.HAProxyPrefix+pair[0], pair[1])
		}
		w := planOf(t, world(t, site(routes.HAProxyIngress, pairs...)))
		if reasonsOf(w) != tc.reason || w.Asks != tc.asks {
			t.Errorf("%s: %s, asks %t", name, reasonsOf(w), w.Asks)
		}
		if foreign := tc.reason == routes.ForeignAuth; foreign != (len(w.Annotations) == 0) {
			t.Errorf("%s: writes %v", name, w.Annotations)
		}
	}
}

// Of two Ingresses that lead to one port of a Service haproxy-ingress takes the headers of one.
func TestHAProxySharedService(t *testing.T) {
	beside := func(service, notes string) string {
		return strings.Replace(routestest.HaproxyYAML("beside", notes), "name: app,", "name: "+service+",", 1)
	}
	sets := routes.HAProxySets.Key() + `: "X-A: b"`
	for name, tc := range map[string]struct {
		world string
		asks  bool
	}{
		"other headers":              {beside("app", sets), false},
		"to another Service":         {beside("other", sets), true},
		"none":                       {beside("app", routestest.Opted), true},
		"the same":                   {beside("app", routes.HAProxySets.Key()+`: "`+strings.ReplaceAll(haproxyTarget, "\n", `\n`)+`\n"`), true},
		"other ones, read by nobody": {strings.Replace(beside("app", sets), "ClassName: haproxy", "ClassName: nginx", 1), true},
	} {
		w := planOf(t, world(t, site(routes.HAProxyIngress), tc.world))
		if w.Asks != tc.asks || routestest.Has(w.Findings, routes.SharedService, "web") == tc.asks {
			t.Errorf("%s: asks %t, %s", name, w.Asks, reasonsOf(w))
		}
	}
}
