// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

const ringVersion = 1

// ringFile is a ring at rest: in keyring.json, or in a Secret.
type ringFile struct {
	Version int       `json:"version"`
	Keys    []keyFile `json:"keys"`
}

type keyFile struct {
	ID        string    `json:"kid"`
	Algorithm string    `json:"alg"`
	Active    time.Time `json:"active"` // from when on it signs
	Private   string    `json:"private"`
}

// Marshal writes the ring, private keys included (PKCS #8, RFC 5958, in base64).
func (r *Ring) Marshal() ([]byte, error) {
	if r == nil || len(r.keys) == 0 {
		return nil, errNoRing
	}
	f := ringFile{Version: ringVersion}
	for _, k := range r.keys {
		der, err := x509.MarshalPKCS8PrivateKey(k.signer)
		if err != nil {
			return nil, fmt.Errorf("credential: writing key %s: %w", k.id, err)
		}
		f.Keys = append(f.Keys, keyFile{
			ID: k.id, Algorithm: k.alg.name, Active: k.active, Private: base64.StdEncoding.EncodeToString(der),
		})
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("credential: writing the key ring: %w", err)
	}
	return append(text, '\n'), nil
}

// ParseRing reads what Marshal wrote, and nothing else. Errors say where the
// data is damaged, but quote none of it.
func ParseRing(data []byte) (*Ring, error) {
	// The version comes first: what else a coming version holds is unknown.
	var v struct {
		Version int `json:"version"`
	}
	if err := decode(data, &v, false); err != nil {
		return nil, err
	}
	if v.Version != ringVersion {
		return nil, fmt.Errorf("credential: the key ring is of version %d; this program reads version %d only", v.Version, ringVersion)
	}
	var f ringFile
	if err := decode(data, &f, true); err != nil {
		return nil, err
	}
	keys := make([]*key, 0, len(f.Keys))
	for i := range f.Keys {
		k, err := f.Keys[i].parse()
		if err != nil {
			return nil, fmt.Errorf("credential: key %d of the key ring: %w", i+1, err)
		}
		keys = append(keys, k)
	}
	return assemble(keys)
}

// decode reads one JSON value. The errors of encoding/json quote their input,
// which here may be a private key: they go no further.
func decode(data []byte, into any, strict bool) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if strict {
		d.DisallowUnknownFields()
	}
	err := d.Decode(into)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("credential: the key ring is cut short: it ends after %d bytes", len(data))
	case err != nil:
		return fmt.Errorf("credential: the key ring is damaged, near byte %d", d.InputOffset())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("credential: the key ring is damaged: something follows its end at byte %d", d.InputOffset())
	}
	return nil
}

func (f *keyFile) parse() (*key, error) {
	if algorithmNamed(f.Algorithm) == nil {
		return nil, errors.New("its alg is none that this program knows")
	}
	if f.Active.IsZero() {
		return nil, errors.New("it does not say from when on it signs (active)")
	}
	der, err := base64.StdEncoding.Strict().DecodeString(f.Private)
	if err != nil {
		return nil, errors.New("its private key is not base64")
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("its private key is not PKCS #8")
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, errors.New("its private key cannot sign")
	}
	k, err := newKey(signer, f.Active)
	if err != nil {
		return nil, err
	}
	if k.alg.name != f.Algorithm {
		return nil, fmt.Errorf("its private key is for %s, which is not its alg", k.alg.name)
	}
	if k.id != f.ID {
		return nil, fmt.Errorf("its kid is not the thumbprint (RFC 7638) of its private key, %s", k.id)
	}
	return k, nil
}
