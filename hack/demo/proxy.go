// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
)

// A proxy does what ingress-nginx does for an Ingress with auth-url,
// custom-http-errors: "401,403" and default-backend: it asks about every
// request, passes on what is answered with 200, and hands what is answered
// with 401 or 403 to the render listener. Anything else is a 500.
type proxy struct {
	authz, public, render string
	apps                  map[string]string // host → address
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := hostname(r)
	app := p.apps[host]
	if r.Header.Get("X-Request-Id") == "" { // as ingress-nginx's $req_id: one for all that this request leads to
		r.Header.Set("X-Request-Id", strings.ToLower(rand.Text()))
	}
	switch {
	case host == "auth.localhost", app != "" && strings.HasPrefix(r.URL.Path, contract.DefaultPathPrefix+"/"):
		forward(w, r, p.public, nil)
		return
	case app == "":
		http.Error(w, "no application at "+host, http.StatusNotFound)
		return
	}
	status, headers, err := p.ask(r, host)
	switch {
	case err != nil:
		http.Error(w, "the auth server does not answer", http.StatusInternalServerError)
	case status == http.StatusOK:
		forward(w, r, app, func(out *http.Request) {
			for _, h := range contract.Identity() { // the answer's replace the client's
				out.Header.Del(h)
				if v := headers.Get(h); v != "" {
					out.Header.Set(h, v)
				}
			}
		})
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		forward(w, r, p.render, func(out *http.Request) {
			out.URL.Path, out.URL.RawPath, out.URL.RawQuery = "/", "", ""
			out.Header.Set("X-Code", strconv.Itoa(status))
			out.Header.Set(contract.OriginalURI, r.RequestURI)
		})
	default:
		http.Error(w, "the auth server answered with "+strconv.Itoa(status), http.StatusInternalServerError)
	}
}

// ask makes the subrequest: GET, without a body, with the client's headers.
func (p *proxy) ask(r *http.Request, host string) (int, http.Header, error) {
	// Opaque, as the request target must go out untouched.
	u := &url.URL{Scheme: "http", Host: p.authz, Opaque: contract.NginxPrefix + r.Method + "/" + host + r.RequestURI}
	q := (&http.Request{Method: http.MethodGet, URL: u, Header: r.Header.Clone(), Host: p.authz}).WithContext(r.Context())
	resp, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read to its end
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header, err
}

// forward passes a request on as it came, but for what edit changes.
func forward(w http.ResponseWriter, r *http.Request, to string, edit func(*http.Request)) {
	rp := httputil.ReverseProxy{Rewrite: func(pr *httputil.ProxyRequest) {
		pr.Out.URL.Scheme, pr.Out.URL.Host, pr.Out.Host = "http", to, r.Host
		pr.SetXForwarded()
		if edit != nil {
			edit(pr.Out)
		}
	}}
	rp.ServeHTTP(w, r)
}

func hostname(r *http.Request) string {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
