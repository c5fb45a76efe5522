// SPDX-License-Identifier: Apache-2.0

package family

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
)

// nginx is ingress-nginx and its forks, or Traefik's provider for their annotations.
type nginx struct{ proxy routes.Proxy }

func (f nginx) Serves(class routes.Class) bool { return class.Proxy == f.proxy }

func (f nginx) Paths(r *routes.Route, paths []policy.Path) []policy.Path { return written(r, paths) }

func (f nginx) Expected() string {
	return "its auth-url has to end with " + contract.NginxPrefix + contract.NginxTarget
}

func (f nginx) Plan(w *Wants) {
	if f.proxy == routes.TraefikNGINX {
		w.traefikNGINX()
	} else {
		w.ingressNGINX()
	}
}

// nginxTargets are the paths of our own that ask about the request that is made.
// Without variables they would ask about another, which may well be allowed; with
// $http_host in place of $host the visitor chooses.
var nginxTargets = regexp.MustCompile("^(" + contract.NginxHeaderPath +
	"|(" + contract.NginxPrefix + "|" + contract.NginxPassPrefix + "|" + contract.NginxCanaryPrefix + "|" +
	contract.URLPrefix + ")([a-z0-9.-]+/[a-z0-9.-]+/)?" + regexp.QuoteMeta(contract.NginxTarget) + ")$")

// Question: with an auth-url, or by the ConfigMap of the controller.
func (f nginx) Question(x *routes.Index, r *routes.Route) routes.Question {
	switch text := routes.NGINXAuthURL.Text(r.Annotations); {
	case text != "":
		return x.AuthURL(text, nginxTargets)
	case f.proxy != routes.IngressNGINX || !routes.Once(x, readConfigs).globalAuth:
		return routes.AsksNobody
	case routes.NGINXGlobalAuth.Flag(f.proxy, r.Annotations) == routes.Off:
		return routes.TurnedOff
	default:
		return routes.AsksUs
	}
}

// Auth: what ingress-nginx drops, because it has an underscore in it, Traefik has to be
// told to replace.
func (f nginx) Auth(s *routes.Settings, namespace, name string) map[string]string {
	endpoint, headers := contract.NginxPrefix, s.IdentityHeaders
	if f.proxy == routes.TraefikNGINX {
		endpoint, headers = contract.URLPrefix, append(headers[:len(headers):len(headers)], stripped(s)...)
	}
	return map[string]string{
		routes.NGINXPrefix + "auth-url":              authURL(s, endpoint, namespace, name),
		routes.NGINXPrefix + "auth-response-headers": strings.Join(headers, ","),
	}
}

func (f nginx) AuthKey() string { return routes.NGINXAuthURL.Key() }

func (f nginx) AsksItself(ing *networkingv1.Ingress) bool {
	return slices.ContainsFunc([]string{contract.NginxPrefix, contract.NginxPassPrefix, contract.URLPrefix}, func(endpoint string) bool {
		return strings.HasSuffix(ing.Annotations[f.AuthKey()], endpoint+ing.Namespace+"/"+ing.Name+"/"+contract.NginxTarget)
	})
}

// authURL is what ingress-nginx asks. It fills in what it routed by; a header would
// say what the visitor wants. The name of the Ingress is in it as text, so that no
// other Ingress's policy can decide about it.
func authURL(s *routes.Settings, endpoint, namespace, name string) string {
	return s.AuthzURL + endpoint + namespace + "/" + name + "/" + contract.NginxTarget
}

// ingressNGINX plans for ingress-nginx and its forks.
func (w *Wants) ingressNGINX() {

	if !w.ask() {
		return
	}
	w.nginxUndoes()
	w.nginxConfigs()
	switch w.Mode {
	case routes.Render:
		w.render()
	case routes.Global:
		w.global()
	case routes.Canary:
		w.canary()
	case routes.Static:
		w.static()
	default:
		w.Found(routes.UnknownMode, "%s: %q is no mode, so refusals of %s are the proxy's own, and no preflight is answered. Write %s, %s, %s or %s into %s.",
			w.Ref, w.Mode, w.Ref, routes.Render, routes.Global, routes.Canary, routes.Static, routes.ModeAnnotation)
	}
	w.SignIn = map[string]string{
		routes.NGINXPrefix + "enable-global-auth": "false",
		routes.NGINXPrefix + "proxy-buffer-size":  "16k", // signing in sends more than the 4 kB that there are
	}
}

// ask plans the question and the headers with the answer. It reports whether we will
// be asked.
func (w *Wants) ask() bool {
	url := routes.NGINXPrefix + "auth-url"
	question := Of(w.Class).Auth(&w.Settings, w.Namespace, w.Name)
	if w.foreign(url, authURL(&w.Settings, contract.NginxPrefix, w.Namespace, w.Name), authURL(&w.Settings, contract.NginxPassPrefix, w.Namespace, w.Name), authURL(&w.Settings, contract.URLPrefix, w.Namespace, w.Name)) {
		why := "so that no AccessPolicy decides about it"
		if w.Asks = Of(w.Class).Question(w.Index, w.Route) == routes.AsksUs; w.Asks {
			why = "which asks Ostiary already, but any policy of the host may decide"
		}
		w.Found(routes.ForeignAuth, "%s has an auth-url that Ostiary did not set (%q), %s. Ostiary changes nothing there: remove auth-url, and auth-signin with it, and Ostiary writes its own at once.", w.Ref, w.Route.Annotations[url], why)
		return false
	}
	w.Annotations[url] = question[url]
	w.Asks = true
	const headers = routes.NGINXPrefix + "auth-response-headers"
	w.set(headers, question[headers], "an identity header that is not listed reaches the application as a visitor wrote it")
	if routes.NGINXAuthSignin.Text(w.Route.Annotations) != "" {
		w.Found(routes.SignInElsewhere, "%s has an auth-signin, which takes the place of every 401: preflights are redirected, too, and fail. Remove it: Ostiary redirects by itself.", w.Ref)
	}
	return true
}

// render has refusals, and answers to preflights, made by our render listener. It
// stands in the Ingress's namespace as a Service of its own: ingress-nginx names what
// it makes of an error page after that Service, and gives it the canaries of whichever
// Ingress names it first.
func (w *Wants) render() {
	if !w.mayRender() {
		return
	}
	name := types.NamespacedName{Namespace: w.Namespace, Name: serviceName("render", w.Name)}
	if !w.errorPages(name.Name) {
		return
	}
	w.putFor(Object(serviceVersion, "Service", name, ForRoute(w.Ref), nil, Spec(map[string]any{
		"type": string(corev1.ServiceTypeClusterIP),
		// The first port is the one that counts. It has no selector: its endpoints are ours.
		"ports": []any{map[string]any{"name": "render", "protocol": "TCP", "port": int64(w.Settings.RenderPort), "targetPort": int64(w.Settings.RenderPort)}},
	})))
	w.Mirror = name
}

// global has them made by the controller's default backend, which is our render
// listener, or by the error pages of its ConfigMap.
func (w *Wants) global() {
	if w.rendersItself() {
		return
	}
	w.errorPages("")
	// Whose installation is set to it says that the platform is prepared. The arguments of
	// a controller are in no object that we read.
	if w.Settings.Mode != routes.Global && slices.ContainsFunc(w.Configs, IsControllerConfig) {
		w.Found(routes.ModeUnprepared, "%s says %s: %s, and the ConfigMap of ingress-nginx is not prepared for it: unless the controller's --default-backend-service is Service %s, every refusal and every preflight there is a 404 page of ingress-nginx. "+
			"Put into the ConfigMap what `ostiary config ingress-nginx --mode global` prints; or name that Service to the controller and set ingressMode: global for the installation; or remove the annotation.", w.Ref, routes.ModeAnnotation, routes.Global, w.Settings.Service("render"))
	}
}

// rendersItself reports whether the ConfigMap of every controller has error pages of
// its own, as `ostiary config ingress-nginx --mode global` prints them.
func (w *Wants) rendersItself() bool {
	controllers := 0
	for _, m := range w.Configs {
		if !IsControllerConfig(m) {
			continue
		}
		if !strings.Contains(m.Data["location-snippet"], "error_page 401") {
			return false
		}
		controllers++
	}
	return controllers > 0
}

// errorPages plans the three annotations together: any of them without the others
// shows the pages of somebody else.
func (w *Wants) errorPages(service string) bool {
	const errors, backend, keep = routes.NGINXPrefix + "custom-http-errors", routes.NGINXPrefix + "default-backend", routes.NGINXPrefix + "disable-proxy-intercept-errors"
	var taken []string
	for _, a := range [][2]string{{errors, "401,403"}, {backend, serviceName("render", w.Name)}, {keep, "true"}} {
		if w.foreign(a[0], a[1]) {
			taken = append(taken, fmt.Sprintf("%s: %q", a[0], w.Route.Annotations[a[0]]))
		}
	}
	if len(taken) > 0 {
		w.Found(routes.ForeignAnnotation, "%s has error pages of its own (%s), so refusals are the proxy's own, and no preflight is answered. Remove them, or choose another mode with %s.", w.Ref, strings.Join(taken, ", "), routes.ModeAnnotation)
		return false
	}
	w.Annotations[errors] = "401,403"
	w.Annotations[keep] = "true" // the application's own 401 and 403 stay as they are
	if service != "" {           // without it the pages would be those of the controller's default backend
		w.Annotations[backend] = service
		w.Without[errors], w.Without[keep], w.Without[backend] = "", "", ""
	}
	return true
}

// canary sends preflights to our preflight listener: a canary Ingress in our own
// namespace takes whatever carries the header that only they have. The question is
// asked first, so it has to be answered with yes for them.
func (w *Wants) canary() {
	if w.Rules.Bypasses() || !w.mayCanary() {
		return // what is asked lets the application's own preflights pass, and refuses others
	}
	places, all := w.copied()
	if !all {
		return // a yes to preflights there would lead them to the application
	}
	var rules []any
	service := w.Settings.Service("preflight").Name
	for _, at := range places {
		rules = append(rules, IngressRule(at.Host, IngressPath(at.Path, at.PathType, service, w.Settings.PreflightPort)))
	}
	name := types.NamespacedName{Namespace: w.Settings.Namespace, Name: CentralName("canary", w.Namespace, w.Name)}
	w.putFor(w.OwnIngress(name, ForRoute(w.Ref), map[string]string{
		routes.NGINXPrefix + "canary":                   "true",
		routes.NGINXPrefix + "canary-by-header":         "Access-Control-Request-Method",
		routes.NGINXPrefix + "canary-by-header-pattern": ".+", // one that is empty is no preflight
	}, rules))
	// Without the canary a yes would lead preflights to the application.
	w.Without[routes.NGINXPrefix+"auth-url"] = w.Annotations[routes.NGINXPrefix+"auth-url"]
	w.Annotations[routes.NGINXPrefix+"auth-url"] = authURL(&w.Settings, contract.NginxPassPrefix, w.Namespace, w.Name)
}

// unseen: what ingress-nginx does with an Ingress is up to its ConfigMap, too.
func (w *Wants) unseen() string {
	if w.ConfigsUnread != "" && w.Mode == routes.Global && w.Settings.Mode != routes.Global {
		return w.ConfigsUnread + "; the mode global needs in it what `ostiary config ingress-nginx --mode global` prints, or Service " + w.Settings.Service("render").String() + " as the controller's --default-backend-service, and shows ingress-nginx's 404 without"
	}
	return w.ConfigsUnread
}

// Gaps: annotations that let requests pass whatever we say.
func (f nginx) Gaps(x *routes.Index, r *routes.Route, at *routes.Served, report Reporter) {
	passthrough(routes.NGINXPassthrough, r, at, report)
	if routes.NGINXSatisfy.Choice(r.Annotations) == "any" {
		report(routes.SatisfyAny, at.Paths, "%s says nginx.ingress.kubernetes.io/satisfy: any, so a request that passes its address list or its password reaches %s even if Ostiary denies it. Remove the annotation.", r.Ref, at.Where())
	}
	if routes.NGINXAuthCacheKey.Text(r.Annotations) != "" {
		report(routes.AuthCache, at.Paths, "%s says nginx.ingress.kubernetes.io/auth-cache-key, so an answer for one visitor may be given to another, and outlives sign-outs. Remove the annotation.", r.Ref)
	}
	if routes.NGINXAuthHeaders.Text(r.Annotations) != "" {
		report(routes.AuthMethodSnippet, at.Paths, "%s adds headers to the auth request about %s (nginx.ingress.kubernetes.io/auth-proxy-set-headers); a Cookie or Authorization among them signs in every client. Remove the annotation.", r.Ref, at.Where())
	}
	for _, n := range []*routes.Annotation{routes.NGINXAuthSnippet, routes.NGINXSnippet, routes.NGINXServerSnippet} {
		if what := overriding(x, n, n.Text(r.Annotations)); what != "" {
			report(routes.AuthMethodSnippet, at.Paths, "%s has %s in %s, which may override what Ostiary says about %s. Remove it, or have the platform team put it into the controller's ConfigMap.", r.Ref, what, n.Key(), at.Where())
		}
	}
	for _, p := range at.Written {
		for _, free := range NeverAsked(x) {
			if strings.HasPrefix(p.Value, free) {
				report(routes.NoAuthLocations, []policy.Path{p}, "%s serves %s%s, and the controller sends no auth request for paths that begin with %s (no-auth-locations of its ConfigMap). Choose another path, or take %s off the list.", r.Ref, routes.ShowHost(at.Host), p.Value, free, free)
			}
		}
	}
}

// harmless are directives that change no decision, and not who the application
// believes is calling.
var harmless = regexp.MustCompile(`^(add_header|more_set_headers|more_clear_headers|expires|etag|gzip\w*|brotli\w*|charset|default_type|client_max_body_size|` +
	`client_body_\w+|(client_header|send|keepalive|lingering|proxy_connect|proxy_read|proxy_send)_timeout|proxy_(buffer\w*|busy_buffers_size|request_buffering|max_temp_file_size)|` +
	`limit_(req|conn|rate)\w*|access_log|error_log|log_not_found|large_client_header_buffers)$`)

// spoken are the texts and words of a snippet, as nginx reads it, and what is left are its
// comments: within a text or a word, # is a letter.
var spoken = regexp.MustCompile(`(?s)("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|` +
	`(?:\$\{|\\.|[^\s;{}"'#\\])(?:\$\{|\\.|[^\s;{}\\])*)|#[^\n]*`)

// overriding names the first directive of a snippet that may undo the question.
// What is sent with the question itself may always.
func overriding(x *routes.Index, n *routes.Annotation, snippet string) string {
	if snippet == "" || n == routes.NGINXAuthSnippet {
		return map[bool]string{false: "directives"}[snippet == ""]
	}
	for line := range strings.Lines(spoken.ReplaceAllString(snippet, "$1")) {
		for statement := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ';' || r == '{' || r == '}' }) {
			words := strings.Fields(statement)
			if len(words) == 0 || harmless.MatchString(words[0]) || words[0] == "proxy_set_header" && len(words) > 2 && !isIdentity(x, words[1]) {
				continue
			}
			return fmt.Sprintf("%q", words[0])
		}
	}
	return ""
}

// isIdentity reports whether an application believes a header about who calls.
func isIdentity(x *routes.Index, header string) bool {
	header = strings.Trim(header, `"'`)
	return strings.EqualFold(header, "Cookie") || strings.EqualFold(header, "Authorization") || strings.EqualFold(header, "Host") ||
		slices.ContainsFunc(x.Settings.IdentityHeaders, func(h string) bool { return strings.EqualFold(h, header) })
}
