// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

func corp() Provider {
	return Provider{Name: "corp", Type: OIDC, Issuer: "https://sso.example.com", ClientID: "ostiary"}
}

func hub() Provider {
	return Provider{Name: "hub", Type: GitHub, ClientID: "ostiary", ClientSecret: "secret"}
}

func people(text string) Provider { return Provider{Name: "people", Type: Users, Users: []byte(text)} }

const user = "- {name: %s, passwordHash: $2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy}\n"

// mistakes has one for each code.
var mistakes = map[policy.Code]func() Provider{
	codeName:         func() Provider { p := corp(); p.Name = "Corp"; return p },
	codeDisplayName:  func() Provider { p := corp(); p.DisplayName = "a\u202eb"; return p },
	codeType:         func() Provider { p := corp(); p.Type = "OIDC"; return p },
	codeIssuer:       func() Provider { p := corp(); p.Issuer = "http://sso.example.com"; return p },
	codeEndSession:   func() Provider { p := corp(); p.EndSessionURL = "http://sso.example.com/x"; return p },
	codeDiscovery:    func() Provider { p := corp(); p.DiscoveryURL = "http://sso.example.com/x"; return p },
	codeFormat:       func() Provider { p := corp(); p.GroupsFormat = "XML"; return p },
	codeGraph:        func() Provider { p := corp(); p.GraphURL = "http://graph.example.com"; return p },
	codeSite:         func() Provider { p := hub(); p.Site = "https://github.example.com/api/v3"; return p },
	codeSecretNone:   func() Provider { p := hub(); p.ClientSecret = ""; return p },
	codeOrganization: func() Provider { p := hub(); p.Organizations = []string{"example/ops"}; return p },
	codeOrganizations: func() Provider {
		p := hub()
		for i := range maxOrganizations + 1 {
			p.Organizations = append(p.Organizations, fmt.Sprint("o", i))
		}
		return p
	},
	codeClientID:    func() Provider { p := corp(); p.ClientID = ""; return p },
	codeSecretBlank: func() Provider { p := corp(); p.ClientSecret = "secret\n"; return p },
	codeScope:       func() Provider { p := corp(); p.Scopes = []string{"a b"}; return p },
	codeScopeTwice:  func() Provider { p := corp(); p.Scopes = []string{"a", "a"}; return p },
	codeScopes: func() Provider {
		p := corp()
		for i := range maxScopes + 1 {
			p.Scopes = append(p.Scopes, fmt.Sprint("s", i))
		}
		return p
	},
	codeClaim:    func() Provider { p := corp(); p.GroupsClaim = "a\nb"; return p },
	codeReserved: func() Provider { p := corp(); p.AuthParams = map[string]string{"state": "x"}; return p },
	codeParam: func() Provider {
		p := corp()
		p.AuthParams = map[string]string{"hint": strings.Repeat("x", maxParam+1)}
		return p
	},
	codeParams: func() Provider {
		p := corp()
		p.AuthParams = map[string]string{}
		for i := range maxParams + 1 {
			p.AuthParams[fmt.Sprint("p", i)] = ""
		}
		return p
	},
	codePrivateKey:   func() Provider { p := corp(); p.CABundle = []byte("-----BEGIN PRIVATE KEY-----\n"); return p },
	codeCertificates: func() Provider { p := corp(); p.CABundle = []byte("x"); return p },
	codeStepUp:       func() Provider { p := corp(); p.StepUp = []StepUp{{Method: "mfa"}, {Method: "mfa"}}; return p },
	codeUsers:        func() Provider { return people("ann") },
	codeUser:         func() Provider { return people(fmt.Sprintf(user, "ann") + "- {name: bob}\n") },
	codeSecondFactor: func() Provider {
		p := people(fmt.Sprintf(user, "ann"))
		p.SecondFactor = Required
		return p
	},
	codeUserTwice: func() Provider { return people(fmt.Sprintf(user, "ann") + fmt.Sprintf(user, "ANN")) },
}

// TestCodes: each is listed once, described, and produced alone; and what is Partial is
// a warning, and nothing else is.
func TestCodes(t *testing.T) {
	if issues := Check(new(corp())); len(issues) > 0 {
		t.Fatal(issues)
	}
	seen := map[policy.Code]bool{}
	for _, doc := range Codes() {
		if seen[doc.Code] || !strings.HasSuffix(doc.Fix, ".") {
			t.Errorf("%+v: listed twice, or not described", doc)
		}
		seen[doc.Code] = true
		make := mistakes[doc.Code]
		if make == nil {
			if !slices.Contains([]policy.Code{Twice().Code, CodeSecretMissing, CodeSecretEmpty}, doc.Code) {
				t.Errorf("%s: nothing makes it", doc.Code)
			}
			continue
		}
		p := make()
		issues := Check(&p)
		if len(issues) == 0 || slices.ContainsFunc(issues, func(i Issue) bool { return i.Code != doc.Code }) {
			t.Errorf("%s: %+v", doc.Code, issues)
			continue
		}
		if issues[0].Partial != (doc.Reason == policy.Unwise) || Usable(issues) != issues[0].Partial {
			t.Errorf("%s: %+v", doc.Code, issues[0])
		}
	}
	if len(mistakes) != len(seen)-3 {
		t.Errorf("%d mistakes, %d codes", len(mistakes), len(seen))
	}
}

// TestInUse: valid ones, with the users of those that list them; of a name that two
// have, none.
func TestInUse(t *testing.T) {
	bad := corp()
	bad.Name, bad.Issuer = "bad", "x"
	twice := corp()
	twice.Name = "twice"
	used := InUse([]Provider{corp(), bad, twice, twice, people(fmt.Sprintf(user, "ann") + "- {name: bob}\n")})
	want := policy.NewProviders(policy.Provider{Name: "corp"}, policy.Provider{Name: "people", Listed: true, Users: []policy.User{{ID: "ann"}}})
	if !reflect.DeepEqual(used, want) {
		t.Errorf("%+v", used)
	}
}

// TestSecondFactor: half of it is a mistake, and never off.
func TestSecondFactor(t *testing.T) {
	for words, usable := range map[string]bool{
		"": true, "Optional factors": true, "Required people.factors-1": true,
		"Optional": false, " factors": false, "optional factors": false, "Required A": false, "Required ../x": false, "Required .x": false,
	} {
		p := people(fmt.Sprintf(user, "ann"))
		p.SecondFactor, p.Factors, _ = strings.Cut(words, " ")
		if issues := Check(&p); Usable(issues) != usable {
			t.Errorf("%q: %+v", words, issues)
		}
	}
}
