// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/ostiary/ostiary/authserver/evaluation"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// A roster is an external evaluation service that approves of those on duty. Its address
// is /NAME of the server, so that one can tell who was asked for what.
type roster struct {
	*httptest.Server
	site *site
	key  *ecdsa.PrivateKey
	log  bytes.Buffer

	mu    sync.Mutex
	duty  map[string]bool
	down  bool
	asked []string // "NAME email"
}

// newRoster has every replica of a site ask one.
func newRoster(t *testing.T, s *site, onDuty ...string) *roster {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := &roster{site: s, key: key}
	r.now(onDuty...)
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	log := slog.New(slog.NewTextHandler(&r.log, nil))
	for i := range s.replicas {
		s.replicas[i].Evaluate = evaluation.New(evaluation.Options{Log: log, Now: s.now}).Ask
	}
	s.in.EvaluationOrigins = []string{r.URL}
	return r
}

func (r *roster) now(onDuty ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked, r.duty = nil, map[string]bool{}
	for _, who := range onDuty {
		r.duty[who+"@example.com"] = true
	}
}

func (r *roster) setDown(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

func (r *roster) wasAsked() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := slices.Sorted(slices.Values(r.asked))
	r.asked = nil
	return asked
}

func (r *roster) serve(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q.URL.Path == "/keys" {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: r.key.Public(), KeyID: "k"}}})
		return
	}
	var body struct{ Token string }
	_ = json.NewDecoder(q.Body).Decode(&body)
	claims, err := r.verify(body.Token)
	if err != nil || r.down {
		http.Error(w, fmt.Sprint(err), http.StatusInternalServerError)
		return
	}
	r.asked = append(r.asked, q.URL.Path[1:]+" "+claims.Identity.Email)
	now := r.site.now().Unix()
	text, _ := json.Marshal(map[string]any{"success": r.duty[claims.Identity.Email], "iat": now, "exp": now + 60, "nonce": claims.Nonce})
	signer, _ := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: r.key, KeyID: "k"}}, nil)
	jws, _ := signer.Sign(text)
	token, _ := jws.CompactSerialize()
	_ = json.NewEncoder(w).Encode(map[string]string{"token": token})
}

// An asked is what a service is told.
type asked struct {
	Identity struct {
		Email, IP string
		Groups    []string
	}
	Nonce, Aud, Iss string
}

// verify does so by the keys that the team host publishes.
func (r *roster) verify(token string) (a asked, err error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(r.site.ring.JWKS(), &set); err != nil {
		return a, err
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return a, err
	}
	payload, err := jws.Verify(set.Key(jws.Signatures[0].Header.KeyID)[0])
	if err != nil {
		return a, err
	}
	err = json.Unmarshal(payload, &a)
	if err == nil && (a.Iss != "https://auth.example.com:"+r.site.port || a.Identity.IP != "192.0.2.7" ||
		!slices.Equal(a.Identity.Groups, []string{"staff"})) {
		err = fmt.Errorf("%+v", a)
	}
	return a, err
}

func (r *roster) approves(name string) policy.Selector {
	return policy.Selector{Property: policy.ExternalEvaluation, Evaluation: &policy.Evaluation{URL: r.URL + "/" + name,
		KeysURL: r.URL + "/keys"}}
}

// A service says who may enter. It is asked when somebody is given a session and not in
// between; and when it has changed its mind, the next session says so.
func TestExternalEvaluation(t *testing.T) {
	s := newSite(t, nil)
	r := newRoster(t, s, "ann")
	policies := standard(s.port)
	policies[0].Rules = allow([]policy.Selector{r.approves("app1")})
	policies[0].Session.Duration = time.Hour
	s.publish(policies)
	ann, bob := s.browser(), s.browser()
	ann.want(ann.enter("app1.example.com", "/x", "ann"), 200, "/x for ann")
	bob.want(bob.enter("app1.example.com", "/x", "bob"), 403, "bob@example.com")
	if got := bob.jar("app1.example.com"); slices.Contains(got, "__Host-ostiary") {
		t.Errorf("bob got a session: %v", got)
	}
	if got := r.wasAsked(); !slices.Equal(got, []string{"app1 ann@example.com", "app1 bob@example.com"}) {
		t.Errorf("asked: %q", got)
	}
	ann.want(ann.get(s.url("app2.example.net", "/")), 200, "for ann") // whose rules ask nobody
	r.now("bob")
	ann.want(ann.get(s.url("app1.example.com", "/y")), 200, "/y for ann")
	if got := r.wasAsked(); len(got) > 0 {
		t.Errorf("asked about a session that is good: %q", got)
	}
	bob.want(bob.get(s.url("app1.example.com", "/x")), 200, "/x for bob")
	s.later(2 * time.Hour)
	ann.want(ann.get(s.url("app1.example.com", "/y")), 403, "no-rule-matched")
	bob.want(bob.get(s.url("app1.example.com", "/y")), 200, "/y for bob")
	r.setDown(true)
	s.later(2 * time.Hour)
	if bob.want(bob.get(s.url("app1.example.com", "/y")), 403, "no-rule-matched"); !strings.Contains(r.log.String(), "policy=shop/app1") {
		t.Errorf("the log: %s", r.log.String())
	}
	r.setDown(false)
	bob.want(bob.get(s.url("app1.example.com", "/y")), 200, "/y for bob")
}

// A rule that is made later bites whoever has a session from before; a service that cannot
// be asked blocks; and the policies of one host do not take turns in its cookie.
func TestEvaluationOfNewRules(t *testing.T) {
	s := newSite(t, nil)
	r := newRoster(t, s, "bob")
	ann := s.browser()
	ann.want(ann.enter("app1.example.com", "/", "ann"), 200, "for ann")
	policies := standard(s.port)
	policies[0].Rules = append([]policy.Rule{{Action: policy.Block, Include: []policy.Selector{r.approves("banned")}}}, policies[0].Rules...)
	admin := named("admin", "app1.example.com")
	admin.Paths = []policy.Path{{Value: "/admin"}}
	admin.Rules = allow([]policy.Selector{r.approves("admin")})
	s.publish(append(policies, admin))
	ann.want(ann.get(s.url("app1.example.com", "/a")), 200, "/a for ann")
	if got := r.wasAsked(); !slices.Equal(got, []string{"admin ann@example.com", "banned ann@example.com"}) {
		t.Errorf("asked: %q", got)
	}
	ann.want(ann.get(s.url("app1.example.com", "/admin")), 403, "no-rule-matched")
	ann.want(ann.get(s.url("app1.example.com", "/b")), 200, "/b for ann")
	if got := r.wasAsked(); len(got) > 0 {
		t.Errorf("asked again: %q", got)
	}
	bob := s.browser()
	bob.want(bob.enter("app1.example.com", "/", "bob"), 403, "blocked")
	r.setDown(true)
	other := s.browser()
	other.want(other.enter("app1.example.com", "/", "root"), 403, "blocked")
	s.in.EvaluationOrigins = nil // the platform takes it off its list
	r.setDown(false)
	s.publish(append(policies, admin))
	ann.want(ann.get(s.url("app1.example.com", "/c")), 403, "blocked")
}

// What the platform has not listed is never asked, be it the service or whose keys sign its
// answers: nobody connects there at all. (THREATS F8, G4)
func TestUnlistedIsNeverAsked(t *testing.T) {
	s := newSite(t, nil)
	r := newRoster(t, s, "ann")
	var asked atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(elsewhere.Close)
	elsewhere.Config.ConnState = func(net.Conn, http.ConnState) { asked.Add(1) }
	policies := standard(s.port)
	for i, e := range []policy.Evaluation{
		{URL: elsewhere.URL + "/x", KeysURL: r.URL + "/keys"},
		{URL: r.URL + "/x", KeysURL: elsewhere.URL + "/keys"},
		{URL: elsewhere.URL + "/x", KeysURL: elsewhere.URL + "/keys"},
		{URL: strings.Replace(r.URL, "127.0.0.1", "localhost", 1) + "/x", KeysURL: r.URL + "/keys"},
		{URL: strings.Replace(r.URL, "http:", "https:", 1) + "/x", KeysURL: r.URL + "/keys"},
	} {
		more := named(fmt.Sprint("more", i), "app1.example.com")
		more.Paths = []policy.Path{{Value: fmt.Sprint("/", i)}}
		more.Rules = allow([]policy.Selector{{Property: policy.ExternalEvaluation, Evaluation: &e}})
		policies = append(policies, more)
	}
	s.publish(policies)
	ann := s.browser()
	ann.want(ann.enter("app1.example.com", "/", "ann"), 200, "for ann")
	for i := range len(policies) - len(standard(s.port)) {
		ann.want(ann.get(s.url("app1.example.com", fmt.Sprint("/", i))), 403, "no-rule-matched")
	}
	if got := r.wasAsked(); len(got) > 0 || asked.Load() > 0 {
		t.Errorf("asked: %q, and elsewhere %d times", got, asked.Load())
	}
}

// Nobody has services asked as often as they like; and no sign-in waits for more than a few.
func TestEvaluationsAreBounded(t *testing.T) {
	s := newSite(t, nil)
	r := newRoster(t, s, "ann")
	policies := standard(s.port)
	policies = policies[:1]
	policies[0].Rules = allow([]policy.Selector{r.approves("0")})
	for i := 1; i < 20; i++ {
		more := named(fmt.Sprint("app", i, "x"), "app1.example.com")
		more.Paths = []policy.Path{{Value: fmt.Sprint("/", i)}}
		more.Rules = allow([]policy.Selector{r.approves(fmt.Sprint(i))})
		policies = append(policies, more)
	}
	s.publish(policies)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "for ann")
	if got := r.wasAsked(); len(got) != policy.MaxEvaluations || !slices.Contains(got, "0 ann@example.com") {
		t.Errorf("asked: %q", got)
	}
	admitted := 0
	for i := 1; i < 20; i++ {
		if p := b.get(s.url("app1.example.com", fmt.Sprint("/", i))); p.status == 200 {
			admitted++
		}
	}
	if got := r.wasAsked(); admitted != policy.MaxEvaluations-1 || len(got) > 0 {
		t.Errorf("%d admitted, asked: %q", admitted, got)
	}
	last, app := 0, &url.URL{Scheme: "https", Host: "app1.example.com:" + s.port, Path: "/"}
	for i := range s.replicas {
		s.replicas[i].limits.evaluations = public.NewLimit(2, time.Hour) // in place of one that fills up while this test runs
	}
	for range 2*len(s.replicas) + 1 {
		s.publish(policies)
		b.client.Jar.SetCookies(app, []*http.Cookie{{Name: "__Host-ostiary", Value: "", Path: "/", MaxAge: -1},
			{Name: "__Host-ostiary-hops", Value: "", Path: "/", MaxAge: -1}})
		if last = b.get(s.url("app1.example.com", "/")).status; last != 200 {
			break
		}
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("without end: %d", last)
	}
}
