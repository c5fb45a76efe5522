// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

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
	// public returns the public half; false if the key is not for this algorithm.
	public func(crypto.Signer) (jwk, bool)
	// secret returns what no one knows but who holds the private key.
	secret func(crypto.Signer) ([]byte, error)
}

var algorithms = []*algorithm{
	{name: "EdDSA", method: jwt.SigningMethodEdDSA, public: publicEd25519, secret: secretEd25519},
	{name: "ES256", method: jwt.SigningMethodES256, public: publicP256, secret: secretP256},
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

// A jwk is a public key (RFC 7517, RFC 8037). Those members that a thumbprint
// takes come first and in alphabetical order: see thumbprint.
type jwk struct {
	Curve   string `json:"crv,omitempty"`
	KeyType string `json:"kty"`
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
