// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func bound(t *testing.T) *Table {
	t.Helper()
	app, admin := of("shop", "app", 0, Bypass, []string{"a.x"}), of("shop", "admin", 1, Bypass, []string{"a.x"}, prefixes("/admin")...)
	app.CORS = &CORS{AllowAllOrigins: true, AllowAllMethods: true}
	return mustBuild(t, app, admin, of("evil", "app", 2, Bypass, []string{"e.x"})).bound([]Binding{
		{"shop/web", "shop/app"}, {"shop/back", "shop/admin"}, {"shop/lost", "shop/gone"}, {"evil/web", "evil/app"},
		{"shop/torn", "shop/app"}, {"shop/torn", "shop/admin"},
	})
}

// Only the policy that the Ingress names may decide about what it routed.
func TestBound(t *testing.T) {
	table := bound(t)
	for _, tc := range []struct{ ingress, url, want string }{
		{"", "https://a.x/", "allow bypass app"},
		{"shop/web", "https://a.x/", "allow bypass app"},
		{"shop/web", "https://a.x/admin", "deny no-policy"},
		{"shop/back", "https://a.x/admin/x", "allow bypass admin"},
		{"shop/back", "https://a.x/", "deny no-policy"},
		{"shop/web", "https://e.x/", "deny no-policy"},
		{"evil/web", "https://a.x/", "deny no-policy"},
		{"evil/web", "https://e.x/", "allow bypass app"},
		{"shop/lost", "https://a.x/", "deny no-policy"},
		{"shop/torn", "https://a.x/", "deny no-policy"},
		{"shop/unknown", "https://a.x/", "deny no-policy"},
		{"SHOP/WEB", "https://a.x/", "deny no-policy"},
		{"/", "https://a.x/", "deny no-policy"},
		{"shop/web", "https://nobody.x/", "deny no-policy"},
	} {
		r := Request{Target: mustTarget(t, tc.url), Method: "GET", Now: now, Ingress: tc.ingress}
		if got := brief(table.Decide(r)); got != tc.want {
			t.Errorf("%s of %q: %s, want %s", tc.url, tc.ingress, got, tc.want)
		}
		p := preflight(t, tc.url, "https://o.x", "GET", "")
		p.Ingress = tc.ingress
		if d := table.Decide(p); d.Verdict == AnswerPreflight && !strings.HasSuffix(tc.want, " app") {
			t.Errorf("the preflight of %s is answered for %q", tc.url, tc.ingress)
		}
	}
	var none *Table
	if none.Decide(Request{Ingress: "a/b"}).Reason != NotReady {
		t.Error("a nil table knows bindings")
	}
}

// What is said of a request that another policy's route let in: which policy that route names, or
// why it names none.
func TestBoundExplained(t *testing.T) {
	table := bound(t).bound([]Binding{
		{"shop/web", "shop/app"}, {"shop/torn", "shop/app"}, {"shop/torn", "shop/admin"}, {"shop/both", "shop/app"},
		{RouteKind + "shop/both", "shop/admin"}, {RouteKind + "shop/two", "shop/app"}, {RouteKind + "shop/two", "shop/x"}, {"shop/two", "shop/y"},
	})
	for _, tc := range []struct {
		ingress string
		pin     Pin
		want    string
	}{
		{"shop/web", IngressPin, "Ingress shop/web, which names policy shop/app; this host and path are those of shop/admin"},
		{"shop/web", EitherPin, "Ingress or HTTPRoute shop/web, which names policy shop/app; this host and path are those of shop/admin"},
		{"shop/torn", IngressPin, "Ingress shop/torn, which names more than one policy, and so none"},
		{"shop/torn", EitherPin, "Ingress or HTTPRoute shop/torn, which names more than one policy, and so none"},
		{"shop/torn", RoutePin, "HTTPRoute shop/torn, which names no policy"},
		{"shop/two", RoutePin, "HTTPRoute shop/two, which names more than one policy, and so none"},
		{"shop/none", IngressPin, "Ingress shop/none, which names no policy"},
		{"shop/none", EitherPin, "Ingress or HTTPRoute shop/none, which names no policy"},
		{"shop/both", EitherPin, "Ingress or HTTPRoute shop/both, which are two objects: " +
			"the Ingress names policy shop/app, and the HTTPRoute policy shop/admin"},
		{"shop/two", EitherPin, "Ingress or HTTPRoute shop/two, which are two objects: " +
			"the Ingress names policy shop/y, and the HTTPRoute more than one"},
	} {
		r := Request{Target: mustTarget(t, "https://a.x/admin"), Method: "GET", Now: now, Ingress: tc.ingress, Pin: tc.pin}
		_, trace := table.Explain(r)
		if last := trace.Steps[len(trace.Steps)-1]; last.What != "ingress" || last.Detail != "the request was routed by "+tc.want {
			t.Errorf("%s %s: %s %s, want %s", tc.pin, tc.ingress, last.What, last.Detail, tc.want)
		}
	}
}

// Bindings are a part of the revision, in any order, and so are revocations after them.
func TestBoundRevision(t *testing.T) {
	plain := mustBuild(t, of("n", "a", 0, Allow, []string{"a.x"}))
	b := []Binding{{"n/i", "n/a"}, {"n/j", "n/b"}, {"n/k", "n/a"}}
	one := plain.bound(b)
	rand.Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
	void := []Revocation{{User: "ann@x", Before: now}}
	seen := map[string]string{}
	for name, table := range map[string]*Table{
		"plain": plain, "bound": one, "fewer": plain.bound(b[:2]), "other": plain.bound([]Binding{{"n/i", "n/b"}, {"n/j", "n/b"}, {"n/k", "n/a"}}),
		"run on": plain.bound([]Binding{{"n/in", "/a"}}), "run on 2": plain.bound([]Binding{{"n/i", "n/a"}}),
		"revoked": plain.revoking(void), "bound, revoked": one.revoking(void),
	} {
		if other, taken := seen[table.Revision()]; taken {
			t.Errorf("%s and %s have one revision", name, other)
		}
		seen[table.Revision()] = name
	}
	for name, same := range map[string][2]*Table{
		"shuffled": {one, plain.bound(b)}, "twice": {one, plain.bound(append(slices.Clone(b), b[0]))}, "again": {one, plain.bound(b[:1]).bound(b)},
		"none": {plain, one.bound(nil)}, "revoked": {one.revoking(void), plain.revoking(void).bound(b).revoking(void)},
		"no more revoked": {one, one.revoking(void).revoking(nil)},
	} {
		if same[0].Revision() != same[1].Revision() {
			t.Errorf("%s: the revisions differ", name)
		}
	}
}

// Against the reference: what an Ingress may reach is what its policy admits, and
// never more than without it.
func TestOracleBound(t *testing.T) {
	claims := tinyClaims()
	rng := rand.New(rand.NewPCG(4, 5))
	for range 400 / every(1) {
		policies := enact(rng.IntN(16), claims[rng.IntN(len(claims))], claims[rng.IntN(len(claims))], claims[rng.IntN(len(claims))])
		of := map[string]string{}
		var bindings []Binding
		for _, ingress := range []string{"m/i", "n/i", "n/j", RouteKind + "n/i", RouteKind + "n/k"} {
			of[ingress] = Audience(policies[rng.IntN(len(policies))].Source)
			bindings = append(bindings, Binding{ingress, of[ingress]})
		}
		plain, _ := build(policies)
		table, ref := plain.bound(bindings), newReference(policies)
		for _, ingress := range []string{"", "m/i", "n/i", "n/j", "n/none", RouteKind + "n/i", RouteKind + "n/j", RouteKind + "n/k", "either n/i", "either n/j", "either n/k"} {
			pin := IngressPin
			either, isEither := strings.CutPrefix(ingress, "either ")
			name, route := strings.CutPrefix(ingress, RouteKind)
			may := func(whose string) bool { return of[ingress] == whose }
			switch {
			case isEither:
				name, pin = either, EitherPin
				may = func(whose string) bool {
					a, isA := of[name]
					b, isB := of[RouteKind+name]
					return (isA || isB) && (!isA || a == whose) && (!isB || b == whose)
				}
			case route:
				pin = RoutePin
			}
			for _, h := range askHosts {
				for _, p := range askPaths {
					r := Request{Target: mustTarget(t, "https://"+h+p), Method: "GET", Now: now, Ingress: name, Pin: pin}
					v, _, whose := ref.decide(h, p, &r)
					if whose != nil && ingress != "" && !may(Audience(whose.Source)) {
						v = Deny
					}
					if d := table.Decide(r); d.Verdict != v {
						t.Fatalf("%s%s of %q: %s; the reference says %s\npolicies: %+v\nbindings: %v", h, p, ingress, brief(d), v, policies, bindings)
					}
				}
			}
		}
	}
}
