// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"

	"github.com/golang-jwt/jwt/v5"
)

// base64url is the one spelling of bytes in a JOSE object (RFC 7515 §2), with
// no freedom in the last character.
var base64url = base64.RawURLEncoding.Strict()

// An algorithm is a way to sign. Another one needs a line in algorithms, and
// members in jwk.
type algorithm struct {
	name   string // as in RFC 7518 §3.1 and RFC 8037 §3.1
	method jwt.SigningMethod
	size   int // of a signature, in bytes; at most maxSignature
	// unique: a message has one signature, the same in every replica, and without
	// the private key nobody finds another that verifies. Ed25519: RFC 8032 §5.1.6,
	// and §5.1.7 refuses an S that is not reduced. RSASSA-PKCS1-v1_5: its padding
	// is fixed, and RFC 8017 §5.2.2 refuses what is not below the modulus. ES256
	// takes a random number, and who negates S has one more.
	unique bool
	// public returns the public half; false if the key is not for this algorithm.
	public func(crypto.Signer) (jwk, bool)
	// secret returns what no one knows but who holds the private key.
	secret func(crypto.Signer) ([]byte, error)
	// generate makes a key; nil: no new ones are made.
	generate func() (crypto.Signer, error)
}

const (
	algEdDSA = "EdDSA"
	algRS256 = "RS256"
)

// maxSignature is the size of the longest signature, in bytes.
const maxSignature = rsaBits / 8

// An RSA key is of this one kind, so that an RS256 signature has one size.
const (
	rsaBits     = 2048
	rsaExponent = 65537
)

var algorithms = []*algorithm{
	{name: algEdDSA, method: jwt.SigningMethodEdDSA, size: 64, unique: true, public: publicEd25519, secret: secretEd25519,
		generate: generateEd25519},
	{name: "ES256", method: jwt.SigningMethodES256, size: 64, public: publicP256, secret: secretP256},
	{name: algRS256, method: jwt.SigningMethodRS256, size: rsaBits / 8, unique: true, public: publicRSA, secret: secretRSA,
		generate: generateRSA},
}

// algorithmNamed returns the algorithm of that name, or nil.
func algorithmNamed(name string) *algorithm {
	for _, a := range algorithms {
		if a.name == name {
			return a
		}
	}
	return nil
}

// algorithmOf returns the algorithm that the key is for, or nil.
func algorithmOf(private crypto.Signer) (*algorithm, jwk) {
	for _, a := range algorithms {
		if public, ok := a.public(private); ok {
			return a, public
		}
	}
	return nil, jwk{}
}

func publicEd25519(private crypto.Signer) (jwk, bool) {
	k, ok := private.(ed25519.PrivateKey)
	if !ok || len(k) != ed25519.PrivateKeySize {
		return jwk{}, false
	}
	public, ok := k.Public().(ed25519.PublicKey)
	return jwk{KeyType: "OKP", Curve: "Ed25519", X: base64url.EncodeToString(public)}, ok
}

func secretEd25519(private crypto.Signer) ([]byte, error) {
	return private.(ed25519.PrivateKey).Seed(), nil
}

func publicP256(private crypto.Signer) (jwk, bool) {
	k, ok := private.(*ecdsa.PrivateKey)
	if !ok || k.Curve != elliptic.P256() {
		return jwk{}, false
	}
	point, err := k.PublicKey.Bytes() // 4, X, Y: each of full length, as RFC 7518 §6.2.1.2 wants them
	if err != nil {
		return jwk{}, false
	}
	half := 1 + len(point)/2
	return jwk{
		KeyType: "EC", Curve: "P-256",
		X: base64url.EncodeToString(point[1:half]), Y: base64url.EncodeToString(point[half:]),
	}, true
}

func secretP256(private crypto.Signer) ([]byte, error) {
	return private.(*ecdsa.PrivateKey).Bytes()
}

func generateEd25519() (crypto.Signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return private, err
}

func publicRSA(private crypto.Signer) (jwk, bool) {
	k, ok := private.(*rsa.PrivateKey)
	if !ok || k.N.BitLen() != rsaBits || k.E != rsaExponent || len(k.Primes) != 2 {
		return jwk{}, false
	}
	return jwk{
		KeyType: "RSA",
		N:       base64url.EncodeToString(k.N.Bytes()), // RFC 7518 §6.3.1: no leading zeros
		E:       base64url.EncodeToString(big.NewInt(rsaExponent).Bytes()),
	}, true
}

// secretRSA returns the larger prime, which every encoding of the key has. The
// private exponent does not do: a key may have more than one.
func secretRSA(private crypto.Signer) ([]byte, error) {
	primes := private.(*rsa.PrivateKey).Primes
	p := primes[0]
	if p.Cmp(primes[1]) < 0 {
		p = primes[1]
	}
	return p.Bytes(), nil
}

func generateRSA() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, rsaBits) }

// A jwk is a public key (RFC 7517, RFC 8037). Those members that a thumbprint
// takes come first and in alphabetical order: see thumbprint.
type jwk struct {
	Curve   string `json:"crv,omitempty"`
	E       string `json:"e,omitempty"`
	KeyType string `json:"kty"`
	N       string `json:"n,omitempty"`
	X       string `json:"x,omitempty"`
	Y       string `json:"y,omitempty"`

	Algorithm string `json:"alg,omitempty"`
	ID        string `json:"kid,omitempty"`
	Use       string `json:"use,omitempty"`
}

// thumbprint is the key's name (RFC 7638 §3): nobody has to make one up, and two
// keys of one name do not exist.
func (k jwk) thumbprint() (string, error) {
	k.Algorithm, k.ID, k.Use = "", "", ""
	text, err := json.Marshal(k)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return base64url.EncodeToString(sum[:]), nil
}
