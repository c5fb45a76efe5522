// SPDX-License-Identifier: Apache-2.0

// Package policy decides who may reach what. It is the part to audit: standard
// library only, no clock, no I/O, no log, no metrics. Build compiles policies
// into an immutable Table; Decide walks it; Explain is the same walk, showing
// its work. Zero values deny: a nil Table, a zero Verdict, a zero Selector.
//
// # Which policy decides
//
//  1. Host. An exact host comes before a pattern, "*." before "**.", and of those the
//     nearest (with the longest name) first. "*." is exactly one label, "**." one or more;
//     neither is the name that follows. The first that any policy claims decides: if its
//     policies match no path it denies, and never falls through to another.
//  2. Path, within the host. Exact before Prefix, longer before shorter. A
//     Prefix matches whole segments; letter case counts; the query never does.
//  3. Equal claims of one namespace. The older policy wins, then the lesser namespace/name. The
//     loser's claim does not exist, and is reported (Conflict).
//  4. Ownership. A host, or a pattern, belongs to the namespace that first claimed it, or
//     before that a pattern above it: of all that stand for it, the first claim counts. What counts is when the claim was written down
//     (Ledger), never the age of an object; in files, it is the time that the object
//     says. Of claims that were not, one that a status calls accepted counts, and
//     else a single namespace's. Where nothing tells, the host is nobody's, and
//     denied. A host that its owner lets go is held for it, and denied. Claims of
//     other namespaces do not exist (HostOwnedByOtherNamespace), unless granted.
//     While one stands, a request for the host is denied unless it is known by
//     which Ingress it came (6). What the platform reserved, or does not grant, does
//     not exist at all (HostNotGranted, HostReserved), and stands in nobody's way. Nor does
//     a pattern decide, for a namespace that may not claim it, about the team host and its
//     parent domains, about a reserved host, or within a reserved zone. The console of the
//     team host is for policies of the platform that have rules alone (Terms.Console). A grant for "*." is for
//     one label, one for "**." for all below; a reservation of either for all below.
//  5. A policy with a mistake keeps its claims, and denies all of them. To have
//     the namespace and name of another policy is a mistake of both.
//     A policy in a dry run takes nothing from one that is enforced. Where one would decide
//     without it, on the host or on a pattern above, the nearest of them decides; of equal
//     claims the enforced one counts, whatever their ages.
//  6. Where the proxy says which Ingress or HTTPRoute routed the request, the
//     policy that was found must be the one that it names. If it names another,
//     or none, the request is denied: no-policy.
//
// # What it decides
//
//  1. No table: not-ready. No policy: denied.
//  2. A path with several readings ("//", "..", ";", "%2f", encoded letters, a
//     segment that ends with a dot or a blank, what looks like a dot or a slash)
//     is denied unless every reading leads to the same policy, and relaxing rules
//     (Bypass, ServiceAuth, preflight: Bypass) never apply to it. A reading is
//     what decoding, merging slashes, resolving dots, dropping parameters, cutting
//     at "?" or "#", taking dots and blanks off names as Windows does, and
//     normalising characters can make of it, in any order, as often as they like.
//     Nor do they apply where the client may have chosen the host.
//  3. A preflight (OPTIONS, one Origin, one Access-Control-Request-Method) is
//     answered, refused or let through by the policy's CORS alone; credentials
//     play no part, as browsers send none. Where tokens are taken, a preflight of
//     a listed origin may ask for Authorization.
//  4. A request that changes something (every method but GET, HEAD and OPTIONS) or
//     opens a WebSocket, and that a page of neither the host itself nor a listed
//     origin made a browser send, is denied where only a cookie would admit it:
//     origin-not-allowed. Fetch Metadata tells, or else Origin; where there is
//     neither, no browser asks. What Authorization says, and Bypass, are enough.
//     AllowCrossSite turns this off.
//  5. Bypass and ServiceAuth rules, top to bottom, then Block and Allow rules,
//     top to bottom. The first match decides; none: denied. In between, an exempt
//     path admits a GET or HEAD that no rule of the first kind did, unless a
//     Block rule denies whoever has no session.
//  6. A rule matches when any of Include, all of Require and none of Exclude
//     match. What cannot be known never helps a visitor: an unknown address
//     matches no admitting rule and every refusing one, and so does an expression
//     that has no answer; a method in another case matches refusing rules alone.
//  7. A visitor without a session is asked to sign in as soon as an Allow rule
//     is reached that could admit them; a Block rule reached before that, and
//     true of anybody, denies. OPTIONS is never asked to sign in, but denied.
//     Where programs bring tokens of a TokenIssuer (OAuth.Issuer), whoever brings no
//     credential and matches no rule is asked for one: they are told where to get it.
//  8. DryRun: Open admits what this policy would refuse, and lets preflights through.
//     Authenticate admits whoever has a good credential for the policy, and asks others to
//     sign in. What would have been decided is told beside the decision.
//  9. Where somebody with a session would be denied, and one more authentication method
//     that their provider can be asked for (Provider.StepUp, in its order) would have them
//     admitted, or only their session be too old, they are asked to sign in with that:
//     insufficient-authentication.
//  10. A group is what its own Include, Require and Exclude say, and is looked up by its
//     name. One that is not there, or has a mistake, is in (6) what cannot be known: it
//     does not match where that would help the visitor, and does where it would not. A
//     Bypass or ServiceAuth rule that names a group which looks at an identity matches
//     nobody.
//
// # Whose credential counts
//
//  1. One that was made for this policy (its audience) and this host, has not
//     ended, and comes neither from the future nor from more than 30 days ago. One that was made
//     for pages of an origin counts on requests of that origin alone, and while
//     the policy takes tokens from there.
//  2. Whoever signed in before the policy's sessions, or their own, were revoked
//     has no session; nor has who came from a provider that is in use no more, or
//     that lists them no more (as far as that is known), or that is not one
//     of the policy's; nor has whose credential does not say what the policy's
//     rules look at. Whose credential does not count is nobody (above, 7).
//  3. How old it may be, the rule says that would admit; if it does not, the
//     policy; if neither does, the installation, and in any case the credential's
//     own end. One that is older leads
//     to signing in again. Block rules do not ask for its age.
package policy
