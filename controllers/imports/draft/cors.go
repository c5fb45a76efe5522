// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/imports/tree"
)

// An Entry is a member of a list of CORS settings.
type Entry struct {
	Value string
	From  *tree.Node
}

// Entries are the texts of a list.
func Entries(list *tree.Node) []Entry {
	var out []Entry
	for _, item := range list.List() {
		if text := strings.TrimSpace(item.Text()); text != "" {
			out = append(out, Entry{text, item})
		}
	}
	return out
}

// CORS are the settings that most products have. "*" in a list is all.
type CORS struct {
	Of                                 string
	From                               *tree.Node
	Origins, Methods, Headers, Exposed []Entry
	Credentials                        bool
	MaxAge                             int
	// Echoes: where all origins are allowed, each is told its own name, so that
	// credentials work with all of them.
	Echoes bool
	// Literal: with credentials, "*" in the lists of methods and headers is a name like others,
	// which nobody sends.
	Literal bool
}

// CORS writes the settings, and nil where nothing of them is left: then every preflight is
// refused.
func (d *Draft) CORS(c CORS) *v1alpha1.CORS {
	out := &v1alpha1.CORS{}
	all := func(list []Entry) bool {
		return slices.ContainsFunc(list, func(e Entry) bool { return e.Value == "*" })
	}
	if out.AllowAllOrigins = all(c.Origins); !out.AllowAllOrigins {
		d.entries(c.Of, c.Origins, func(cors *v1alpha1.CORS, v string) {
			cors.AllowedOrigins = append(cors.AllowedOrigins, v1alpha1.Origin(v))
		}, out)
		if len(out.AllowedOrigins) == 0 {
			d.Say(Closed, c.From, c.Of, "no origin is left: cors is not written, and every preflight is refused")
			return nil
		}
	}
	if c.Literal && c.Credentials && !out.AllowAllOrigins {
		c.Methods, c.Headers = d.named(c, c.Methods), d.named(c, c.Headers)
	}
	if out.AllowAllMethods = all(c.Methods); !out.AllowAllMethods {
		d.entries(c.Of, c.Methods, func(cors *v1alpha1.CORS, v string) {
			cors.AllowedMethods = append(cors.AllowedMethods, v1alpha1.Method(v))
		}, out)
		if len(out.AllowedMethods) == 0 {
			out.AllowedMethods = []v1alpha1.Method{"GET", "HEAD", "POST"}
			d.Say(Noted, c.From, c.Of, "no method is listed: GET, HEAD and POST need not be, and are written")
		}
	}
	if out.AllowAllHeaders = all(c.Headers); !out.AllowAllHeaders {
		d.entries(c.Of, c.Headers, func(cors *v1alpha1.CORS, v string) {
			cors.AllowedHeaders = append(cors.AllowedHeaders, v1alpha1.HeaderName(v))
		}, out)
	}
	d.entries(c.Of, c.Exposed, func(cors *v1alpha1.CORS, v string) {
		cors.ExposedHeaders = append(cors.ExposedHeaders, v1alpha1.HeaderName(v))
	}, out)
	d.credentials(c, out)
	if out.MaxAge = int32(max(-1, min(c.MaxAge, 86400))); int(out.MaxAge) != c.MaxAge {
		d.Say(Noted, c.From, c.Of, "max age %d is written as %d: no browser keeps an answer for longer than a day", c.MaxAge, out.MaxAge)
	}
	return out
}

// named are the members of a list but "*".
func (d *Draft) named(c CORS, list []Entry) []Entry {
	return slices.DeleteFunc(slices.Clone(list), func(e Entry) bool {
		if e.Value == "*" {
			d.Say(Noted, e.From, c.Of, "with credentials, * is no wildcard to browsers: it is left out")
		}
		return e.Value == "*"
	})
}

func (d *Draft) credentials(c CORS, out *v1alpha1.CORS) {
	switch {
	case !c.Credentials:
	case !out.AllowAllOrigins:
		out.AllowCredentials = true
	case c.Echoes:
		d.Say(Closed, c.From, c.Of, "credentials with every origin have no equivalent: all origins are allowed, without credentials. "+
			"List the origins that need them")
	default:
		d.Say(Noted, c.From, c.Of, "credentials with every origin (*) are refused by browsers: allowCredentials is not written")
	}
	if len(out.ExposedHeaders) > 0 {
		d.Say(Noted, c.From, c.Of, "exposed headers stand on answers that Ostiary writes: on its own, the application sends them with its "+
			"other CORS headers")
	}
}

// entries adds those members of a list that may stand in one.
func (d *Draft) entries(of string, list []Entry, add func(*v1alpha1.CORS, string), out *v1alpha1.CORS) {
	var seen []string
	for _, e := range list {
		if slices.Contains(seen, strings.ToLower(e.Value)) {
			continue
		}
		seen = append(seen, strings.ToLower(e.Value))
		switch why := d.wrongEntry(e.Value, add); {
		case why == "":
			add(out, e.Value)
		case strings.Contains(why, "forbidden request-header"):
			d.Say(Noted, e.From, of, "%s", why)
		default:
			d.Say(Closed, e.From, of, "%q cannot be allowed, and is left out: %s", e.Value, why)
		}
	}
}

// wrongEntry says why a member may not stand in its list.
func (d *Draft) wrongEntry(value string, add func(*v1alpha1.CORS, string)) string {
	var one v1alpha1.CORS
	add(&one, value)
	if len(one.AllowedOrigins) == 0 {
		one.AllowAllOrigins = true
	}
	if len(one.AllowedMethods) == 0 {
		one.AllowAllMethods = true
	}
	return Wrong(v1alpha1.AccessPolicySpec{CORS: &one})
}
