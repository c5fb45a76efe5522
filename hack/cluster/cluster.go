// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/ostiary/ostiary/hack/lab"
)

// cluster is one etcd and one API server with the directory they live in.
type cluster struct {
	data    string // removed with everything in it by the caller
	assets  string
	timeout time.Duration

	url  string
	pki  *pki
	etcd *lab.Process
	api  *lab.Process
}

// start returns when both servers answer that they are ready.
func (c *cluster) start(ctx context.Context) error {
	var err error
	if c.pki, err = newPKI(c.data); err != nil {
		return fmt.Errorf("make the certificates: %w", err)
	}
	addr := lab.FreeAddress()
	etcdURL := "http://" + lab.FreeAddress()
	c.url = "https://" + addr

	c.etcd, err = c.run("etcd", etcdArgs(c.data, etcdURL))
	if err != nil {
		return err
	}
	if err := c.ready(ctx, c.etcd, http.DefaultClient, etcdURL+"/readyz"); err != nil {
		return err
	}
	c.api, err = c.run("kube-apiserver", c.apiArgs(etcdURL, addr[strings.LastIndex(addr, ":")+1:]))
	if err != nil {
		return err
	}
	client, err := c.pki.client()
	if err != nil {
		return err
	}
	return c.ready(ctx, c.api, client, c.url+"/readyz")
}

// run starts one of the servers.
func (c *cluster) run(name string, args []string) (*lab.Process, error) {
	path := filepath.Join(c.assets, name)
	p, err := lab.Command{Path: path, Args: args, Log: filepath.Join(c.data, name+".log"), Attributes: attributes()}.Start()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		return nil, fmt.Errorf("%s is not built: `hack/tools.sh %s` builds it", path, name)
	}
	return p, err
}

func etcdArgs(data, url string) []string {
	return []string{
		"--name=default",
		"--data-dir=" + filepath.Join(data, "etcd"),
		"--listen-client-urls=" + url,
		"--advertise-client-urls=" + url,
		"--listen-peer-urls=http://127.0.0.1:0",
		"--unsafe-no-fsync", // the data does not outlive the process
		"--log-level=warn",
	}
}

func (c *cluster) apiArgs(etcdURL, port string) []string {
	return []string{
		"--etcd-servers=" + etcdURL,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--secure-port=" + port,
		"--cert-dir=" + c.data,
		"--tls-cert-file=" + c.pki.servingCert,
		"--tls-private-key-file=" + c.pki.servingKey,
		"--client-ca-file=" + c.pki.caCert,
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.pki.accountPublic,
		"--service-account-signing-key-file=" + c.pki.accountKey,
		"--service-cluster-ip-range=10.0.0.0/24",
		"--endpoint-reconciler-type=none", // a loopback address is no valid endpoint
		// Its service accounts are made by the controller manager, which does
		// not run: every Pod would be refused.
		"--disable-admission-plugins=ServiceAccount",
		"--allow-privileged=true",
		"--shutdown-delay-duration=0s",
	}
}

// ready polls url until it answers 200. It gives up when ctx ends, the time is
// over, or the process has ended.
func (c *cluster) ready(ctx context.Context, p *lab.Process, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		last := probe(ctx, client, url)
		if last == nil {
			return nil
		}
		select {
		case <-p.Ended:
			return p.Failure()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %s: %w\n%s", filepath.Base(p.Log), c.timeout, last, p.Tail())
		case <-tick.C:
		}
	}
}

func probe(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s:\n%s", resp.Status, body)
	}
	return nil
}

// wait blocks until ctx ends, which is no error, or one of the servers does.
func (c *cluster) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-c.etcd.Ended:
		return c.etcd.Failure()
	case <-c.api.Ended:
		return c.api.Failure()
	}
}

// stop ends the API server before the etcd it writes to.
func (c *cluster) stop() {
	c.api.Stop()
	c.etcd.Stop()
}

// client speaks as the administrator.
func (p *pki) client() (*http.Client, error) {
	cert, err := tls.LoadX509KeyPair(p.adminCert, p.adminKey)
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(p.caCert)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("the CA's certificate does not parse")
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		Certificates: []tls.Certificate{cert},
		RootCAs:      roots,
		MinVersion:   tls.VersionTLS13,
	}}}, nil
}
