// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// validity of every certificate: longer than anyone leaves the cluster running.
const validity = 30 * 24 * time.Hour

// pki names the files of one cluster's keys and certificates.
type pki struct {
	caCert                    string
	servingCert, servingKey   string
	adminCert, adminKey       string
	accountPublic, accountKey string // sign and verify service-account tokens
}

// newPKI makes them in the folder dir. The key of the CA is not kept.
func newPKI(dir string) (*pki, error) {
	at := func(name string) string { return filepath.Join(dir, name) }
	p := &pki{
		caCert:      at("ca.crt"),
		servingCert: at("serving.crt"), servingKey: at("serving.key"),
		adminCert: at("admin.crt"), adminKey: at("admin.key"),
		accountPublic: at("service-accounts.pub"), accountKey: at("service-accounts.key"),
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ca := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "ostiary test cluster"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	a := authority{cert: ca, key: caKey}
	if err := a.issue(ca, caKey, p.caCert); err != nil {
		return nil, err
	}
	serving := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 1)},
	}
	if err := a.issueWithKey(serving, p.servingCert, p.servingKey); err != nil {
		return nil, err
	}
	admin := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if err := a.issueWithKey(admin, p.adminCert, p.adminKey); err != nil {
		return nil, err
	}
	return p, writeKeyPair(p.accountPublic, p.accountKey)
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue signs cert for key and writes it to path.
func (a authority) issue(cert *x509.Certificate, key *ecdsa.PrivateKey, path string) error {
	now := time.Now()
	cert.NotBefore, cert.NotAfter = now.Add(-time.Hour), now.Add(validity)
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return err
	}
	return writePEM(path, "CERTIFICATE", der)
}

// issueWithKey issues cert for a new key, which it writes to keyPath.
func (a authority) issueWithKey(cert *x509.Certificate, certPath, keyPath string) error {
	key, err := newKey(keyPath)
	if err != nil {
		return err
	}
	return a.issue(cert, key, certPath)
}

// writeKeyPair makes a key and writes both its halves.
func writeKeyPair(publicPath, privatePath string) error {
	key, err := newKey(privatePath)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	return writePEM(publicPath, "PUBLIC KEY", der)
}

func newKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(path, "EC PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// writeKubeconfig writes the administrator's way in, readable by its owner only.
// It holds the keys themselves, so it does not depend on the data directory. It
// is JSON, which is YAML as well.
func writeKubeconfig(path, url string, p *pki) error {
	encoded := map[string]string{}
	for _, file := range []string{p.caCert, p.adminCert, p.adminKey} {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		encoded[file] = base64.StdEncoding.EncodeToString(text)
	}
	const name = "ostiary"
	type object = map[string]any
	text, err := json.MarshalIndent(object{
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": name,
		"clusters": []object{{"name": name, "cluster": object{
			"server": url, "certificate-authority-data": encoded[p.caCert],
		}}},
		"users": []object{{"name": "admin", "user": object{
			"client-certificate-data": encoded[p.adminCert], "client-key-data": encoded[p.adminKey],
		}}},
		"contexts": []object{{"name": name, "context": object{
			"cluster": name, "user": "admin", "namespace": "default",
		}}},
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// A new file that takes the old one's place: writing into an old one would
	// keep its mode.
	temp, err := os.CreateTemp(filepath.Dir(path), ".kubeconfig-*") // mode 0600
	if err != nil {
		return err
	}
	if _, err = temp.Write(append(text, '\n')); err == nil {
		err = temp.Chmod(0o600)
	}
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
	}
	return err
}

// shellQuote quotes s for a shell, when it has to be.
func shellQuote(s string) string {
	if strings.IndexFunc(s, special) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func special(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+:@%-", r)
}
