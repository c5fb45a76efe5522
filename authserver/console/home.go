// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// Bounds of the start page.
const (
	maxTiles    = 200
	searchFrom  = 9    // applications: of fewer, one look is enough
	maxTagLinks = 24   // that are offered
	maxImages   = 1500 // bytes of origins in the Content-Security-Policy
)

// home is the team host's front page: the applications that whoever is signed in may open.
func (h *Handler) home(x *public.Exchange) {
	if !h.Get(x) {
		return
	}
	s, _ := h.Sessions.TeamSubject(x)
	v := web.LauncherView{Host: x.Host, HomeURL: h.Origin(h.TeamHost()) + "/"}
	if s == nil {
		if len(h.Providers.Permitted(nil)) > 0 {
			v.SignInURL = h.Own(h.TeamHost(), "login", nil)
		}
		h.Page(x, http.StatusOK, "team host", web.Launcher(v))
		return
	}
	v.SignedInAs = cmp.Or(s.Email, s.Name())
	v.SignOutURL, v.SessionsURL = h.Own(h.TeamHost(), "logout", nil), h.Own(h.TeamHost(), "sessions", nil)
	all := h.applications(x, s)
	v.Query = cut(strings.TrimSpace(x.Query.Get("q")), 100)
	tag := x.Query.Get("tag")
	v.Search = len(all) >= searchFrom || v.Query != "" || tag != ""
	if v.Search {
		v.Tags = tagLinks(all, tag, v.HomeURL)
	}
	all = slices.DeleteFunc(all, func(a policy.Application) bool {
		return !h.finds(&a, v.Query) || tag != "" && !slices.Contains(a.Launcher.Tags, tag)
	})
	v.More = max(0, len(all)-maxTiles)
	for _, a := range all[:min(len(all), maxTiles)] {
		v.Apps = append(v.Apps, h.tile(&a))
	}
	h.PageWithImages(x, "team host", web.Launcher(v), logosOf(v.Apps))
}

// applications are those that a person may open. What lets everybody in is not one, unless
// it has a title: it is a part of a host that has no door.
func (h *Handler) applications(x *public.Exchange, s *policy.Subject) []policy.Application {
	return slices.DeleteFunc(x.Table.Applications(), func(a policy.Application) bool {
		return !h.Sessions.MayOpen(x, a.Target, s) || a.Launcher.Title == "" && h.Sessions.MayOpen(x, a.Target, nil)
	})
}

// tile is how an application looks.
func (h *Handler) tile(a *policy.Application) web.AppLink {
	path := (&url.URL{Path: a.Target.Path()}).EscapedPath()
	l := web.AppLink{Title: a.Launcher.Title, Address: addressOf(a), URL: h.Origin(a.Target.Host()) + path, LogoURL: a.Launcher.LogoURL}
	first, _ := utf8.DecodeRuneInString(cmp.Or(l.Title, l.Address))
	l.Initial = string(unicode.ToUpper(first))
	return l
}

// addressOf is what people read of an address.
func addressOf(a *policy.Application) string {
	return strings.TrimSuffix(a.Target.Host()+a.Target.Path(), "/")
}

// finds reports whether an application is what somebody looks for.
func (h *Handler) finds(a *policy.Application, query string) bool {
	text := strings.ToLower(strings.Join(append([]string{a.Launcher.Title, addressOf(a)}, a.Launcher.Tags...), "\n"))
	return !slices.ContainsFunc(strings.Fields(strings.ToLower(query)), func(word string) bool { return !strings.Contains(text, word) })
}

// tagLinks offers the tags of the applications, the chosen one as the way back to all.
func tagLinks(all []policy.Application, chosen, home string) (out []web.TagLink) {
	var names []string
	for _, a := range all {
		names = append(names, a.Launcher.Tags...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		link := web.TagLink{Name: name, URL: home + "?" + url.Values{"tag": {name}}.Encode(), Chosen: name == chosen}
		if link.Chosen {
			link.URL = home
		}
		if len(out) < maxTagLinks || link.Chosen {
			out = append(out, link)
		}
	}
	return out
}

// logosOf returns the origins of the logos, and takes those away that would make the policy of the page
// longer than a proxy's buffer has room for.
func logosOf(apps []web.AppLink) (origins []string) {
	size := 0
	for i := range apps {
		u, err := url.Parse(apps[i].LogoURL)
		if apps[i].LogoURL == "" || err != nil {
			continue
		}
		origin := u.Scheme + "://" + u.Host
		switch {
		case slices.Contains(origins, origin):
		case size+len(origin) > maxImages:
			apps[i].LogoURL = ""
		default:
			size += len(origin) + 1
			origins = append(origins, origin)
		}
	}
	return origins
}

// cut shortens a text to at most n bytes of whole characters.
func cut(s string, n int) string {
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
