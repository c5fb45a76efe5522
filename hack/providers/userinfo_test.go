// SPDX-License-Identifier: Apache-2.0

package providers

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ostiary/ostiary/authserver/idp"
)

// userInfoFails has all of a sign-in be the provider's own, but for its userinfo endpoint, which its
// metadata names elsewhere. What is asked for there stays unknown, and is not taken for none; nobody
// becomes another; and a claim of an odd shape is no claim.
func userInfoFails(t *testing.T, p *provider) {
	for name, c := range map[string]struct {
		status  int
		says    string // SUB is ann's
		refused bool
		unknown bool // what is asked for there
	}{
		"down":                {http.StatusServiceUnavailable, "", false, true},
		"refuses the token":   {http.StatusUnauthorized, "", false, true},
		"a page":              {http.StatusOK, "<html>", false, true},
		"somebody else":       {http.StatusOK, `{"sub":"mallory","nothing_like_it":"x"}`, true, false},
		"nobody":              {http.StatusOK, `{"nothing_like_it":"x"}`, true, false},
		"an object, a claim":  {http.StatusOK, `{"sub":SUB,"nothing_like_it":{"a":["b"]}}`, false, false},
		"nothing, for itself": {http.StatusOK, `{"sub":SUB,"nothing_like_it":null}`, false, false},
	} {
		var subject atomic.Value
		subject.Store("")
		var asked atomic.Int32
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if r.URL.Path != "/userinfo" {
				_ = json.NewEncoder(w).Encode(p.metadata(t, "http://"+r.Host+"/userinfo"))
				return
			}
			asked.Add(1)
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, replaced(c.says, subject.Load().(string)))
		}))
		t.Cleanup(front.Close)
		direct := p.client(t, nil)
		ann, err := direct.Exchange(t.Context(), p.ann(t, direct, newBrowser(), false))
		p.isAnn(t, ann, err)
		subject.Store(ann.ID)
		client := p.client(t, func(c *idp.Config) { c.DiscoveryURL = front.URL + "/.well-known/openid-configuration" })
		answer := p.ann(t, client, newBrowser(), false)
		answer.Claims = []string{"nothing_like_it"}
		who, err := client.Exchange(t.Context(), answer)
		switch {
		case asked.Load() != 1:
			t.Errorf("%s: it was asked %d times", name, asked.Load())
		case c.refused:
			if !errors.Is(err, idp.ErrRejected) || who.ID != "" {
				t.Errorf("%s: %+v, %v", name, who, err)
			}
		case err != nil || who.ID != ann.ID || (who.Unsaid.Err != nil) != c.unknown || len(who.Claims) == 0 != c.unknown:
			t.Errorf("%s: %+v, %v", name, who, err)
		case !c.unknown && (who.Claims[0].Unknown || len(who.Claims[0].Values) > 0):
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
}

func replaced(text, subject string) string {
	quoted, _ := json.Marshal(subject) // it is a text
	return strings.ReplaceAll(text, "SUB", string(quoted))
}

// metadata is the provider's own, with another userinfo endpoint.
func (p *provider) metadata(t *testing.T, userInfo string) map[string]any {
	resp, err := http.Get(p.config.Issuer + "/.well-known/openid-configuration")
	if err != nil {
		t.Error(err)
		return nil
	}
	defer func() { _ = resp.Body.Close() }() // read
	var m map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
		t.Error(err)
	}
	m["userinfo_endpoint"] = userInfo
	return m
}
