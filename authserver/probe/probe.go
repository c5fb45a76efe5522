// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/contract"
)

// unclaimed is a host that no policy claims: names below .invalid never exist (RFC 2606).
const unclaimed = "probe.ostiary.invalid"

// Options say where to ask.
type Options struct {
	// Authz, Public and Preflight are listeners: "http://HOST:PORT". An empty one is
	// not asked.
	Authz, Public, Preflight string
	// PathPrefix is our own path on every host. Default "/.access".
	PathPrefix string
	// TeamHost is where keys are published; empty: no sessions are accepted, and there is
	// nobody to publish them for.
	TeamHost string
	// Timeout is how long one answer may take. Default 5s.
	Timeout time.Duration
	// Patience is how long all of it is tried again: a Service may need a moment.
	// Default 30s.
	Patience time.Duration
}

// A check is one question and what its answer must be.
type check struct {
	name    string
	request func() (*http.Request, error)
	judge   func(status int, header http.Header, body []byte) (string, error)
}

func (o *Options) checks() (out []check, err error) {
	for flag, address := range map[string]string{"--authz-url": o.Authz, "--public-url": o.Public, "--preflight-url": o.Preflight} {
		if address != "" && !isAddress(address) {
			return nil, fmt.Errorf("%s: %q is not of the form http://HOST:PORT", flag, address)
		}
	}
	if o.Authz != "" {
		at := strings.TrimSuffix(o.Authz, "/") + contract.NginxPrefix
		out = append(out,
			check{"a request to a host without a policy is refused", get(at+"GET/"+unclaimed+"/", ""), refused("no-policy")},
			check{"so is its preflight", get(at+"OPTIONS/"+unclaimed+"/", "", "Origin", "https://"+unclaimed, "Access-Control-Request-Method",
				"GET"), refused("no-policy")})
	}
	if o.Preflight != "" {
		out = append(out, check{"the preflight listener answers nothing but preflights",
			get(strings.TrimSuffix(o.Preflight, "/")+"/", unclaimed), status(http.StatusMisdirectedRequest)})
	}
	if o.Public != "" && o.TeamHost != "" {
		out = append(out, check{"the public keys are there for applications", get(strings.TrimSuffix(o.Public, "/")+o.PathPrefix+"/certs",
			o.TeamHost), keys})
	}
	if len(out) == 0 {
		return nil, command.Mistake("name what to ask: --authz-url, --preflight-url, or --public-url with --team-url")
	}
	return out, nil
}

func isAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && strings.Trim(u.Path, "/") == ""
}

func get(address, host string, header ...string) func() (*http.Request, error) {
	return func() (*http.Request, error) {
		r, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			return nil, err
		}
		r.Host = cmp.Or(host, r.Host)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return r, nil
	}
}

// until asks until the answer is right, or patience is over.
func (c *check) until(ctx context.Context, o *Options) (string, error) {
	over := time.NewTimer(cmp.Or(o.Patience, 30*time.Second))
	defer over.Stop()
	for {
		what, err := c.once(ctx, o)
		if err == nil {
			return what, nil
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-over.C:
			return "", err
		case <-time.After(time.Second):
		}
	}
}

// maxAnswer bounds what is read of one.
const maxAnswer = 1 << 20

func (c *check) once(ctx context.Context, o *Options) (string, error) {
	r, err := c.request()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(o.Timeout, 5*time.Second))
	defer cancel()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r.WithContext(ctx))
	if err != nil {
		return "", fmt.Errorf("%w. Is a NetworkPolicy between here and there, or no pod ready?", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", err
	}
	return c.judge(resp.StatusCode, resp.Header, body)
}

func refused(reason string) func(int, http.Header, []byte) (string, error) {
	return func(status int, header http.Header, _ []byte) (string, error) {
		got := header.Get(contract.ReasonHeader)
		switch {
		case status == http.StatusServiceUnavailable:
			return "", errors.New("503: no policy has been read yet. Look at the log, and whether the API server is reached")
		case status != http.StatusForbidden || got != reason:
			return "", fmt.Errorf("%d with X-Access-Reason %q, and not 403 with %q: this is not Ostiary's authz listener, or a policy claims %s",
				status, got, reason, unclaimed)
		default:
			return fmt.Sprintf("%d, %s", status, got), nil
		}
	}
}

func status(want int) func(int, http.Header, []byte) (string, error) {
	return func(got int, _ http.Header, _ []byte) (string, error) {
		if got != want {
			return "", fmt.Errorf("%d, and not %d", got, want)
		}
		return fmt.Sprint(got), nil
	}
}

func keys(status int, _ http.Header, body []byte) (string, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil || status != http.StatusOK || len(set.Keys) == 0 {
		return "", fmt.Errorf("%d, and no set of keys. Is there a key Secret?", status)
	}
	return fmt.Sprintf("%d of them", len(set.Keys)), nil
}
