// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/ostiary/ostiary/hack/lab"
	"github.com/ostiary/ostiary/hack/oidcprovider"
)

//go:embed testdata/nginx.conf.tmpl
var nginxTemplate string

// A replica is one of several ostiary processes.
type replica struct {
	*lab.Ostiary
	args []string
}

// An environment is everything that runs but for the browsers.
type environment struct {
	dir, binary string
	listen      string // where nginx is, for every host
	spki        string // the key that browsers trust
	ca          *x509.CertPool
	apps        *recorder
	provider    *oidcprovider.Server
	asker       string // the issuer of a provider that asks each time
	replicas    []*replica
	proxy       *lab.Process
	browsers    map[profile]*chromium
}

func newEnvironment(ctx context.Context, dir, binary string) (*environment, error) {
	e := &environment{dir: dir, binary: binary, listen: lab.FreeAddress(), browsers: map[profile]*chromium{}}
	steps := []func(context.Context) error{e.startProvider, e.startAsker, e.writeManifests, e.startApps, e.startReplicas, e.writeCertificate,
		e.startProxy, e.startBrowsers}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return e, err
		}
	}
	return e, nil
}

func (e *environment) startProvider(ctx context.Context) (err error) {
	e.provider, err = oidcprovider.Start(ctx, oidcprovider.Options{
		Clients: []oidcprovider.Client{{
			"client_id": "ostiary", "client_secret": clientSecret,
			"redirect_uris": []string{teamURL + "/.access/idp/corp/callback"},
		}},
		Accounts: map[string]oidcprovider.Account{
			"carol": {"email": "carol@example.com", "email_verified": true, "groups": []string{"staff"}, "amr": []string{"pwd"}},
		},
	})
	return err
}

// policyDir is where both replicas read their policies from.
func (e *environment) policyDir() string { return filepath.Join(e.dir, "policies") }

func (e *environment) writeManifests(context.Context) error {
	text, err := manifests(e.provider.Issuer, e.asker)
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(e.policyDir(), 0o700), os.WriteFile(filepath.Join(e.policyDir(), "all.yaml"), text, 0o600))
}

func (e *environment) startApps(context.Context) (err error) {
	e.apps, err = startApps()
	return err
}

func (e *environment) startReplicas(context.Context) error {
	for i := range 2 {
		r := &replica{lab.NewOstiary(e.binary, filepath.Join(e.dir, fmt.Sprintf("ostiary-%d.log", i+1))), []string{"--policies", e.policyDir(),
			"--keys", filepath.Join(e.dir, "keys"), "--team-url", teamURL, "--trusted-proxies", "127.0.0.0/8", "--decision-log", "all"}}
		r.Metrics = lab.FreeAddress()
		e.replicas = append(e.replicas, r)
		if err := r.start(); err != nil {
			return err
		}
	}
	return nil
}

func (r *replica) start() error {
	if err := r.Serve(nil, r.args...); err != nil {
		return err
	}
	return r.WaitReady()
}

func (e *environment) startNginx(context.Context) error {
	binary, err := lab.Program("OSTIARY_NGINX", "nginx", "/usr/sbin/nginx")
	if err != nil {
		return err
	}
	var conf bytes.Buffer
	data := map[string]any{"Listen": e.listen, "TeamHost": teamHost, "Hosts": hosts, "Apps": e.apps.addr, "Replicas": e.replicas,
		"Codes": []int{401, 403}}
	if err := template.Must(template.New("nginx").Parse(nginxTemplate)).Execute(&conf, data); err != nil {
		return err
	}
	file := filepath.Join(e.nginxDir(), "nginx.conf")
	if err := os.WriteFile(file, conf.Bytes(), 0o600); err != nil {
		return err
	}
	e.proxy, err = lab.Start(filepath.Join(e.nginxDir(), "stderr.log"), nil, binary, "-p", e.nginxDir(), "-c", file, "-e",
		filepath.Join(e.nginxDir(), "error.log"))
	if err != nil {
		return err
	}
	return e.proxy.Wait("nginx", func() bool { return lab.Accepts(e.listen) })
}

func (e *environment) nginxDir() string { return filepath.Join(e.dir, "nginx") }

// writeCertificate makes an authority and a certificate for every host.
func (e *environment) writeCertificate(context.Context) error {
	ca, err := lab.Certificate(e.nginxDir(), append([]string{teamHost}, hosts...)...)
	if err != nil {
		return err
	}
	e.ca = x509.NewCertPool()
	e.ca.AddCert(ca)
	sum := sha256.Sum256(ca.RawSubjectPublicKeyInfo)
	e.spki = base64.StdEncoding.EncodeToString(sum[:])
	return nil
}

func (e *environment) close() {
	for _, b := range e.browsers {
		b.close()
	}
	e.proxy.Stop()
	for _, r := range e.replicas {
		r.Stop()
	}
	if e.provider != nil {
		_ = e.provider.Close() // it ends with this process at the latest
	}
}

// log returns what the replicas have logged so far.
func (e *environment) log() string {
	var out strings.Builder
	for _, r := range e.replicas {
		out.WriteString(r.Text())
	}
	return out.String()
}
