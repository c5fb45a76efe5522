// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// A Code names one kind of mistake, for documentation and tests to hang on. It never
// changes, where a message may.
type Code string

// A problem is what is wrong with one value. The zero problem is none.
type problem struct {
	code Code
	text string
}

func (p problem) found() bool { return p.code != "" }

// A CodeDoc says what a Code means for whoever meets it.
type CodeDoc struct {
	Code   Code
	Reason IssueReason
	Fix    string // in one line
}

// newIssue makes one with the reason that the code has.
func newIssue(at Source, code Code, message string) Issue {
	return Issue{at, reasons[code], code, message}
}

var reasons = func() map[Code]IssueReason {
	out := make(map[Code]IssueReason, len(codes))
	for _, c := range codes {
		out[c.Code] = c.Reason
	}
	return out
}()

// Codes lists every code that an Issue of this package can have, by reason and code.
func Codes() []CodeDoc { return slices.Clone(codes) }

// Mistakes of one policy by itself.
const (
	codeTooMany         Code = "too-many-mistakes"
	codeListedTwice     Code = "listed-twice"
	codeUnknownAuth     Code = "unauthenticated-unknown"
	codeNoHosts         Code = "no-hosts"
	codeDryRun          Code = "dry-run"
	codeUnknownDryRun   Code = "dry-run-unknown"
	codeNotEnforced     Code = "path-enforced-elsewhere"
	codeExemptElsewhere Code = "exempt-not-claimed"
	codeHostEmpty       Code = "host-empty"
	codeHostAll         Code = "host-all"
	codeHostScheme      Code = "host-scheme"
	codeHostPath        Code = "host-path"
	codeHostPort        Code = "host-port"
	codeHostWildcard    Code = "host-wildcard"
	codeHostDot         Code = "host-trailing-dot"
	codeHostUnicode     Code = "host-not-ascii"
	codeHostCase        Code = "host-upper-case"
	codeHostUnderscore  Code = "host-underscore"
	codeHostName        Code = "host-not-dns"
	codeHostAddress     Code = "host-is-address"
	codePathSlash       Code = "path-no-slash"
	codePathLength      Code = "path-too-long"
	codePathQuery       Code = "path-query"
	codePathPercent     Code = "path-encoded"
	codePathWildcard    Code = "path-wildcard"
	codePathBackslash   Code = "path-backslash-or-semicolon"
	codePathUTF8        Code = "path-not-utf8"
	codePathControl     Code = "path-space-or-control"
	codePathCanonical   Code = "path-not-canonical"
	codeDuration        Code = "session-duration-range"
	codeIdle            Code = "session-idle-range"
	codeDurationUnused  Code = "session-duration-on-bypass"
	codeRuleName        Code = "rule-name-twice"
	codeAction          Code = "action-unknown"
	codeInclude         Code = "include-empty"
	codeRuleMethodAll   Code = "rule-method-all"
	codeNoIdentity      Code = "identity-never-seen"
	codeSelector        Code = "selector-unknown"
	codeEmail           Code = "email-not-an-address"
	codeEmailDomain     Code = "email-domain-not-a-domain"
	codeNoNetwork       Code = "ip-no-network"
	codeNetwork         Code = "ip-not-a-network"
	codeLoginMethod     Code = "login-method-not-a-name"
	codeSaid            Code = "provider-text-unprintable"
	codeProvider        Code = "identity-provider-not-a-name"
	codeSameSite        Code = "cookie-same-site-unknown"
	codePathScoped      Code = "path-scoped-without-paths"
	codePartitioned     Code = "cookie-partitioned-unused"
	codeScriptReadable  Code = "cookie-script-readable"
	codeDeniedMessage   Code = "denied-message-text"
	codeDeniedURL       Code = "denied-url"
	codeLauncherTitle   Code = "launcher-title-text"
	codeLauncherLogo    Code = "launcher-logo-url"
	codeLauncherTags    Code = "launcher-tags"
)

// Mistakes of headers for the application.
const (
	codeUpstreamMany     Code = "upstream-headers-too-many"
	codeUpstreamFrom     Code = "upstream-header-from"
	codeUpstreamGroups   Code = "upstream-header-groups"
	codeUpstreamEncoding Code = "upstream-header-encoding"
	codeUpstreamClaim    Code = "upstream-header-claim"
	codeUpstreamUnlisted Code = "upstream-header-not-listed"
)

// Mistakes about clients that act for people.
const (
	codeOAuthServer   Code = "oauth-authorization-server"
	codeOAuthScope    Code = "oauth-scope"
	codeOAuthName     Code = "oauth-resource-name"
	codeOAuthDuration Code = "oauth-token-duration"
	codeOAuthClient   Code = "oauth-client"
	// Of clients that have objects of their own, and of policies beside those.
	codeClientReach  Code = "oauth-client-namespaces"
	codeClientTwice  Code = "oauth-client-twice"
	codeClientListed Code = "oauth-client-not-used"
	codeClientID     Code = "client-id"
)

// Mistakes of selectors of where a request comes from.
const (
	codeNoCountry         Code = "country-empty"
	codeCountry           Code = "country-not-a-country"
	codeCertificate       Code = "certificate-name"
	codeCertificateBypass Code = "certificate-on-bypass"
)

// Mistakes of selectors of what an identity provider says.
const (
	codeOIDCClaimName     Code = "claim-name"
	codeOIDCClaimValue    Code = "claim-value"
	codeOIDCClaimProvider Code = "claim-identity-provider"
)

// Mistakes of expressions.
const (
	codeCondition  Code = "cel-not-valid"
	codeConditions Code = "cel-too-much"
)

// What Lint finds in a policy.
const (
	codeNoRules      Code = "no-rules"
	codeNeverMatches Code = "rule-matches-nobody"
	codeShadowed     Code = "rule-never-reached"
	codeBypassed     Code = "rule-bypassed"
)

// Mistakes about machines.
const (
	codeServiceAuth  Code = "service-auth-only"
	codeServiceToken Code = "service-token-name"
)

// Mistakes about linked applications; all but the first show only beside other policies.
const (
	codeLinkedApp    Code = "linked-app-name"
	codeLinkSelf     Code = "linked-app-itself"
	codeLinkMissing  Code = "linked-app-missing"
	codeLinkMistaken Code = "linked-app-mistaken"
	codeLinkOthers   Code = "linked-app-of-others"
)

// Mistakes of what a rule says of bearer tokens; the last four show only beside the
// TokenIssuers that there are, and whom they are for.
const (
	codeIssuerName       Code = "jwt-issuer-not-a-name"
	codeTokenAudience    Code = "jwt-audience"
	codeClaimPath        Code = "jwt-claim-name"
	codeClaimValues      Code = "jwt-claim-no-values"
	codeClaimValue       Code = "jwt-claim-value"
	codeJWTAnybody       Code = "jwt-without-claims"
	codeIssuerUnknown    Code = "jwt-issuer-unknown"
	codeIssuerOthers     Code = "jwt-issuer-of-others"
	codeAudienceUnlisted Code = "jwt-audience-not-listed"
)

// Mistakes of a policy's CORS.
const (
	codeBypassAlone     Code = "preflight-bypass-not-alone"
	codeExclusive       Code = "cors-all-and-list"
	codeOneOf           Code = "cors-neither-all-nor-list"
	codeAllCredentials  Code = "credentials-with-all-origins"
	codeTokens          Code = "tokens-without-credentials"
	codeMaxAge          Code = "max-age-range"
	codeNullOrigin      Code = "null-origin-with-credentials"
	codePlainOrigin     Code = "plain-http-origin-with-credentials"
	codePrivateNetwork  Code = "private-network-unused"
	codeOriginAll       Code = "origin-all"
	codeOriginNoScheme  Code = "origin-no-scheme"
	codeOriginScheme    Code = "origin-scheme"
	codeOriginUser      Code = "origin-user-information"
	codeOriginSlash     Code = "origin-trailing-slash"
	codeOriginPath      Code = "origin-path"
	codeOriginUnicode   Code = "origin-not-ascii"
	codeOriginLength    Code = "origin-too-long"
	codeOriginPort      Code = "origin-port"
	codeDefaultPort     Code = "default-port"
	codeOriginHost      Code = "origin-host"
	codeOriginWildcard  Code = "origin-wildcard"
	codePortWildcard    Code = "origin-port-wildcard"
	codePatternScheme   Code = "origin-pattern-scheme"
	codePatternAddress  Code = "origin-pattern-address"
	codePatternWide     Code = "origin-pattern-too-wide"
	codeIPv6            Code = "origin-ipv6"
	codeIPv6Mapped      Code = "origin-ipv6-mapped"
	codeIPv6Form        Code = "origin-ipv6-form"
	codeMethodAll       Code = "method-all"
	codeMethod          Code = "method-not-a-token"
	codeMethodForbidden Code = "method-forbidden"
	codeMethodCase      Code = "method-lower-case"
	codeHeaderAll       Code = "header-all"
	codeHeader          Code = "header-not-a-name"
	codeHeaderForbidden Code = "header-forbidden"
	codeExposedAll      Code = "exposed-header-all"
	codeExposedHidden   Code = "exposed-header-forbidden"
)

// Mistakes of groups, and of policies that name them.
const (
	codeGroupName     Code = "group-not-a-name"
	codeGroupTwice    Code = "group-name-twice"
	codeGroupCycle    Code = "group-cycle"
	codeGroupDeep     Code = "group-too-deep"
	codeGroupLarge    Code = "group-too-large"
	codeGroupMissing  Code = "group-missing"
	codeGroupMistaken Code = "group-mistaken"
	codeGroupIdentity Code = "group-identity-never-seen"
	codeGroupMachine  Code = "group-machine-in-rule-for-people"
	codeGroupNotAsked Code = "group-certificate-on-bypass"
)

// What only shows beside other policies, and the platform's terms.
const (
	codeNameTwice         Code = "policy-name-twice"
	codeClaimed           Code = "path-already-claimed"
	codeOwnPath           Code = "own-path"
	codeTeamHost          Code = "team-host"
	codeTeamParent        Code = "team-host-parent"
	codeReserved          Code = "host-reserved"
	codeNotGranted        Code = "host-not-granted"
	codeOwned             Code = "host-owned"
	codeOwnerUnknown      Code = "host-owner-unknown"
	codeOwnerLeft         Code = "host-owner-left"
	codeHeld              Code = "host-held"
	codeBelowUnsettled    Code = "host-below-unsettled"
	codeContended         Code = "host-contended"
	codeCertificateUntold Code = "certificate-not-told"
	codeNoCountries       Code = "country-without-database"
)

// Mistakes of external evaluations; the last one shows only beside the platform's terms.
const (
	codeEvaluationURL    Code = "external-evaluation-url"
	codeEvaluations      Code = "external-evaluation-too-many"
	codeEvaluationOrigin Code = "external-evaluation-origin-not-listed"
)
