// SPDX-License-Identifier: Apache-2.0

// Package resource tells programs that act for people where they get a token: the metadata of
// protected resources (RFC 9728), on the hosts of applications whose policies have OAuth.
package resource

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// Handler answers for the metadata. It is a public.Router.
type Handler struct{ *public.Site }

// metadata is the document (RFC 9728 §2).
type metadata struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	Scopes               []string `json:"scopes_supported,omitempty"`
	Methods              []string `json:"bearer_methods_supported"`
	Name                 string   `json:"resource_name,omitempty"`
}

// Route answers below our prefix, where the challenge leads, and at the address of the RFC.
func (h Handler) Route(host, path string) func(*public.Exchange) {
	if host == h.TeamHost() {
		return nil
	}
	for _, prefix := range [...]string{h.PathPrefix + contract.OAuthResource, contract.WellKnownResource} {
		if rest, ok := strings.CutPrefix(path, prefix); ok && (rest == "" || rest[0] == '/') {
			return func(x *public.Exchange) { h.serve(x, rest) }
		}
	}
	return nil
}

// serve says what there is at a path, if that is a resource's own: a client has to compare
// what it gets with what it asked about (RFC 9728 §3.3).
func (h Handler) serve(x *public.Exchange, path string) {
	header := x.W.Header()
	// It says what every visitor may know, and pages of clients fetch it, whatever their site.
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Cross-Origin-Resource-Policy", "cross-origin")
	switch x.R.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		header.Set("Access-Control-Allow-Methods", "GET")
		header.Set("Access-Control-Allow-Headers", "MCP-Protocol-Version")
		header.Set("Access-Control-Max-Age", "7200")
		x.W.WriteHeader(http.StatusNoContent)
		return
	default:
		header.Set("Allow", "GET, HEAD, OPTIONS")
		x.W.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	doc, ok := h.of(x, path)
	if !ok {
		h.RefuseJSON(x, http.StatusNotFound, "no-resource")
		return
	}
	header.Set("Cache-Control", "public, max-age=60")
	h.JSON(x, http.StatusOK, doc)
}

func (h Handler) of(x *public.Exchange, path string) (metadata, bool) {
	if path == "" {
		path = "/"
	}
	target, err := policy.NewTarget(x.Host, path)
	if err != nil {
		return metadata{}, false
	}
	r, ok := x.Table.Resource(target)
	if !ok || r.Path != path {
		return metadata{}, false
	}
	server := h.Issuer()
	if r.OAuth.Issuer != "" {
		server = r.Issuer
	}
	return metadata{
		Resource: identifier(h.Site, &r), AuthorizationServers: []string{server}, Scopes: r.OAuth.Scopes, Methods: []string{"header"},
		Name: cmp.Or(r.OAuth.ResourceName, r.Launcher.Title),
	}, true
}

// identifier is what a resource is called (RFC 8707): its address, without a slash at the end.
func identifier(s *public.Site, r *policy.Resource) string {
	return s.Origin(r.Host) + strings.TrimSuffix(r.Path, "/")
}
