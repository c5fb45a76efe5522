// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

var (
	nginxBinary   string
	ostiaryBinary string
	env           *environment // shared by all tests that stop nothing
)

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// runAll fails, and never skips, where something is missing.
func runAll(m *testing.M) (code int, err error) {
	if nginxBinary, err = findNginx(); err != nil {
		return 1, err
	}
	if _, err := exec.LookPath("curl"); err != nil {
		return 1, fmt.Errorf("these tests need curl: %w", err)
	}
	dir, err := os.MkdirTemp("", "ostiary-e2e-")
	if err != nil {
		return 1, err
	}
	defer func() {
		if code == 0 && err == nil {
			err = os.RemoveAll(dir)
		} else {
			fmt.Fprintln(os.Stderr, "e2e: the logs are in", dir)
		}
	}()
	ostiaryBinary = filepath.Join(dir, "ostiary")
	build := exec.Command("go", "build", "-o", ostiaryBinary, "github.com/ostiary/ostiary")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build: %w\n%s", err, out)
	}
	if env, err = newEnvironment(filepath.Join(dir, "shared"), nil); err != nil {
		return 1, err
	}
	defer env.close()
	return m.Run(), nil
}

func findNginx() (string, error) {
	if name := os.Getenv("OSTIARY_NGINX"); name != "" {
		path, err := exec.LookPath(name)
		if err != nil {
			err = fmt.Errorf("OSTIARY_NGINX: %w", err)
		}
		return path, err
	}
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} { // where Debian keeps it, out of a user's PATH
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("these tests need nginx with auth_request (Debian: apt-get install nginx-light), in PATH or named by OSTIARY_NGINX")
}

// writeCertificate makes a certificate that nobody has to trust.
func writeCertificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ostiary e2e"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"*.site.com"},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}
