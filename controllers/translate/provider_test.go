// SPDX-License-Identifier: Apache-2.0

package translate_test

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/translate"
)

// people is a list of one user; the password is "correct horse".
const people = "- {name: ann, email: ann@example.com, passwordHash: $2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy}\n"

func secrets(name string) (map[string][]byte, bool) {
	if name == "missing" {
		return nil, false
	}
	return map[string][]byte{
		"clientSecret": []byte("s3cret"), "secret": []byte("other"), "users.yaml": []byte(people), "list_1.yaml": []byte(people),
		"other.yaml": []byte(people + "# others\n"),
		"line":       []byte("s3cret\n"), "empty": {},
	}, true
}

// fullProvider sets every field of an OpenID provider, and none to its default.
func fullProvider(t *testing.T) *v1alpha1.IdentityProvider { return accepted(t, "idp-oidc-full") }

// accepted is an object of the tests of the CRD.
func accepted(t *testing.T, name string) *v1alpha1.IdentityProvider {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "api", "v1alpha1", "testdata", "accept", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var o v1alpha1.IdentityProvider
	if err := yaml.UnmarshalStrict(text, &o); err != nil {
		t.Fatal(err)
	}
	return &o
}

// TestProvider: every field is set from the one that means it.
func TestProvider(t *testing.T) {
	o := fullProvider(t)
	p, issues := translate.ProviderOf(o, secrets)
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	want := config.Provider{
		Name: "idp-oidc-full", DisplayName: "Corp Zürich", Type: "oidc", Issuer: "https://sso.example.com:8443/realms/corp",
		ClientID: "ostiary", ClientSecret: "other", Scopes: []string{"openid", "email", "https://graph.example.com/.default"},
		EmailClaim: "mail", GroupsClaim: "realm_access.roles", UserClaim: "oid", AMRClaim: "https://example.com/amr",
		GraphURL: "https://graph.microsoft.com", DiscoveryURL: "https://sso.sso.svc:8443/realms/corp/.well-known/openid-configuration",
		EndSession: true, EndSessionURL: "https://sso.example.com:8443/logout?p=x",
		NonceOptional: true, FormPost: true, GroupsFormat: "DN",
		AuthParams: map[string]string{"hd": "example.com", "acr_values": "urn:a urn:b"}, CABundle: []byte(o.Spec.OIDC.CABundle),
		TrustUnverifiedEmail: true,
		StepUp: []config.StepUp{
			{Method: "mfa", ACRValues: []string{"gold", "urn:example:silver"}, MaxAge: 5 * time.Minute, Login: true},
			{Method: "hwk", MaxAge: 90 * time.Second}, {Method: "otp", ACRValues: []string{"silver"}}, {Method: "pwd", Login: true},
		},
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got %#v", p)
	}
	o = accepted(t, "idp-github-full")
	p, issues = translate.ProviderOf(o, secrets)
	if want := (config.Provider{Name: "idp-github-full", DisplayName: "GitHub", Type: "github", Site: "https://github.example.com:8443",
		ClientID: "Iv23liExample", ClientSecret: "other", Organizations: []string{"example", "other_org"}, UserClaim: "login",
		CABundle: []byte(o.Spec.GitHub.CABundle)}); !reflect.DeepEqual(p, want) || len(issues) > 0 {
		t.Errorf("got %#v, %v", p, issues)
	}
	p, issues = translate.ProviderOf(&v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: "u"}, Spec: v1alpha1.IdentityProviderSpec{
		Users: &v1alpha1.Users{SecretRef: v1alpha1.SecretKey{Name: "people"}}}}, secrets)
	if want := (config.Provider{Name: "u", Type: "users", Users: []byte(people)}); !reflect.DeepEqual(p, want) || len(issues) > 0 {
		t.Errorf("got %#v, %v", p, issues)
	}
	o = accepted(t, "idp-users-full")
	p, issues = translate.ProviderOf(o, secrets)
	if want := (config.Provider{Name: "idp-users-full", DisplayName: "Guests", Type: "users", Users: []byte(people + "# others\n"),
		SecondFactor: "Required", Factors: "people-factors"}); !reflect.DeepEqual(p, want) || len(issues) > 0 {
		t.Errorf("got %#v, %v", p, issues)
	}
}

func TestEveryFieldOfAProvider(t *testing.T) {
	for _, c := range []struct {
		of *v1alpha1.IdentityProvider
		n  int
	}{{fullProvider(t), 18}, {accepted(t, "idp-github-full"), 8}, {accepted(t, "idp-users-full"), 7}} {
		everyField(t, c.of, c.n)
	}
}

// everyField takes one field after the other away, of n at least.
func everyField(t *testing.T, whole *v1alpha1.IdentityProvider, least int) {
	t.Helper()
	want, _ := translate.ProviderOf(whole, secrets)
	n := 0
	fields("spec", reflect.ValueOf(&whole.Spec).Elem(), func(path string, v reflect.Value) {
		if v.IsZero() || path == "spec.UserNames" { // which UserNames reads, of all of them

			return
		}
		n++
		before := reflect.New(v.Type()).Elem()
		before.Set(v)
		v.SetZero()
		if got, issues := translate.ProviderOf(whole, secrets); reflect.DeepEqual(got, want) && len(issues) == 0 {
			t.Errorf("%s is ignored", path)
		}
		v.Set(before)
	})
	if n < least {
		t.Errorf("the test is broken: %d fields", n)
	}
}

// TestNoSecretIsPrinted, by whatever prints a provider.
func TestNoSecretIsPrinted(t *testing.T) {
	p, _ := translate.ProviderOf(fullProvider(t), secrets)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "provider", p)
	for _, text := range []string{fmt.Sprint(p), fmt.Sprintf("%+v %v %s", p, &p, []config.Provider{p}), log.String()} {
		if strings.Contains(text, "other") {
			t.Errorf("a secret is printed: %s", text)
		}
	}
}

func TestProviderIssues(t *testing.T) {
	ref := func(name, key string) *v1alpha1.SecretKey { return &v1alpha1.SecretKey{Name: name, Key: key} }
	for name, c := range map[string]struct {
		change func(*v1alpha1.OIDC)
		field  string
		words  string
		reason policy.IssueReason
	}{
		"no Secret":       {func(o *v1alpha1.OIDC) { o.ClientSecretRef = ref("missing", "") }, "spec.oidc.clientSecretRef.name", `create it, with the key "clientSecret"`, translate.SecretMissing},
		"no key":          {func(o *v1alpha1.OIDC) { o.ClientSecretRef = ref("corp", "nothing") }, "spec.oidc.clientSecretRef", `nothing under the key "nothing"`, policy.Invalid},
		"empty key":       {func(o *v1alpha1.OIDC) { o.ClientSecretRef = ref("corp", "empty") }, "spec.oidc.clientSecretRef", `nothing under the key "empty"`, policy.Invalid},
		"line end":        {func(o *v1alpha1.OIDC) { o.ClientSecretRef = ref("corp", "line") }, "spec.oidc.clientSecretRef", "printf", policy.Invalid},
		"issuer":          {func(o *v1alpha1.OIDC) { o.Issuer = "http://sso.example.com" }, "spec.oidc.issuer", "https", policy.Invalid},
		"certificates":    {func(o *v1alpha1.OIDC) { o.CABundle = "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n" }, "spec.oidc.caBundle", "no certificate", policy.Invalid},
		"reserved":        {func(o *v1alpha1.OIDC) { o.AuthParams = map[string]v1alpha1.AuthParam{"state": "x"} }, "spec.oidc.authParams", "state", policy.Invalid},
		"too many scopes": {func(o *v1alpha1.OIDC) { o.Scopes = make([]v1alpha1.Scope, 33) }, "spec.oidc.scopes", "33", policy.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			o := fullProvider(t)
			c.change(o.Spec.OIDC)
			_, issues := translate.ProviderOf(o, secrets)
			i := slices.IndexFunc(issues, func(i policy.Issue) bool { return i.Source.Field == c.field })
			if i < 0 || !strings.Contains(issues[i].Message, c.words) || issues[i].Reason != c.reason || issues[i].Source.Name != o.Name {
				t.Errorf("got %+v", issues)
			}
		})
	}
}

// TestAcceptedProviders: what the API server accepts is accepted here.
func TestAcceptedProviders(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "api", "v1alpha1", "testdata", "accept", "idp-*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var o v1alpha1.IdentityProvider
		if err := yaml.Unmarshal(text, &o); err != nil {
			t.Fatal(err)
		}
		if _, issues := translate.ProviderOf(&o, secrets); len(issues) > 0 {
			t.Errorf("%s: %v", file, issues)
		}
	}
}

// A revocation of one provider's user is that, and one that cannot be told is everybody's.
func TestRevocationOfAProvider(t *testing.T) {
	for name, want := range map[string]string{"": "", "corp": "corp", "a.b-c": "a.b-c", "Corp": "", "corp/x": "", "\x00": ""} {
		r, issues := translate.Revocation(&v1alpha1.SessionRevocation{Spec: v1alpha1.SessionRevocationSpec{User: "ann", IdentityProvider: v1alpha1.ProviderName(name), Before: "2026-01-31T12:00:00Z"}})
		if r.Provider != want || (len(issues) > 0) != (name != want) || r.User != "ann" {
			t.Errorf("%q: %+v %v", name, r, issues)
		}
	}
}

// Who signs out is one provider's user: another's of the same ID has an object of their own.
func TestSignedOut(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 125e6, time.UTC)
	seen := map[string]bool{}
	for _, who := range [][4]string{{"people", "ann"}, {"guests", "ann"}, {"people", "ann@corp.com"}, {"guest", "sann"}, {"", "guestsann"},
		{"people", "ann", "cli"}, {"people", "ann", "https://agent.example.net/client.json"}, {"people", "bob", "cli"},
		{"people", "", "cli"}, {"", "", "cli", "shop/mcp"}, {"people", "bob", "cli", "shop/mcp"}, {"people", "bob", "cli", "shop/mcp.v2"}} {
		what := policy.Revocation{Provider: who[0], User: who[1], Client: who[2], Policy: who[3], Before: at}
		o := translate.SignedOut(what)
		if seen[o.Name] || string(o.Spec.IdentityProvider) != who[0] || o.Spec.User != who[1] || o.Spec.Client != who[2] ||
			o.Spec.Policy != who[3] {
			t.Errorf("%q: %+v", who, o)
		}
		seen[o.Name] = true
		if !translate.Reaches(o, what) {
			t.Errorf("%q: it does not reach itself", who)
		}
		for i, other := range []policy.Revocation{what, what, what, what, what} {
			switch i {
			case 0:
				other.Provider = "other"
			case 1:
				other.User = "other"
			case 2:
				other.Client = "other"
			case 3:
				other.Policy = "shop/other"
			default:
				other.Before = at.Add(time.Millisecond)
			}
			if translate.Reaches(o, other) {
				t.Errorf("%q: it reaches %+v", who, other)
			}
		}
		r, issues := translate.Revocation(o)
		if r.Provider != who[0] || r.User != who[1] || r.Client != who[2] || r.Policy != who[3] || !r.Before.Equal(at) || len(issues) > 0 {
			t.Errorf("%q: %+v %v", who, r, issues)
		}
	}
}

func TestRevocation(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		user, before string
		want         time.Time // zero: of all sessions there will ever be
		fields       []string
	}{
		{"ann@example.com", "2026-01-31T12:00:00Z", at, nil},
		{"ann@example.com", "2026-01-31T13:00:00+01:00", at, nil},
		{"ann@example.com", "2026-01-31", time.Time{}, []string{"spec.before"}},
		{"ann@example.com", "", time.Time{}, []string{"spec.before"}},
		{"", "2026-01-31T12:00:00Z", at, []string{"spec.user"}},
	} {
		r, issues := translate.Revocation(&v1alpha1.SessionRevocation{ObjectMeta: metav1.ObjectMeta{Name: "r"},
			Spec: v1alpha1.SessionRevocationSpec{User: c.user, Before: v1alpha1.Timestamp(c.before)}})
		got := map[string]bool{}
		for _, i := range issues {
			got[i.Source.Field] = true
		}
		if !slices.Equal(slices.Collect(maps.Keys(got)), c.fields) || r.User != c.user || r.Source.Name != "r" {
			t.Errorf("%+v: %+v, %v", c, r, issues)
		}
		if c.want.IsZero() && r.Before.Year() < 9999 || !c.want.IsZero() && !r.Before.Equal(c.want) {
			t.Errorf("%+v: before %v", c, r.Before)
		}
	}
}

// TestRevocationOfAnApplication: a policy narrows what is void of a client, and nothing else; what
// is no policy narrows nothing.
func TestRevocationOfAnApplication(t *testing.T) {
	for _, c := range []struct {
		client, policy, want string
		issue                bool
	}{
		{"cli", "shop/mcp", "shop/mcp", false},
		{"cli", "", "", false},
		{"", "shop/mcp", "", true},
		{"cli", "mcp", "", true},
		{"cli", "shop/mcp/x", "", true},
		{"cli", "Shop/mcp", "", true},
		{"cli", "shop/", "", true},
		{"two words", "shop/mcp", "", true},
	} {
		if r, issues := translate.Revocation(&v1alpha1.SessionRevocation{
			Spec: v1alpha1.SessionRevocationSpec{Client: c.client, Policy: c.policy, Before: "2026-01-31T12:00:00Z"}}); r.User != "" ||
			(len(issues) > 0) != (c.issue || c.client == "") {
			t.Errorf("of everybody: %+v: %+v %v", c, r, issues)
		}
		r, issues := translate.Revocation(&v1alpha1.SessionRevocation{
			Spec: v1alpha1.SessionRevocationSpec{User: "ann", Client: c.client, Policy: c.policy, Before: "2026-01-31T12:00:00Z"}})
		if r.Policy != c.want || (len(issues) > 0) != c.issue || r.User != "ann" {
			t.Errorf("%+v: %+v %v", c, r, issues)
		}
	}
}
