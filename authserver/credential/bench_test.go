// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

func BenchmarkVerify(b *testing.B) {
	k := fixedKey(b, "EdDSA", 1, start)
	r := fixedRing(b, fixedKey(b, "EdDSA", 2, start.Add(-day)), k)
	c := ada()
	c.Groups = []string{"engines", "mathematics", "everyone", "london", "readers"}
	token := mint(b, r, c, start)
	parts := strings.Split(token, ".")
	random := strings.Repeat("dGhpcyBpcyBub25lIG9mIG91cnM", len(token)/27)
	forged := parts[0] + "." + seg(with(nil)+strings.Repeat(" ", 100)) + "." + parts[2]
	over := c
	over.IssuedAt, over.Lifetime = start.Add(-2*day), day
	expired := claimingBench(b, k, over)
	cold := func(v *Verifier) { v.cache.shards = newCache(1).shards; v.cache.mask = 0 }
	for _, bench := range []struct {
		name   string
		cookie string
		good   bool
		before func(*Verifier)
	}{
		{"hot", token, true, nil},
		{"cold", token, true, cold},
		{"forged/random", random, false, nil},
		{"forged/wrong-mac", forged, false, nil},
		{"forged/right-mac-wrong-signature", parts[0] + "." + parts[1] + "." + strings.Repeat("A", 86), false, nil},
		{"forged/right-mac-wrong-signature/cold", parts[0] + "." + parts[1] + "." + strings.Repeat("A", 86), false, cold},
		{"forged/expired-wrong-signature", expired[:strings.LastIndexByte(expired, '.')+1] + strings.Repeat("A", 86), false, nil},
		{"expired", expired, false, nil},
	} {
		b.Run(bench.name, func(b *testing.B) {
			v := NewVerifier(r, issuer, 0)
			field := "theme=dark; lang=en; " + CookieName + "=" + bench.cookie
			b.ReportAllocs()
			for b.Loop() {
				if bench.before != nil {
					bench.before(v)
				}
				if subject, _ := subjectOf(v, field, ""); (subject != nil) != bench.good {
					b.Fatal(subject)
				}
			}
		})
	}
	b.Run("anonymous", func(b *testing.B) {
		v := NewVerifier(r, issuer, 0)
		b.ReportAllocs()
		for b.Loop() {
			v.Subject(policy.Place{}, "theme=dark; lang=en; _ga=GA1.1.123456789.123456789", "", start)
		}
	})
}

// BenchmarkForgedThenTrue has somebody put another signature under a token of
// their own each time; every 16th is the true one.
func BenchmarkForgedThenTrue(b *testing.B) {
	r := fixedRing(b)
	v := NewVerifier(r, issuer, 0)
	token := mint(b, r, ada(), start)
	var fields [16]string
	for n := range fields {
		fields[n] = CookieName + "=" + forge(token, n)
	}
	fields[15] = CookieName + "=" + token
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if subject, _ := subjectOf(v, fields[n%16], ""); (subject != nil) != (n%16 == 15) {
			b.Fatal(n, subject)
		}
		n++
	}
}

// claimingBench mints what Mint would refuse: a token that is over.
func claimingBench(b *testing.B, k *key, c Claims) string {
	b.Helper()
	iat := c.IssuedAt.Unix()
	return claiming(b, k, fmt.Sprintf(`{"iss":%q,"sub":%q,"aud":%q,"iat":%d,"nbf":%d,"exp":%d,"type":"app"}`,
		c.Issuer, c.ID, c.Audience[0], iat, iat, iat+int64(c.Lifetime.Seconds())))
}

// BenchmarkYardstick is what there is no way around: how busy is the machine?
func BenchmarkYardstick(b *testing.B) {
	k := fixedKey(b, "EdDSA", 1, start)
	token := []byte(mint(b, fixedRing(b, k), ada(), start))
	b.Run("sha256", func(b *testing.B) {
		for b.Loop() {
			sha256.Sum256(token)
		}
	})
	public, signature := k.signer.Public().(ed25519.PublicKey), ed25519.Sign(k.signer.(ed25519.PrivateKey), token)
	b.Run("ed25519", func(b *testing.B) {
		for b.Loop() {
			ed25519.Verify(public, token, signature)
		}
	})
}

// BenchmarkVerifyMany has every core ask for one of 10,000 remembered tokens.
func BenchmarkVerifyMany(b *testing.B) {
	k := fixedKey(b, "EdDSA", 1, start)
	v := NewVerifier(fixedRing(b, k), issuer, 0)
	var fields []string
	for n := range 10_000 {
		c := ada()
		c.ID = fmt.Sprint(n)
		token := mint(b, v.ring, c, start)
		fields = append(fields, CookieName+"="+token)
		v.Verify(token, start)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			if _, why := subjectOf(v, fields[n*7919%len(fields)], ""); why != policy.NoReason {
				b.Error(why)
			}
		}
	})
}

// BenchmarkMint also shows what signing in costs with each algorithm.
func BenchmarkMint(b *testing.B) {
	for _, alg := range []string{"EdDSA", "RS256"} {
		r := fixedRing(b, fixedKey(b, alg, 1, start))
		team := mintTeam(b, r, ada(), start)
		for name, f := range map[string]func(){
			"app":       func() { mint(b, r, ada(), start) },
			"team":      func() { mintTeam(b, r, ada(), start) },
			"team/open": func() { r.OpenTeam(team, issuer, start) },
		} {
			b.Run(alg+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					f()
				}
			})
		}
	}
}

// BenchmarkSeal: whoever is not signed in can have us do these.
func BenchmarkSeal(b *testing.B) {
	r := fixedRing(b, fixedKey(b, "EdDSA", 2, start.Add(-day)), fixedKey(b, "EdDSA", 1, start))
	v := state{"app.example.com", "/" + strings.Repeat("p", 200)}
	text := seal(b, r, "state", v, start)
	for name, f := range map[string]func(){
		"seal":        func() { seal(b, r, "state", v, start) },
		"open":        func() { _ = r.Open("state", text, &v, start) },
		"open/forged": func() { _ = r.Open("state", text[:len(text)-2]+"AA", &v, start) },
		"open/random": func() { _ = r.Open("state", strings.Repeat("A", len(text)), &v, start) },
		"open/huge":   func() { _ = r.Open("state", text[:100]+strings.Repeat("A", MaxSealed-100), &v, start) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
