// SPDX-License-Identifier: Apache-2.0

// Package oidcprovider runs a certified OpenID provider, npm's oidc-provider, on
// loopback for tests. It needs Node and npm, and for the first run their
// registry: the version of every package is in server/package-lock.json.
package oidcprovider

import (
	"bufio"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/ostiary/ostiary/hack/lab"
)

//go:embed server/package.json server/package-lock.json server/server.js
var files embed.FS

// An Account holds the claims of somebody: email, email_verified, groups, amr.
type Account map[string]any

// A Client holds the metadata of a client, as in OpenID Connect Dynamic Client
// Registration 1.0 §2: client_id, client_secret, redirect_uris.
type Client map[string]any

// Options are the settings of a provider; see server/server.js.
type Options struct {
	Issuer          string             `json:"issuer,omitempty"` // default: http://127.0.0.1 and the port
	Port            int                `json:"port,omitempty"`   // default: any
	Clients         []Client           `json:"clients"`
	Accounts        map[string]Account `json:"accounts"` // by the name that the form takes
	ClaimsInIDToken bool               `json:"claimsInIDToken"`
	PKCEOptional    bool               `json:"-"`
	// Resources are those that there are access tokens for (RFC 8707), with their scopes.
	Resources map[string]string `json:"resources,omitempty"`
}

// A Server is a running provider.
type Server struct {
	Issuer string
	Port   int

	mu    sync.Mutex
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
	log   *os.File
}

// Start installs the provider if need be, and starts it. It ends with Close, and
// at the latest with this process.
func Start(ctx context.Context, o Options) (*Server, error) {
	dir, err := Install(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{}
	if s.log, err = os.CreateTemp("", "oidc-provider-*.log"); err != nil {
		return nil, err
	}
	s.cmd = exec.Command("node", "server.js") // not for as long as ctx, which is that of the start
	s.cmd.Dir, s.cmd.Stderr = dir, s.log
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("oidcprovider: is Node installed? %w", err)
	}
	s.out = bufio.NewReader(stdout)
	settings := struct {
		Options
		PKCERequired bool `json:"pkceRequired"`
	}{o, !o.PKCEOptional}
	if err := s.say(settings, s); err != nil {
		err = errors.Join(err, s.Close())
		text, _ := os.ReadFile(s.log.Name())
		return nil, fmt.Errorf("oidcprovider: it did not start: %w\n%s", err, text)
	}
	return s, nil
}

// say sends one line, and reads the one that answers it.
func (s *Server) say(v, into any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := json.NewEncoder(s.stdin).Encode(v); err != nil {
		return err
	}
	answered := make(chan error, 1)
	go func() {
		line, err := s.out.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, into)
		}
		answered <- err
	}()
	select {
	case err := <-answered:
		return err
	case <-time.After(30 * time.Second):
		return errors.New("no answer within 30 seconds")
	}
}

// SetAccounts replaces the accounts. Sessions of those that remain go on.
func (s *Server) SetAccounts(accounts map[string]Account) error {
	return s.say(map[string]any{"accounts": accounts}, &struct{}{})
}

// Close ends the provider.
func (s *Server) Close() error {
	defer func() { _ = os.Remove(s.log.Name()) }() // of no use any more
	_ = s.stdin.Close()                            // which ends it
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(5 * time.Second):
		return errors.Join(s.cmd.Process.Kill(), <-ended)
	}
}

// Install has npm install the provider below .cache of the repository, unless it
// is there, and returns where.
func Install(ctx context.Context) (string, error) {
	root, err := lab.Root()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	entries, err := fs.ReadDir(files, "server")
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		text, err := files.ReadFile("server/" + e.Name())
		if err != nil {
			return "", err
		}
		sum.Write(text)
	}
	parent := filepath.Join(root, ".cache", "oidc-provider")
	dir := filepath.Join(parent, hex.EncodeToString(sum.Sum(nil))[:16])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(parent, 0o750); err != nil {
		return "", err
	}
	// Elsewhere first, so that what is there is complete.
	temp, err := os.MkdirTemp(parent, ".new-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(temp) }() // in vain if all went well
	if err := install(ctx, temp); err != nil {
		return "", err
	}
	if err := os.Rename(temp, dir); err != nil {
		if _, gone := os.Stat(dir); gone != nil {
			return "", err
		} // another process was faster
	}
	return dir, nil
}

func install(ctx context.Context, dir string) error {
	server, err := fs.Sub(files, "server")
	if err != nil {
		return err
	}
	if err := os.CopyFS(dir, server); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("oidcprovider: npm ci: %w\n%s", err, out)
	}
	return nil
}
