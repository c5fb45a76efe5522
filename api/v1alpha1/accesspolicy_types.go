// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AccessPolicy protects one application: the hosts and paths it claims, who
// may pass, and how cross-origin requests are answered.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ap,categories=ostiary
// +kubebuilder:printcolumn:name="Hosts",type=string,JSONPath=`.spec.hosts`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Dry-Run",type=string,JSONPath=`.spec.dryRun`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Accepted",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Programmed",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Programmed")].status`
// +kubebuilder:printcolumn:name="Degraded",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Degraded")].status`
// +kubebuilder:printcolumn:name="Routed",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Routed")].status`
// +kubebuilder:printcolumn:name="Covered",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Covered")].status`
type AccessPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is protected, and how.
	// +required
	Spec AccessPolicySpec `json:"spec"`
	// status is written by the controller's leader.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status AccessPolicyStatus `json:"status,omitempty"`
}

// AccessPolicyList is a list of AccessPolicy.
//
// +kubebuilder:object:root=true
type AccessPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AccessPolicy `json:"items"`
}

// AccessPolicySpec is one protected application.
type AccessPolicySpec struct {
	// hosts are the DNS names this policy protects, in lower case, without
	// scheme or port. A leading "*." stands for exactly one label, "**." for one or
	// more; neither is the name that follows. An exact host comes before "*.", and
	// that before "**.", of which the nearest is first; nothing falls through. Default: the
	// hosts and paths of the Ingresses of this namespace that name this policy
	// with the annotation access.ostiary.dev/policy.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule=`self.size() > 0`,message=`an empty list claims nothing: name a host, or remove hosts to protect those of the Ingresses that name this policy`
	Hosts []Host `json:"hosts,omitempty"`

	// paths are the parts of the hosts that this policy protects. Default:
	// everything; without hosts: the paths of the Ingresses that name this policy,
	// all of them on each of the hosts.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule=`self.all(p, self.exists_one(q, q.path == p.path && q.type == p.type))`,message=`each path stands once for a type: remove the duplicate`
	Paths []PathMatch `json:"paths,omitempty"`

	// allowEncodedSlashes lets requests whose path holds an encoded slash
	// (%2F) be judged by this policy, if every reading of such a path leads
	// to this policy. Bypass and ServiceAuth rules never apply to them.
	// Default false: they are refused, reason ambiguous-path.
	// +optional
	AllowEncodedSlashes bool `json:"allowEncodedSlashes,omitempty"`

	// cors is how cross-origin requests are answered. Default: every
	// preflight is refused with 403.
	// +optional
	CORS *CORS `json:"cors,omitempty"`

	// rules say who may pass. Bypass and ServiceAuth rules are tried first,
	// then Block and Allow rules, each group from top to bottom; the first
	// match wins. None: denied.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule=`self.all(r, !has(r.name) || self.exists_one(q, has(q.name) && q.name == r.name))`,message=`rule names are unique within a policy: rename one of the rules, or leave its name out`
	Rules []Rule `json:"rules,omitempty"`

	// identityProviders are the names of the IdentityProviders that people may
	// sign in with here. Default: all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	IdentityProviders []ProviderName `json:"identityProviders,omitempty"`

	// session bounds the sessions of this application.
	// +optional
	Session *Session `json:"session,omitempty"`

	// denied is what people are told who signed in and may not pass.
	// +optional
	Denied *Denied `json:"denied,omitempty"`

	// launcher is how the application stands on the team host's start page.
	// +optional
	Launcher *Launcher `json:"launcher,omitempty"`

	// unauthenticated is what a visitor without a session gets. Auto
	// (default): a navigation is redirected to the login, everything else
	// gets a 401 it can read. Redirect and Unauthorized force one of the two.
	// What is neither GET nor HEAD is never redirected, as it would come back
	// without what it sent: it gets a 401, and a person a page that says so.
	// +optional
	// +kubebuilder:validation:Enum=Auto;Redirect;Unauthorized
	// +kubebuilder:default=Auto
	Unauthenticated UnauthenticatedMode `json:"unauthenticated,omitempty"`

	// crossSite is what becomes of a request of another site that changes
	// something (every method but GET, HEAD and OPTIONS) or opens a WebSocket,
	// where only the session's cookie admits it: another site can make the
	// browser send it. Refuse (default): it is denied, reason origin-not-allowed,
	// unless it comes from the host itself or from an origin that cors lists.
	// Allow: the cookie is enough, and the application has to tell such requests
	// apart itself. Requests with a token in Authorization, those that a Bypass
	// rule admits, and clients that send neither Origin nor Sec-Fetch-Site are not
	// affected.
	// +optional
	// +kubebuilder:validation:Enum=Refuse;Allow
	// +kubebuilder:default=Refuse
	CrossSite CrossSiteMode `json:"crossSite,omitempty"`

	// exempt are exact paths that need no session, such as /manifest.webmanifest, /sw.js
	// and /favicon.ico, whatever the rules admit. GET and HEAD only, and no WebSocket.
	// A Block rule still denies where it would deny a visitor without a session. A path
	// that cannot be read in one way only is never exempt. Only paths that this policy
	// decides are: spec.paths does not grow. Default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	Exempt []Path `json:"exempt,omitempty"`

	// upstreamHeaders tell the application who is calling, in headers of its own choice
	// beside X-Access-*: X-Webauth-User for Grafana and Gitea, X-Forwarded-User for Jenkins.
	// The platform lists the names (--upstream-headers), as proxies have to replace or remove
	// what a client sends. A header that it does not list is not sent, and the policy has a
	// warning; nothing else changes. On a request that nobody signed in for, such as by a
	// Bypass rule, every listed header is empty. At most 16. Default: none.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	UpstreamHeaders []UpstreamHeader `json:"upstreamHeaders,omitempty"`

	// oauth lets programs in that act for people, such as agents and other clients of the
	// Model Context Protocol, and tells them where to get a token. Default: none.
	// +optional
	OAuth *OAuth `json:"oauth,omitempty"`

	// dryRun is how far the policy is enforced. None (default): wholly. Open: nothing is
	// enforced, for an application that is in use and has no sign-in yet: every request
	// passes, preflights go to the application, and the header X-Access-Dry-Run of the
	// answer, the log and ostiary_dry_run_decisions_total tell what the policy would have
	// decided. Authenticate: any valid session of this policy passes; a visitor without
	// one is asked to sign in, and preflights are answered. A dry run takes nothing from
	// a policy that is enforced: where one would decide without it, that one decides.
	// Policies with mistakes and hosts that are not this namespace's stay denied.
	// +optional
	// +kubebuilder:validation:Enum=None;Open;Authenticate
	// +kubebuilder:default=None
	DryRun DryRunMode `json:"dryRun,omitempty"`
}

// DryRunMode is how far a policy is enforced.
type DryRunMode string

const (
	// DryRunNone enforces the policy.
	DryRunNone DryRunMode = "None"
	// DryRunOpen enforces nothing.
	DryRunOpen DryRunMode = "Open"
	// DryRunAuthenticate asks for a valid session, and no more.
	DryRunAuthenticate DryRunMode = "Authenticate"
)

// CrossSiteMode is what becomes of requests that another site made a browser send.
type CrossSiteMode string

const (
	// CrossSiteRefuse denies those that change something, unless cors lists the origin.
	CrossSiteRefuse CrossSiteMode = "Refuse"
	// CrossSiteAllow lets a cookie be enough for them.
	CrossSiteAllow CrossSiteMode = "Allow"
)

// AccessPolicyStatus is what became of a policy.
type AccessPolicyStatus struct {
	// observedGeneration is the metadata.generation that the conditions are about.
	// -1: none yet.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions are Accepted, Programmed and, for warnings, Degraded. Routed says
	// whether the Ingresses and HTTPRoutes that name the policy are protected, and
	// Covered whether its hosts have no unprotected routes. Ready sums them up;
	// Stalled is there when something must be edited.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
