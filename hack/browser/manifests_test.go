// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"encoding/json"
	"fmt"

	"golang.org/x/crypto/bcrypt"
	"testing"
)

const (
	teamHost     = "auth.team.test"
	teamURL      = "https://" + teamHost
	clientSecret = "a secret for two"
	password     = "correct horse"

	app1 = "https://app1.site.test"     // where most pages are
	app2 = "https://app2.hostname.test" // another site; takes tokens of app1
	api  = "https://api.site.test"      // the same site as app1; cookies only
	app3 = "https://app3.site.test"     // for root alone
	corp = "https://corp.site.test"     // sign in with OpenID
	both = "https://both.site.test"     // either way
	ask1 = "https://ask1.site.test"     // sign in with a provider that asks each time
	ask2 = "https://ask2.hostname.test" // and so here
	quik = "https://quick.site.test"    // a session of seconds; its pages may call app2
	null = "https://null.hostname.test" // lists the origin null
	send = "https://send.hostname.test" // redirects everybody to the login, fetches too
	home = "https://app.team.test"      // of the site of the team host
	evil = "https://evil.other.test"    // nobody's: it keeps what it gets
	free = "https://free.third.test"    // for everybody, like evil
	bare = "https://bare.plain.test"    // for everybody; what it answers, the address says
	alto = "https://alt.third.test"     // of the site of free
	none = "https://nobody.site.test"   // no policy claims it
	laxa = "https://laxapi.cookie.test" // its cookie is SameSite=Lax
	part = "https://partapi.cookie.test"
	area = "https://area.site.test" // /admin is for root alone
)

var hosts = []string{"app1.site.test", "app2.hostname.test", "api.site.test", "app3.site.test", "corp.site.test", "both.site.test",
	"quick.site.test", "null.hostname.test", "send.hostname.test", "evil.other.test", "free.third.test",
	"ask1.site.test", "ask2.hostname.test", "strict.cookie.test", "lax.cookie.test", "partitioned.cookie.test", "readable.cookie.test",
	"path.cookie.test", "bare.plain.test", "alt.third.test", "nobody.site.test", "app.team.test", "laxapi.cookie.test", "partapi.cookie.test", "area.site.test"}

// people is how many there are: each has one story, as the times that somebody may
// sign in are limited, and some set up a second factor.
const people = 400

// bear returns the name of somebody who was in no story.
func bear(t *testing.T) string {
	t.Helper()
	if born++; born > people {
		t.Fatalf("all %d people were in a story: there must be more", people)
	}
	return personName(born - 1)
}

func personName(i int) string { return fmt.Sprintf("ann%d", i) }

func userEntry(name string, hash []byte) string {
	return fmt.Sprintf("- {name: %s, email: %s@example.com, groups: [staff], passwordHash: %q}\n", name, name, hash)
}

// quickSession is how long a session at quik lasts.
const quickSession = 4

func manifests(issuer, asker string) ([]byte, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), 10)
	if err != nil {
		return nil, err
	}
	users := userEntry("root", hash)
	for i := range people {
		users += userEntry(personName(i), hash)
	}
	text, err := json.Marshal(users)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, manifestText, text, issuer, asker, clientSecret, quickSession), nil
}

const manifestText = `
apiVersion: v1
kind: Secret
metadata: {name: people, namespace: access-system}
stringData: {users.yaml: %s}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: people}
spec:
  displayName: People
  users: {secretRef: {name: people}, secondFactor: {mode: Optional, secretRef: {name: factors}}}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: corp}
spec:
  displayName: Corporation
  oidc: {issuer: %q, clientID: ostiary, clientSecretRef: {name: corp}}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: asker}
spec:
  oidc: {issuer: %q, clientID: ostiary, clientSecretRef: {name: corp}}
---
apiVersion: v1
kind: Secret
metadata: {name: corp, namespace: access-system}
stringData: {clientSecret: %q}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: operators, namespace: access-system}
spec:
  hosts: [auth.team.test]
  paths: [{path: /.access/console}]
  rules: [{action: Allow, include: [{email: root@example.com}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app1, namespace: shop}
spec:
  hosts: [app1.site.test]
  identityProviders: [people]
  exempt: [/worker-any.js, /worker-workbox.js]
  rules: [{action: Allow, include: [{emailDomain: example.com}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: OAuthClient
metadata: {name: web-agent}
spec: {redirectURIs: ["https://free.third.test/loose/done"]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: home, namespace: shop}
spec:
  oauth: {}
  hosts: [app.team.test]
  identityProviders: [people]
  exempt: [/worker-any.js, /worker-workbox.js]
  rules: [{action: Allow, include: [{emailDomain: example.com}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app2, namespace: shop}
spec:
  hosts: [app2.hostname.test]
  identityProviders: [people]
  cors:
    allowedOrigins: ["https://app1.site.test", "https://quick.site.test"]
    allowedMethods: [GET, POST, PUT]
    allowedHeaders: [content-type, x-csrf]
    allowCredentials: true
    tokens: true
  rules: [{action: Allow, include: [{emailDomain: example.com}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: api, namespace: shop}
spec:
  hosts: [api.site.test]
  identityProviders: [people]
  cors:
    allowedOrigins: ["https://app1.site.test"]
    allowedMethods: [GET, POST]
    allowedHeaders: [content-type, x-csrf]
    allowCredentials: true
  rules: [{action: Allow, include: [{emailDomain: example.com}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: app3, namespace: shop}
spec:
  hosts: [app3.site.test]
  identityProviders: [people]
  rules: [{action: Allow, include: [{email: root@example.com}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: corp, namespace: shop}
spec:
  hosts: [corp.site.test]
  identityProviders: [corp]
  rules: [{action: Allow, include: [{idpGroup: staff}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: ask, namespace: shop}
spec:
  hosts: [ask1.site.test, ask2.hostname.test]
  identityProviders: [asker]
  rules: [{action: Allow, include: [{idpGroup: staff}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: both, namespace: shop}
spec:
  hosts: [both.site.test]
  identityProviders: [corp, people]
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: quick, namespace: shop}
spec:
  hosts: [quick.site.test]
  identityProviders: [people]
  session: {duration: %ds}
  cors:
    allowedOrigins: ["https://app1.site.test"]
    allowedMethods: [GET, POST]
    allowedHeaders: [content-type, x-csrf]
    allowCredentials: true
  rules: [{action: Allow, include: [{emailDomain: example.com}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: null-origin, namespace: shop}
spec:
  hosts: [null.hostname.test]
  identityProviders: [people]
  cors: {allowedOrigins: ["null"], allowedMethods: [GET, PUT], allowedHeaders: [x-csrf], allowCredentials: true}
  rules: [{action: Allow, include: [{emailDomain: example.com}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: send, namespace: shop}
spec:
  hosts: [send.hostname.test]
  identityProviders: [people]
  unauthenticated: Redirect
  cors:
    allowedOrigins: ["https://app1.site.test"]
    allowedMethods: [GET]
    allowedHeaders: [x-csrf]
    allowCredentials: true
  rules: [{action: Allow, include: [{emailDomain: example.com}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: strict, namespace: cookies}
spec:
  hosts: [strict.cookie.test]
  identityProviders: [people]
  session: {cookie: {sameSite: Strict}}
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: lax, namespace: cookies}
spec:
  hosts: [lax.cookie.test]
  identityProviders: [people]
  session: {cookie: {sameSite: Lax}}
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: partitioned, namespace: cookies}
spec:
  hosts: [partitioned.cookie.test]
  identityProviders: [people]
  session: {cookie: {partitioned: true}}
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: readable, namespace: cookies}
spec:
  hosts: [readable.cookie.test]
  identityProviders: [people]
  session: {cookie: {httpOnly: false}}
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: path, namespace: cookies}
spec:
  hosts: [path.cookie.test]
  paths: [{path: /area}]
  identityProviders: [people]
  session: {cookie: {pathScoped: true}}
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: evil, namespace: nobody}
spec:
  hosts: [evil.other.test, free.third.test, alt.third.test, bare.plain.test]
  cors: {preflight: Bypass}
  rules: [{action: Bypass, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: laxapi, namespace: cookies}
spec:
  hosts: [laxapi.cookie.test]
  identityProviders: [people]
  session: {cookie: {sameSite: Lax}}
  cors: {allowedOrigins: ["https://app1.site.test"], allowedMethods: [GET, PUT], allowCredentials: true}
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: partapi, namespace: cookies}
spec:
  hosts: [partapi.cookie.test]
  identityProviders: [people]
  session: {cookie: {partitioned: true}}
  cors: {allowedOrigins: ["https://app1.site.test", "https://app2.hostname.test"], allowedMethods: [GET, PUT], allowCredentials: true}
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: area, namespace: shop}
spec:
  hosts: [area.site.test]
  identityProviders: [people]
  rules: [{action: Allow, include: [{everyone: true}]}]
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: area-admin, namespace: shop}
spec:
  hosts: [area.site.test]
  paths: [{path: /admin}]
  identityProviders: [people]
  rules: [{action: Allow, include: [{email: root@example.com}]}]
`
