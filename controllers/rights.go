// SPDX-License-Identifier: Apache-2.0

package controllers

// What the operator may do in every namespace, from which config/rbac/role.yaml is
// made. What it may do in its own alone is in config/rbac/namespace_role.yaml.
//
// Policies, and what is told of them:
//
// +kubebuilder:rbac:groups=access.ostiary.dev,resources=accessgroups;accesspolicies;identityproviders;oauthclients;servicetokens;tokenissuers,verbs=get;list;watch
// +kubebuilder:rbac:groups=access.ostiary.dev,resources=accessgroups/status;accesspolicies/status;identityproviders/status;oauthclients/status;servicetokens/status;sessionrevocations/status;tokenissuers/status,verbs=get;patch;update
// +kubebuilder:rbac:groups=access.ostiary.dev,resources=sessionrevocations,verbs=create;delete;get;list;patch;watch
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch
//
// What routes that name a policy are planned from, and what may go around one:
//
// +kubebuilder:rbac:groups=networking.k8s.io,resources=ingresses;ingressclasses,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=gatewayclasses;gateways;grpcroutes;httproutes;referencegrants;tlsroutes,verbs=get;list;watch
// +kubebuilder:rbac:groups=traefik.io,resources=ingressroutes;ingressroutetcps;middlewares,verbs=get;list;watch
// +kubebuilder:rbac:groups=gateway.envoyproxy.io,resources=securitypolicies,verbs=get;list;watch
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=get;list;watch
//
// What is written beside them, in a role of its own that an installation can do
// without. A right cannot be narrowed to what carries our label, nor to annotations.
//
// +kubebuilder:rbac:groups=networking.k8s.io,resources=ingresses,verbs=patch,roleName=ostiary-routes
// +kubebuilder:rbac:groups="",resources=services,verbs=create;patch;delete,roleName=ostiary-routes
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=create;patch;delete,roleName=ostiary-routes
// +kubebuilder:rbac:groups=traefik.io,resources=middlewares,verbs=create;patch;delete,roleName=ostiary-routes
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=httproutes,verbs=create;patch;delete,roleName=ostiary-routes
// +kubebuilder:rbac:groups=gateway.envoyproxy.io,resources=securitypolicies,verbs=create;patch;delete,roleName=ostiary-routes
//
// The Secrets of ServiceTokens, in a role of its own as well. A right cannot be narrowed
// to those that we made: whoever has this one can read any Secret whose name they know.
// There is no list and no watch, so they learn no names.
//
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;create;patch,roleName=ostiary-tokens
