// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

const desktop = "https://desktop.example.com/cb"

// object is an OAuthClient of the client_id desktop, for the namespaces; none: for all.
func object(name string, namespaces ...string) policy.RegisteredClient {
	return policy.RegisteredClient{Source: policy.Source{Name: name}, Namespaces: namespaces, Everywhere: len(namespaces) == 0,
		OAuthClient: policy.OAuthClient{ID: "desktop", Name: "Desktop Agent", RedirectURIs: []string{desktop}}}
}

// register replaces the OAuthClients.
func (s *site) register(all ...policy.RegisteredClient) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in.OAuthClients = policy.NewOAuthClients(all...)
	s.table, _ = policy.Build(s.in)
}

func asDesktop(changes ...string) []string {
	return append([]string{"client_id", "desktop", "redirect_uri", desktop}, changes...)
}

// TestOperatorsClient: a client that the operators answer for is asked about by the name that
// they gave it, at every application of the namespaces that they named and of no others, without
// anything being fetched. Once its object is gone it gets no further token.
func TestOperatorsClient(t *testing.T) {
	s := newSite(t)
	s.register(object("desktop", "shop"))
	ann := s.person("ann")
	w := ann.do(http.MethodGet, authorizeURL(asDesktop()...), nil)
	for _, want := range []string{"Desktop Agent", "Registered by the operators", "desktop.example.com", "mcp.example.com"} {
		if !strings.Contains(main(w), want) {
			t.Errorf("the page does not say %q: %s", want, main(w))
		}
	}
	got := s.fetch(ann.code(asDesktop()...), "client_id", "desktop", "redirect_uri", desktop)
	if got.status != http.StatusOK || !s.opens(resource, got.Access) || len(s.fetched) > 0 {
		t.Fatalf("%+v, fetched %v", got, s.fetched)
	}
	if got = s.refreshed(got.Refresh, "client_id", "desktop"); got.status != http.StatusOK {
		t.Errorf("%+v", got)
	}
	there := asDesktop("resource", "https://other.example.com/")
	if w = ann.do(http.MethodGet, authorizeURL(there...), nil); !strings.Contains(main(w), "Desktop Agent") {
		t.Errorf("another policy of the namespace: %d %s", w.Code, main(w))
	}
	code := ann.code(asDesktop()...)
	for name, others := range map[string][]policy.RegisteredClient{
		"gone": nil, "for others": {object("desktop", "lab")},
		"twice": {object("desktop", "shop"), object("other", "shop", "lab")},
	} {
		s.register(others...)
		if w = ann.do(http.MethodGet, authorizeURL(asDesktop()...), nil); !strings.Contains(main(w), "invalid_client") ||
			w.Header().Get("Location") != "" {
			t.Errorf("%s: %d %s", name, w.Code, main(w))
		}
		if again := s.refreshed(got.Refresh, "client_id", "desktop"); again.Error != "invalid_target" {
			t.Errorf("%s: refreshed: %+v", name, again)
		}
	}
	if late := s.fetch(code, "client_id", "desktop", "redirect_uri", desktop); late.Error != "invalid_target" {
		t.Errorf("a code from before: %+v", late)
	}
}

// TestErrorsOfOperatorsClients: a client of the operators hears itself what is wrong with its
// request, whoever is there; one that a policy lists does not, as whoever may write in some namespace
// is not let send people anywhere from the team host. (THREATS I3)
func TestErrorsOfOperatorsClients(t *testing.T) {
	s := newSite(t)
	listing := policies()
	for i := range listing {
		if listing[i].OAuth != nil {
			listing[i].OAuth.Clients = []policy.OAuthClient{{ID: "desktop", RedirectURIs: []string{desktop}}}
		}
	}
	for name, c := range map[string]struct {
		objects []policy.RegisteredClient
		sent    bool
	}{
		"the operators'": {[]policy.RegisteredClient{object("desktop", "shop")}, true},
		"a policy's":     {nil, false},
	} {
		s.publish(listing...)
		s.register(c.objects...)
		for _, who := range []string{"ann", ""} {
			p := s.person(who)
			for _, wrong := range [][]string{{"code_challenge_method", "plain"}, {"response_type", "token"}, {"prompt", "none"}} {
				w := p.do(http.MethodGet, authorizeURL(asDesktop(wrong...)...), nil)
				to, _ := url.Parse(w.Header().Get("Location"))
				if there := to.Host == "desktop.example.com"; there != c.sent {
					t.Errorf("%s, %v, signed in as %q: %d, to %s", name, wrong, who, w.Code, to)
				} else if there && (to.Query().Get("error") == "" || to.Query().Get("state") != "st&te=1" || to.Query().Get("iss") != teamOrigin) {
					t.Errorf("%s, %v: %s", name, wrong, to)
				}
			}
			// Where an answer is not its own to have, nobody is sent, whoever answers for it.
			for _, to := range []string{"https://desktop.example.com.evil.example/cb", desktop + "/x", desktop + "?x=y", "https://evil.example/cb",
				"https://desktop.example.com@evil.example/cb", "http://desktop.example.com/cb", desktop + "#x", "javascript:alert(1)//" + desktop} {
				w := p.do(http.MethodGet, authorizeURL(asDesktop("redirect_uri", to, "prompt", "none")...), nil)
				at, _ := url.Parse(w.Header().Get("Location"))
				if at.Host != "" && at.Host != "auth.example.com" && !strings.HasSuffix(at.Host, ".example.com") || at.Host == "desktop.example.com" {
					t.Errorf("%s, %s: %d, to %s", name, to, w.Code, at)
				}
			}
		}
	}
}

// TestAnswerAfterAnEdit: who was asked about a client answers about that one: not about what has
// its client_id meanwhile, and not to where its answers went before. (THREATS I18)
func TestAnswerAfterAnEdit(t *testing.T) {
	moved := object("desktop", "shop")
	moved.RedirectURIs = []string{"https://desktop.example.com/new"}
	local := object("desktop", "shop")
	local.ID, local.RedirectURIs = clientID, []string{"http://127.0.0.1/cb"}
	for name, c := range map[string]struct {
		asked   []string
		edit    []policy.RegisteredClient
		granted bool
	}{
		"nothing":                            {asDesktop(), []policy.RegisteredClient{object("desktop", "shop")}, true},
		"removed":                            {asDesktop(), nil, false},
		"moved":                              {asDesktop(), []policy.RegisteredClient{moved}, false},
		"twice":                              {asDesktop(), []policy.RegisteredClient{object("x", "shop"), object("y", "shop")}, false},
		"a document's":                       {nil, []policy.RegisteredClient{object("desktop", "shop")}, true},
		"a document's, which has an address": {nil, []policy.RegisteredClient{local}, false},
	} {
		s := newSite(t)
		s.register(object("desktop", "shop"))
		ann := s.person("ann")
		q := ann.question(c.asked...)
		s.register(c.edit...)
		w := ann.answer(q, "allow")
		if granted := strings.Contains(w.Header().Get("Location"), "code="); granted != c.granted {
			t.Errorf("%s: %d %s", name, w.Code, w.Header().Get("Location"))
		}
	}
}

// TestOperatorsSayInsteadOfADocument: where operators answer for the address of a client's
// document, that document is not asked, and what it says does not count.
// (THREATS I18)
func TestOperatorsSayInsteadOfADocument(t *testing.T) {
	s := newSite(t)
	pinned := object("agent", "shop")
	pinned.ID = clientID
	s.register(pinned)
	ann := s.person("ann")
	if w := ann.do(http.MethodGet, authorizeURL(), nil); !strings.Contains(main(w), "redirect_uri is none") || len(s.fetched) > 0 {
		t.Errorf("where its document says: %d %s, fetched %v", w.Code, main(w), s.fetched)
	}
	got := s.fetch(ann.code("redirect_uri", desktop), "redirect_uri", desktop)
	if got.status != http.StatusOK || len(s.fetched) > 0 {
		t.Errorf("where they say: %+v, fetched %v", got, s.fetched)
	}
	s.register()
	if w := ann.do(http.MethodGet, authorizeURL(), nil); !strings.Contains(main(w), `name="question"`) || len(s.fetched) != 1 {
		t.Errorf("nobody's word: %d %s, fetched %v", w.Code, main(w), s.fetched)
	}
}

// TestEndingRegisteredClients: a person sees the clients that somebody here answers for among
// what acts for them, and ends one, which the operators' word does not outweigh. (THREATS I11)
func TestEndingRegisteredClients(t *testing.T) {
	for name, c := range map[string]struct{ client, shown, redirect string }{
		"an object's":   {"desktop", "Desktop Agent", desktop},
		"of the policy": {"cli", "Company CLI", "http://localhost/cb"},
	} {
		s := newSite(t)
		s.register(object("desktop", "shop"))
		ann, address := s.person("ann"), teamOrigin+"/.access/sessions"
		got := s.fetch(ann.code("client_id", c.client, "redirect_uri", c.redirect), "client_id", c.client, "redirect_uri", c.redirect)
		if w := ann.do(http.MethodGet, address, nil); !strings.Contains(main(w), c.shown) || !strings.Contains(main(w), "mcp.example.com") {
			t.Errorf("%s: it is not listed: %s", name, main(w))
		}
		if w := ann.do(http.MethodPost, address, map[string][]string{"client": {c.client}}); w.Code != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", name, w.Code, main(w))
		}
		if s.opens(resource, got.Access) || s.refreshed(got.Refresh, "client_id", c.client).Error != "invalid_grant" {
			t.Errorf("%s: it goes on", name)
		}
		if w := ann.do(http.MethodGet, address, nil); strings.Contains(main(w), c.shown) {
			t.Errorf("%s: it is still listed", name)
		}
	}
}

// TestEndingAtOneApplication: a client of the operators acts at several applications, and a person
// ends it at one of them alone: on the page, and by what the client itself gives back.
func TestEndingAtOneApplication(t *testing.T) {
	const there = "https://other.example.com/"
	s := newSite(t)
	s.register(object("desktop", "shop"))
	ann, address := s.person("ann"), teamOrigin+"/.access/sessions"
	tokensAt := func(resource string) tokens {
		return s.fetch(ann.code(asDesktop("resource", resource)...), "client_id", "desktop", "redirect_uri", desktop, "resource", resource)
	}
	mcp, other := tokensAt(resource), tokensAt(there)
	page := main(ann.do(http.MethodGet, address, nil))
	if !strings.Contains(page, "mcp.example.com") || !strings.Contains(page, "other.example.com") || !s.opens(there, other.Access) {
		t.Fatalf("not both are there: %s", page)
	}
	ann.do(http.MethodPost, address, url.Values{"client": {"desktop"}, "policy": {"shop/mcp"}})
	if s.opens(resource, mcp.Access) || !s.opens(there, other.Access) ||
		s.refreshed(mcp.Refresh, "client_id", "desktop").Error != "invalid_grant" {
		t.Error("it is not that one that ended")
	}
	s.later(time.Second)
	if mcp = tokensAt(resource); !s.opens(resource, mcp.Access) {
		t.Errorf("a new consent does not count: %+v", mcp)
	}
	s.post("revoke", url.Values{"token": {other.Refresh}, "client_id": {"desktop"}})
	if !s.opens(resource, mcp.Access) || s.opens(there, other.Access) {
		t.Error("it is not that one that the client gave back")
	}
}
