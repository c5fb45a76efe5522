// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
)

// URL answers proxies that fill the target into the auth-url as ingress-nginx does,
// but relay whole answers as Traefik does: Traefik's ingress-nginx provider. It reads
// as Nginx, and writes as Forward.
type URL struct{ Forward }

func (URL) String() string { return "url" }

// Read believes the URL alone. Headers that name a target are noise: Traefik adds
// X-Forwarded-*, and passes a client's X-Original-* through.
func (URL) Read(v View, a *Ask) *Refusal {
	readCommon(v, a)
	if refusal := readTunnel(v); refusal != nil {
		return refusal
	}
	return a.readURL(v, strings.TrimPrefix(v.RequestTarget(), contract.URLPrefix))
}

// Write is that of Forward.
func (u URL) Write(a *Answer, q *Ask, d *policy.Decision) { u.Forward.Write(a, q, d) }
