// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// What is encrypted is a compact JWE (RFC 7516 §7.1) with a key that both ends
// have ("dir", RFC 7518 §4.5) and AES-256 in GCM. Nonces are random: a key is good
// for 2^32 of them (NIST SP 800-38D §8.3), that is for 1600 a second until the
// next one takes over after 30 days.
const (
	boxKeySize = 32
	ivText     = 16 // 12 bytes in base64url
	tagText    = 22 // 16 bytes
)

// A use is what something is encrypted for. Each use of a ring's key has a key of
// its own, so that what was made for one is noise to all others.
type use struct {
	info   string // of HKDF: no use is the start of another one's
	nested bool   // a JWT is inside (RFC 7519 §5.2)
}

// boxHeader is the header that go-jose writes: compared with, it leaves what is
// in a token no say in how to open it.
func boxHeader(id string, nested bool) string {
	contentType := ""
	if nested {
		contentType = `"cty":"JWT",`
	}
	return base64url.EncodeToString([]byte(`{"alg":"dir",` + contentType + `"enc":"A256GCM","kid":"` + id + `"}`))
}

func (k *key) headerOf(u use) string {
	if u.nested {
		return k.nestedHeader
	}
	return k.sealedHeader
}

func (k *key) boxKey(u use) ([]byte, error) {
	return hkdf.Expand(sha256.New, k.derived, u.info, boxKeySize)
}

// encrypt returns the content for one use of the key.
func (k *key) encrypt(u use, content []byte) (string, error) {
	secret, err := k.boxKey(u)
	if err != nil {
		return "", fmt.Errorf("credential: %w", err)
	}
	options := &jose.EncrypterOptions{}
	if u.nested {
		options = options.WithContentType("JWT")
	}
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: secret, KeyID: k.id}, options)
	if err != nil {
		return "", fmt.Errorf("credential: encrypting: %w", err)
	}
	object, err := encrypter.Encrypt(content)
	if err != nil {
		return "", fmt.Errorf("credential: encrypting: %w", err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("credential: encrypting: %w", err)
	}
	return text, nil
}

// decrypt returns what a key of the ring encrypted for this use, and that key;
// nil if none did. There is one spelling of it, and no key is tried in vain: so
// nothing but the name of the key, which is public, tells in how long it takes.
func (r *Ring) decrypt(u use, text string) (*key, []byte) {
	if r == nil {
		return nil, nil
	}
	for _, k := range r.keys {
		rest, ok := strings.CutPrefix(text, k.headerOf(u))
		if !ok {
			continue
		}
		if !canonicalBox(rest) {
			return nil, nil
		}
		secret, err := k.boxKey(u)
		if err != nil {
			return nil, nil
		}
		object, err := jose.ParseEncryptedCompact(text, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
		if err != nil {
			return nil, nil
		}
		content, err := object.Decrypt(secret)
		if err != nil {
			return nil, nil
		}
		return k, content
	}
	return nil, nil
}

// canonicalBox reports whether what follows the header is spelled as encrypt
// does: go-jose skips line ends, and takes any last bits.
func canonicalBox(rest string) bool {
	rest, ok := strings.CutPrefix(rest, "..") // no encrypted key
	iv, rest, cut := strings.Cut(rest, ".")
	content, tag, again := strings.Cut(rest, ".")
	if !ok || !cut || !again || len(iv) != ivText || len(tag) != tagText || strings.ContainsAny(rest, "\r\n") ||
		strings.ContainsAny(iv, "\r\n") {
		return false
	}
	for _, segment := range []string{iv, content, tag} {
		if _, err := base64url.DecodeString(segment); err != nil {
			return false
		}
	}
	return true
}
