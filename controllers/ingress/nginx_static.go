// SPDX-License-Identifier: Apache-2.0

package ingress

import (
	"regexp"
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

func intText(n int32) string { return strconv.FormatInt(int64(n), 10) }

// defaultMaxAge is how long a browser keeps a preflight's answer that does not say
// (Fetch standard §4.9). ingress-nginx always says something: 20 days by itself.
const defaultMaxAge = 5

// What the annotations take. An origin that they do not becomes "*", so that nothing
// else may ever be written.
var (
	projectableOrigin = regexp.MustCompile(`^(null|https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]+)?)$`)
	projectableMethod = regexp.MustCompile(`^[A-Za-z]+$`)
	projectableHeader = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// projected copies the policy's CORS into the proxy's own annotations. It answers
// preflights by itself then, before it asks, and nothing varies by path.
func (p *planner) projected(o *optIn) {
	if o.is == nil || o.is.CORS == nil {
		return // no preflight is allowed, and so says the auth-url
	}
	c := o.is.CORS
	if cannot := c.unprojectable(); len(cannot) > 0 {
		p.find(o, NotProjectable, "", "is in mode static, and the proxy's CORS annotations cannot say %s. Preflights are refused. Use another mode, or write it otherwise.", strings.Join(cannot, ", "))
		return
	}
	if !c.AllOrigins && len(c.Origins) == 0 {
		return
	}
	age := max(c.MaxAge, 0)
	if c.MaxAge == 0 {
		age = defaultMaxAge
	}
	set := func(name, value string) {
		if value != "" {
			o.annotated[nginxPrefix+name] = value
		}
	}
	origins := strings.Join(c.Origins, ",")
	if c.AllOrigins {
		origins = "*"
	}
	set("enable-cors", "true")
	set("cors-allow-origin", origins)
	set("cors-allow-methods", strings.Join(c.Methods, ","))
	set("cors-allow-headers", strings.Join(c.Headers, ","))
	set("cors-expose-headers", strings.Join(c.Exposed, ","))
	set("cors-allow-credentials", strconv.FormatBool(c.Credentials))
	set("cors-max-age", strconv.Itoa(age))
}

// unprojectable are the fields that the annotations cannot say, sorted.
func (c *CORS) unprojectable() (fields []string) {
	refuse := func(is bool, field string) {
		if is {
			fields = append(fields, "spec.cors."+field)
		}
	}
	refuse(c.Bypass, "preflight: Bypass")
	refuse(c.AllMethods, "allowAllMethods")
	refuse(c.AllHeaders, "allowAllHeaders")
	refuse(c.PrivateNetwork, "allowPrivateNetwork")
	each := func(field string, values []string, can *regexp.Regexp) {
		for _, v := range values {
			refuse(!can.MatchString(v), field+": "+v)
		}
	}
	each("allowedOrigins", c.Origins, projectableOrigin)
	each("allowedMethods", c.Methods, projectableMethod)
	each("allowedHeaders", c.Headers, projectableHeader)
	each("exposedHeaders", c.Exposed, projectableHeader)
	return sorted(fields)
}

// nginxWarnings reports what people have annotated that is in the way of signing in.
// What undoes the question itself, Unguarded reports.
func (p *planner) nginxWarnings(ing *networkingv1.Ingress, o *optIn) {
	for _, name := range []string{"auth-signin", "auth-keepalive"} {
		if v := strings.TrimSpace(ing.Annotations[nginxPrefix+name]); v != "" && v != "0" {
			p.find(o, SignInElsewhere, "", "has nginx.ingress.kubernetes.io/%s of its own. With auth-signin every refusal becomes a redirect, which preflights and scripts cannot follow; with auth-keepalive the identity headers get lost. Remove it: Ostiary leads people to the login.", name)
		}
	}
	p.shadows(o)
}

// shadows reports regular expressions that take our own path, and are tried first.
func (p *planner) shadows(o *optIn) {
	door := p.settings.PathPrefix + "/login"
	for _, other := range p.ingresses {
		_, proxy := p.classOf(other)
		regex := other.Annotations[nginxPrefix+"use-regex"] == "true" || other.Annotations[nginxPrefix+"rewrite-target"] != ""
		if proxy != IngressNGINX || !regex || isCanary(other, proxy) {
			continue
		}
		for _, at := range locationsOf(other) {
			// Expressions are tried by their length, the longest first.
			re, err := regexp.Compile("(?i)^" + at.path.Path)
			if contains(o.hosts, at.host) && len(at.path.Path) > len(p.settings.PathPrefix)+1 && (err != nil || re.MatchString(door)) {
				p.find(o, ShadowedLogin, at.host, "cannot have people signed in at %s: %s serves the regular expression %s there, which takes %s/ as well and is tried first. Make it not match that.", at.host, ingressRef(other), at.path.Path, p.settings.PathPrefix)
			}
		}
	}
}
