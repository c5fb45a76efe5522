// SPDX-License-Identifier: Apache-2.0

package evaluation

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/url"
	"time"

	"github.com/ostiary/ostiary/authserver/oidc"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

const (
	maxAnswer = 64 << 10 // bytes, after decompression
	// leeway is how far the clock of a service may be from ours. That an answer is not an
	// old one, the nonce tells.
	leeway = time.Minute
)

// An Identity is what a service is told of somebody, in the words of Cloudflare Access: as
// get-identity says it, and where they are.
type Identity struct {
	public.Identity
	Address string `json:"ip,omitempty"`
	Place   *Place `json:"geo,omitempty"`
}

// A Place is where somebody is.
type Place struct {
	Country string `json:"country"`
}

// A service is one that can be asked.
type service struct {
	url    string
	client *oidc.Client // for url
	keys   *oidc.Issuer // has a client of its own, as it may be another host
	used   time.Time    // guarded by Set.mu
}

func (s *Set) newService(e *policy.Evaluation) (*service, error) {
	asks, err := s.client(e.URL)
	if err != nil {
		return nil, err
	}
	keys, err := s.client(e.KeysURL)
	if err != nil {
		return nil, err
	}
	return &service{url: e.URL, client: asks, keys: oidc.New(oidc.Options{
		Issuer: e.URL, Client: keys, Now: s.Now, Timeout: s.timeout, JWKSURL: e.KeysURL,
	})}, nil
}

func (s *Set) client(address string) (*oidc.Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return nil, oidc.Fail(oidc.ErrRejected, "its address cannot be read")
	}
	c := oidc.NewClient(u, nil, s.timeout)
	c.RefuseRedirects()
	c.Limit(maxAnswer)
	return c, nil
}

func (e *service) close() {
	e.client.Close()
	e.keys.Client.Close()
}

// ask returns whether the service approves of somebody.
func (e *service) ask(ctx context.Context, in *Inquiry) (bool, error) {
	token, nonce, err := in.Ring.MintInquiry(in.Issuer, e.url, &in.Identity, in.Now)
	if err != nil {
		return false, err
	}
	signed, err := e.post(ctx, token)
	if err != nil {
		return false, err
	}
	payload, err := e.keys.Verify(ctx, signed)
	if err != nil {
		return false, err
	}
	return judge(payload, nonce, in.Now)
}

// post sends a token, and returns the one that is the answer.
func (e *service) post(ctx context.Context, token string) (string, error) {
	const what = "the service"
	body, err := json.Marshal(map[string]string{"token": token})
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return "", oidc.Fail(oidc.ErrRejected, "its address cannot be read")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "ostiary")
	resp, err := e.client.HTTP().Do(r)
	if err != nil {
		return "", oidc.AsFailure(what, err)
	}
	defer func() { _ = resp.Body.Close() }() // it is in memory
	if resp.StatusCode != http.StatusOK {
		return "", oidc.Fail(oidc.KindOf(resp.StatusCode), "it answers with status %d", resp.StatusCode)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", oidc.AsFailure(what, err)
	}
	var answer struct {
		Token string `json:"token"`
	}
	if json.Unmarshal(text, &answer) != nil || answer.Token == "" {
		return "", oidc.Fail(oidc.ErrRejected, `its answer is not {"token": "..."}`)
	}
	return answer.Token, nil
}

// judge reads what the service signed. Members are looked up by their exact names:
// decoding into a struct would take "Success" for success.
func judge(payload []byte, nonce string, now time.Time) (bool, error) {
	var said map[string]any
	if json.Unmarshal(payload, &said) != nil {
		return false, oidc.Fail(oidc.ErrRejected, "the token of its answer holds no object")
	}
	if repeated, _ := said["nonce"].(string); repeated != nonce {
		return false, oidc.Fail(oidc.ErrRejected, "its answer has another nonce than the question: it answers another one")
	}
	expires, ok := said["exp"].(float64)
	if !ok || math.IsNaN(expires) {
		return false, oidc.Fail(oidc.ErrRejected, "its answer has no exp, a number of seconds since 1970")
	}
	at, slack := float64(now.Unix()), leeway.Seconds()
	issued, ok := said["iat"].(float64)
	switch {
	case expires <= at-slack:
		return false, oidc.Fail(oidc.ErrRejected, "its answer is over: exp is %.0f, and it is %.0f", expires, at)
	case said["iat"] != nil && (!ok || issued > at+slack):
		return false, oidc.Fail(oidc.ErrRejected, "its answer is of the future, or iat is no number of seconds since 1970")
	}
	success, ok := said["success"].(bool)
	if !ok {
		return false, oidc.Fail(oidc.ErrRejected, "its answer does not say success: true or false")
	}
	return success, nil
}
