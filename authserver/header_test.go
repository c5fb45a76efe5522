// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"bufio"
	"bytes"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/login"
	"github.com/ostiary/ostiary/authserver/policy"
)

// maxHeader is what nginx, and so ingress-nginx, buffers of an answer's header
// section (proxy_buffer_size).
const maxHeader = 4096

// A wire speaks with the public listener, counts what it sends, and keeps cookies.
type wire struct {
	t       *testing.T
	addr    string
	cookies map[string]map[string]string // by host
	longest int
}

// ask returns an answer, and where it leads: by its Location or its page.
func (w *wire) ask(method, address, body string) (status int, header http.Header, text, next string) {
	w.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		w.t.Fatal(err)
	}
	var cookies []string
	for name, value := range w.cookies[u.Host] {
		cookies = append(cookies, name+"="+value)
	}
	request := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n",
		method, u.RequestURI(), u.Host, strings.Join(cookies, "; "), len(body))
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // it was read to its end
	if _, err := io.WriteString(c, request+"Connection: close\r\n\r\n"+body); err != nil {
		w.t.Fatal(err)
	}
	all, err := io.ReadAll(c)
	end := bytes.Index(all, []byte("\r\n\r\n"))
	if err != nil || end < 0 {
		w.t.Fatalf("%s: %v, %.80q", address, err, all)
	}
	// One that keeps the connection is a little longer, and nginx asks so.
	if w.longest = max(w.longest, end+len("\r\n\r\n")); w.longest > maxHeader {
		w.t.Fatalf("%s %.80s: the header section has %d bytes:\n%s", method, address, end+4, all[:end])
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(all)), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it is in memory
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	status, header, text = resp.StatusCode, resp.Header, string(read)
	for _, line := range header["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			w.t.Fatal(err)
		}
		if w.cookies[u.Host] == nil {
			w.cookies[u.Host] = map[string]string{}
		}
		if delete(w.cookies[u.Host], c.Name); c.MaxAge >= 0 {
			w.cookies[u.Host][c.Name] = c.Value
		}
	}
	next = header.Get("Location")
	if m := refresh.FindStringSubmatch(text); next == "" && m != nil {
		next = html.UnescapeString(m[1])
	}
	return status, header, text, next
}

var (
	refresh = regexp.MustCompile(`http-equiv="refresh" content="0; url=([^"]*)"`)
	attempt = regexp.MustCompile(`name="attempt" value="([^"]*)"`)
)

// signIn ends at an address of the application that is not ours, or at a page that
// says why not.
func (w *wire) signIn(dest string) (status int, header http.Header, at string) {
	w.t.Helper()
	at = "https://app.example.com/.access/login?rd=" + url.QueryEscape(dest)
	method, form := http.MethodGet, ""
	for range 10 {
		status, header, text, next := w.ask(method, at, form)
		method, form = http.MethodGet, ""
		switch m := attempt.FindStringSubmatch(text); {
		case m != nil:
			method, form = http.MethodPost, url.Values{"attempt": {m[1]}, "idp": {"people"}, "username": {"ann"}, "password": {"horse"}}.Encode()
		case next == "":
			return status, header, at
		case !strings.Contains(next, "/.access/"):
			return 200, header, next
		default:
			at = next
		}
	}
	w.t.Fatal("it goes round in circles")
	return 0, nil, ""
}

// peopleWith is an installation where ann has groups, and rules name all of them.
func peopleWith(t *testing.T, hash []byte, groups []string, cookie policy.Cookie) *wire {
	t.Helper()
	providers := idp.New(idp.Options{})
	list := fmt.Sprintf("- {name: ann, email: ann@example.com, passwordHash: %q, groups: [%s]}\n", hash, strings.Join(groups, ", "))
	if problems := providers.Update([]idp.Config{{Name: "people", Type: idp.TypeUsers, Users: []byte(list)}}); len(problems) > 0 {
		t.Fatal(problems)
	}
	app := policy.Policy{Source: policy.Source{Namespace: "ns", Name: "app"}, Hosts: []string{"app.example.com"},
		Rules: []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{{Property: policy.Everyone}}}}, Session: policy.Session{Cookie: cookie}}
	for _, g := range groups {
		app.Rules = append(app.Rules, policy.Rule{Action: policy.Block, Include: []policy.Selector{{Property: policy.IdPGroup, Value: g}}, Methods: []string{"PURGE"}})
	}
	table, issues := policy.Build(policy.Input{Policies: policy.CompileAll([]policy.Policy{app})})
	for _, i := range issues {
		if !i.Warning() {
			t.Fatal(issues)
		}
	}
	ring, err := credential.NewRing(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(c *Config) {
		c.Table = func() *policy.Table { return table }
		c.Subject = credential.NewVerifier(ring, "https://auth.example.com", 10).Subject
		c.SessionDuration = time.Hour
		c.Ring = func() *credential.Ring { return ring }
		c.Login = &login.Config{Providers: providers}
	})
	return &wire{t: t, addr: w.http(t, w.Public()), cookies: map[string]map[string]string{}}
}

// TestHeaderSize: whatever groups somebody has, whatever they are called, and however
// long the address is that they come from, no answer's header section is longer than
// a proxy buffers. They get in, or a page says why not; and nobody does with more
// groups than somebody who does not.
func TestHeaderSize(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("horse"), 10)
	if err != nil {
		t.Fatal(err)
	}
	long := "/explore?panes=" + strings.Repeat("a&", 500)
	strict := policy.Cookie{SameSite: policy.SameSiteStrict, Partitioned: true}
	for _, c := range []struct {
		size   int
		dest   string
		cookie policy.Cookie
		least  int // that have to fit
	}{{36, "/", policy.Cookie{}, 22}, {36, long, strict, 22}, {8, long, policy.Cookie{}, 60}, {250, "/", strict, 4}} {
		most, fits := 0, true
		for n := 0; n <= 80; n += 1 + n/4 {
			groups := make([]string, n)
			for i := range groups {
				groups[i] = fmt.Sprintf("g%03d", i) + strings.Repeat("x", c.size-4)
			}
			w := peopleWith(t, hash, groups, c.cookie)
			status, header, at := w.signIn(c.dest)
			switch {
			case status == 200 && at == "https://app.example.com"+c.dest && fits:
				most = n
				w.ask("GET", "https://app.example.com/.access/logout?all", "")
			case status == 500 && header.Get("X-Access-Reason") == "token-too-large" && len(w.cookies["app.example.com"]) < 2:
				fits = false
			default:
				t.Fatalf("%d groups of %d letters: %d %s at %s", n, c.size, status, header.Get("X-Access-Reason"), at)
			}
		}
		if t.Logf("of groups of %d letters, %d fit", c.size, most); most < c.least {
			t.Errorf("%d have to", c.least)
		}
	}
}

// TestTooLargeHeader: what nobody has thought of is stopped at the listener.
func TestTooLargeHeader(t *testing.T) {
	w := newWorld(t, nil)
	for n := 3000; n < 5000; n += 7 {
		addr := w.http(t, w.guard(w.public(func(rw http.ResponseWriter, _ *http.Request, _ string) bool {
			rw.Header().Add("Set-Cookie", "a="+strings.Repeat("x", n))
			rw.WriteHeader(http.StatusFound)
			_, _ = rw.Write([]byte("moved"))
			return true
		})))
		c := &wire{t: t, addr: addr, cookies: map[string]map[string]string{}}
		status, header, text, _ := c.ask("GET", "https://app.example.com/", "")
		if refused := status == 500 && header.Get("X-Access-Reason") == "token-too-large" && header.Get("Set-Cookie") == "" && !strings.Contains(text, "moved") && strings.Contains(text, "fewer or shorter groups"); refused == (status == 302) || n > 4000 && !refused {
			t.Errorf("%d: %d %v", n, status, header)
		}
	}
}

// TestWayOn: pages of hosts that are ours lead to the application, and others to the start page
// and nowhere that a client named.
func TestWayOn(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("horse"), 10)
	if err != nil {
		t.Fatal(err)
	}
	w := peopleWith(t, hash, nil, policy.Cookie{})
	for _, c := range []struct{ address, link string }{
		{"https://app.example.com/.access/nothing", "https://app.example.com/"}, {"https://app.example.com/.access/authorized", "https://app.example.com/"},
		{"https://app.example.com/.access/authorized?ticket=x", "https://app.example.com/"}, {"https://app.example.com/.access/login?%zz", "https://app.example.com/"},
		{"https://app.example.com/.access/done", "https://app.example.com/"}, {"https://auth.example.com/nothing", "https://auth.example.com/"},
		{"https://auth.example.com/.access/login/app.example.com?attempt=x", "https://app.example.com/"}, {"https://auth.example.com/.access/idp/people/callback?state=x", "https://auth.example.com/"},
		{"https://evil.example/.access/nothing", "https://auth.example.com/"},
	} {
		_, _, text, _ := w.ask("GET", c.address, "")
		if !strings.Contains(text, `href="`+c.link+`"`) || strings.Contains(text, `href="https://evil`) {
			t.Errorf("%s leads to no %s: %s", c.address, c.link, text[strings.Index(text, "<main "):])
		}
	}
}
