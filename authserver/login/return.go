// SPDX-License-Identifier: Apache-2.0

package login

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// maxReturn bounds an address to come back to, in bytes. Whoever sends people here
// has the same bound, and so has what comes of it: sealed, it is in the address of
// each step, for which providers and proxies have 4 KiB and more.
const maxReturn = dialect.MaxReturn

// returnAddress returns where a request asks to come back to, and whether that is less
// than it asked for, as it is too long: then its page is worth more than its query.
func (h *Handler) returnAddress(x *public.Exchange) (dest string, cut bool) {
	rd, cut := dialect.Shorten(x.Query.Get("rd"))
	return h.checked(rd, x.Host, x.Port, x.Table, maxReturn), cut || x.Query.Has("cut")
}

// maxFor bounds the path for which somebody signs in, beside where they come back to.
const maxFor = 512

// wantedFor returns the path on this host that has to be open after a sign-in, where that is
// not what it comes back to: a fetch was refused there, or a form. Empty: it is. Of a path
// that is none, or too long, nothing is known, and what it comes back to counts.
func (h *Handler) wantedFor(x *public.Exchange) text {
	path, _, _ := strings.Cut(x.Query.Get("for"), "?")
	path, _, _ = strings.Cut(path, "#")
	if path == "" || len(path) > maxFor || path[0] != '/' {
		return ""
	}
	rest, ok := strings.CutPrefix(h.checked(path, x.Host, x.Port, x.Table, maxReturn), h.Here(x))
	if !ok || rest != path {
		return ""
	}
	return text(path)
}

// maxKept bounds an address that a page keeps, in bytes: no proxy takes a longer one.
const maxKept = 32 << 10

// keepAddress shows the page that has the tab keep an address that is too long for a sign-in,
// and reports whether there was one. The tab can only keep what leads to this host.
func (h *Handler) keepAddress(x *public.Exchange) bool {
	rd := x.Query.Get("rd")
	short, cut := dialect.Shorten(rd)
	origin := h.Here(x)
	dest := h.checked(rd, x.Host, x.Port, x.Table, maxKept)
	if !cut || x.R.Method != http.MethodGet || dest == origin+"/" || !strings.HasPrefix(dest, origin+"/") {
		return false
	}
	q := maps.Clone(x.Query)
	q.Set("rd", short)
	q.Set("cut", "1")
	h.KeepPage(x, "sign in", web.Keep(web.KeepView{Host: x.Host, Address: dest[len(origin):], Next: h.OwnAt(origin, "login", q)}))
	return true
}

// within is an address without the origin that it is at, so that what begins anew has the room
// for it that it had.
func within(origin, address string) string {
	if path, ok := strings.CutPrefix(address, origin); ok && strings.HasPrefix(path, "/") {
		return path
	}
	return address
}

// endOf is where an attempt ends: where it was to lead, or the page that looks for what it could
// not carry.
func (h *Handler) endOf(a *attempt) string {
	origin := h.originOf(a.Host, a.Port)
	if path, here := strings.CutPrefix(string(a.Dest), origin); a.Cut && here {
		return h.OwnAt(origin, "kept", url.Values{"rd": {path}})
	}
	return string(a.Dest)
}

// kept is that page, for whoever has a session: it is not at an address with a ticket.
func (h *Handler) kept(x *public.Exchange) {
	if !h.Get(x) {
		return
	}
	dest, _ := h.returnAddress(x)
	if h.Session(x) == nil {
		h.Redirect(x, dest)
		return
	}
	h.showKept(x, dest)
}

// showKept ends a sign-in that could not carry all of a long address: the tab may have it.
func (h *Handler) showKept(x *public.Exchange, dest string) {
	h.KeepPage(x, "signed in", web.Kept(x.Host, dest, x.ID))
}

// destination turns what a request asks to come back to into an absolute
// address: on the host itself, on another host of the same namespace's policies, or
// on one that the platform allows, with our scheme and port. Anything else is the
// root of the host. It never returns an address that a browser could read as
// another host's.
func (h *Handler) destination(rd, host string, table *policy.Table) string {
	return h.checked(rd, host, h.Port(), table, maxReturn)
}

// checked is destination from a host at a port, for addresses of at most so many bytes.
func (h *Handler) checked(rd, host, port string, table *policy.Table, most int) string {
	home := h.OriginAt(host, port) + "/"
	if rd == "" || len(rd) > most || strings.IndexFunc(rd, unsafeInReturn) >= 0 {
		return home
	}
	name, path := host, rd
	if rd[0] != '/' {
		var ok bool
		if name, port, path, ok = h.split(rd); !ok || !h.mayLead(host, name, table) {
			return home
		}
	}
	if !plainPath(name, path) || h.isAction(path) {
		return home
	}
	return h.OriginAt(name, port) + path
}

// portIn is what is remembered of the port that an application was asked at: nothing, if it is
// that of every host, and a colon where there is none.
func (h *Handler) portIn(x *public.Exchange) string {
	if x.Port == h.Port() {
		return ""
	}
	return cmp.Or(x.Port, ":")
}

// originOf is the origin of an application at the port that portIn said. One that is no longer
// listed is none.
func (h *Handler) originOf(host, port string) string {
	if port == "" {
		return h.Origin(host)
	}
	return h.OriginAt(host, h.PortOf(host+strings.TrimSuffix(port, ":")))
}

// mayLead reports whether people may be sent from a host to another one. That some
// policy claims it is not enough: anybody may claim a host.
func (h *Handler) mayLead(host, other string, table *policy.Table) bool {
	_, below, _ := strings.Cut(other, ".")
	return host == other && table.Claims(other) || table.SameNamespace(host, other) ||
		slices.Contains(h.ReturnHosts, other) || slices.Contains(h.ReturnHosts, "*."+below)
}

// A wayBack leads somebody who signs in anew as somebody else to the application
// that did not let them in. It is good for them alone: whoever made an application
// could lead others there.
type wayBack struct {
	Host     string `json:"host"`
	Dest     text   `json:"d,omitempty"` // there; empty: its root
	Provider string `json:"idp"`
	ID       string `json:"sub"`
}

// purposeBack is a parameter: team host → team host.
const purposeBack = "way back"

// maxBack bounds where a way back leads, in bytes: its own address stands in one of ours, on a
// page beside others.
const maxBack = 1 << 10

// switchURL is where to become somebody else, and come back to what they could not open.
func (h *Handler) switchURL(ring *credential.Ring, host, dest string, s *policy.Subject, now time.Time) string {
	q := url.Values{"switch": {"1"}}
	if len(dest) > maxBack {
		dest = ""
	}
	if sealed, err := ring.Seal(purposeBack, wayBack{host, text(dest), s.Provider, s.ID}, now.Add(time.Hour), now); err == nil {
		q.Set("back", sealed)
	}
	return h.Own(h.TeamHost(), "logout", q)
}

// wayBackOf returns where a way back leads whoever is signed in; empty: nowhere.
func (h *Handler) wayBackOf(x *public.Exchange, s *policy.Subject) string {
	var w wayBack
	if s == nil || x.Ring.Open(purposeBack, x.Query.Get("back"), &w, x.Now) != nil {
		return ""
	}
	if w.ID != s.ID || w.Provider != s.Provider || !x.Table.Claims(w.Host) {
		return ""
	}
	return cmp.Or(string(w.Dest), h.Origin(w.Host)+"/")
}

// isAction reports whether a path is one of ours that does something: nobody is sent
// there on somebody else's word.
func (h *Handler) isAction(path string) bool {
	own, ours := strings.CutPrefix(path, h.PathPrefix)
	page, _, _ := strings.Cut(own, "?")
	return ours && (own == "" || own[0] == '/' || own[0] == '?') && page != "/done"
}

// split takes an absolute address apart. Scheme and host must be spelled as we
// would: no parser's opinion about "https:evil", userinfo, ports or case is
// asked for.
func (h *Handler) split(rd string) (host, port, path string, ok bool) {
	rest, ok := strings.CutPrefix(rd, h.TeamURL.Scheme+"://")
	if !ok {
		return "", "", "", false
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest, path = rest[:i], rest[i:]
	}
	if path == "" || path[0] != '/' {
		path = "/" + path
	}
	port = h.PortOf(rest)
	host, ok = strings.CutSuffix(rest, port)
	return host, port, path, ok && public.CanonicalHost(host) == host && !strings.Contains(host, ":")
}

// unsafeInReturn: browsers drop tabs and line ends from a URL, and take a
// backslash for a slash (WHATWG URL §4.4).
func unsafeInReturn(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' }

// plainPath reports whether a path, with a query perhaps, is one that a browser
// sends as it stands and that stays on its host: "//evil" does not, and neither
// may "/.//evil", once its dots are gone.
func plainPath(host, pathAndQuery string) bool {
	path := pathAndQuery
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	if strings.HasPrefix(path, "//") || strings.HasPrefix(strings.ToLower(path), "/%2f") { // an application may decode it, and redirect
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".", "..":
			return false
		}
	}
	if _, err := url.Parse("https://" + host + pathAndQuery); err != nil { // "%" in a query or fragment
		return false
	}
	_, err := policy.NewTarget(host, path)
	return err == nil
}

// targetOf returns what guards an address that destination made.
func targetOf(destination string) (policy.Target, error) {
	u, err := url.Parse(destination)
	if err != nil {
		return policy.Target{}, err
	}
	return policy.NewTarget(u.Hostname(), u.EscapedPath())
}
