// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"
)

// InquiryTime is how long an inquiry is good for: as long as one of Cloudflare Access.
const InquiryTime = time.Minute

// typeInquiry is the type of a token that asks a service about somebody. It is no
// credential: nothing takes it for one, as it has another type, no MAC, and the address
// of the service as its audience.
const typeInquiry = "evaluation"

// An inquiry is what a service is asked (external evaluation): the claims that Cloudflare
// Access has, with those that tell whose it is and for whom.
type inquiry struct {
	Issuer    string `json:"iss"`
	Audience  string `json:"aud"`
	Identity  any    `json:"identity"`
	Nonce     string `json:"nonce"`
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp"`
	Type      string `json:"type"`
}

// MintInquiry signs a question about somebody for the service at an address, and returns
// the nonce that its answer has to repeat, which nobody guesses.
func (r *Ring) MintInquiry(issuer, address string, identity any, now time.Time) (token, nonce string, err error) {
	k := r.signer(now)
	if k == nil {
		return "", "", errNoRing
	}
	nonce = rand.Text()
	at := now.Unix()
	text, err := json.Marshal(inquiry{Issuer: issuer, Audience: address, Identity: identity, Nonce: nonce,
		IssuedAt: at, ExpiresAt: at + int64(InquiryTime/time.Second), Type: typeInquiry})
	if err != nil {
		return "", "", fmt.Errorf("credential: %w", err)
	}
	header := `{"alg":"` + k.alg.name + `","kid":"` + k.id + `","typ":"JWT"}`
	signed := base64url.EncodeToString([]byte(header)) + "." + base64url.EncodeToString(text)
	signature, err := k.alg.method.Sign(signed, k.signer)
	if err != nil {
		return "", "", fmt.Errorf("credential: signing: %w", err)
	}
	return signed + "." + base64url.EncodeToString(signature), nonce, nil
}
