// SPDX-License-Identifier: Apache-2.0

// Command demo runs the main job without a cluster: ostiary serving the sample
// policies, two applications, and a small ingress proxy in front that asks the
// authz endpoint over HTTP as ingress-nginx does. Ctrl-C stops all of it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/hack/lab"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8000", "where the demo's ingress listens")
	dir := flag.String("dir", ".cache/demo", "where the demo keeps its keys and log")
	policies := flag.String("policies", "config/samples", "the manifests to serve")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, *dir, *policies); err != nil {
		log.SetFlags(0)
		log.Fatalf("demo: %v", err)
	}
}

// demo is everything that runs.
type demo struct {
	port  string
	dir   string
	authz string
	proxy
}

func run(ctx context.Context, addr, dir, policies string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ingress, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("%w; choose another with: go run ./hack/demo -addr 127.0.0.1:8888", err)
	}
	_, port, _ := net.SplitHostPort(ingress.Addr().String()) // it was made from one
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	d := &demo{port: port, dir: dir}
	ostiary, err := d.startOstiary(ctx, policies)
	defer ostiary.Stop()
	if err != nil {
		return err
	}
	if err := d.startApps(); err != nil {
		return err
	}
	srv := &http.Server{Handler: &d.proxy, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = srv.Close() // the demo is over
	}()
	go func() {
		<-ostiary.Ended
		if ctx.Err() == nil {
			log.Printf("ostiary has stopped: %v", ostiary.Failure())
		}
		cancel()
	}()
	if err := d.printCommands(os.Stdout); err != nil {
		return err
	}
	if err := srv.Serve(ingress); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	fmt.Println("\nstopped")
	return nil
}

func (d *demo) logFile() string { return filepath.Join(d.dir, "ostiary.log") }

// startOstiary builds the binary and runs it as anybody would.
func (d *demo) startOstiary(ctx context.Context, policies string) (*lab.Ostiary, error) {
	fmt.Println("building ostiary (the first time takes a minute or two) ...")
	users, err := d.writeUsers()
	if err != nil {
		return nil, err
	}
	keys := filepath.Join(d.dir, "keys")
	for _, path := range []*string{&policies, &users, &keys} { // it has a folder of its own
		if *path, err = filepath.Abs(*path); err != nil {
			return nil, err
		}
	}
	bin, err := lab.Binary(ctx, d.dir)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(d.logFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	o := lab.NewOstiary(bin, d.logFile())
	o.Preflight = "0"
	d.authz, d.public, d.render, d.proxy.authz = o.Authz, o.Public, o.Render, o.Authz
	if err := o.Serve(nil, "--policies", policies, "--policies", users, "--keys", keys,
		"--team-url", "http://auth.localhost:"+d.port, "--decision-log", "all"); err != nil {
		return o, err
	}
	return o, o.WaitReady()
}

// demoPassword is everybody's in the demo, which listens on loopback alone.
const demoPassword = "demo"

// writeUsers writes the people of the demo: an identity provider as a cluster
// would have it, and the Secret that it names.
func (d *demo) writeUsers() (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(demoPassword), bcrypt.DefaultCost)
	if err != nil {
		return "", err
	}
	file := filepath.Join(d.dir, "people.yaml")
	return file, os.WriteFile(file, []byte(strings.ReplaceAll(people, "HASH", string(hash))), 0o600)
}

const people = `apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: people}
spec:
  displayName: the demo's people
  users: {secretRef: {name: people}}
---
apiVersion: v1
kind: Secret
metadata: {name: people, namespace: ostiary-system}
stringData:
  users.yaml: |
    - {name: ann, email: ann@example.com, groups: [staff], passwordHash: "HASH"}
    - {name: root, email: root@example.com, groups: [staff, admins], passwordHash: "HASH"}
`

// session mints what a login gives, for curl: a session of ann@example.com.
func (d *demo) session(audience string) (string, error) {
	folder, err := credential.OpenFolder(filepath.Join(d.dir, "keys"), time.Now())
	if err != nil {
		return "", err
	}
	return folder.Ring().Mint(credential.Claims{
		Issuer: "http://auth.localhost:" + d.port, Audience: []string{audience},
		ID: "ann", Email: "ann@example.com", Groups: []string{"staff"}, Lifetime: 12 * time.Hour,
	}, time.Now())
}

func (d *demo) printCommands(w io.Writer) error {
	token, err := d.session("shop/app2")
	if err != nil {
		return err
	}
	cookie := filepath.Join(d.dir, "ann.cookie")
	if err := os.WriteFile(cookie, []byte("cookie: __Host-ostiary="+token+"\n"), 0o600); err != nil {
		return err
	}
	_, err = fmt.Fprint(w, strings.NewReplacer("PORT", d.port, "COOKIE", cookie, "LOG", d.logFile()).Replace(commands))
	return err
}

const commands = `
Three applications stand behind an ingress that asks ostiary about every request:
  http://app1.localhost:PORT   http://app2.localhost:PORT   http://app3.localhost:PORT   team host: http://auth.localhost:PORT

In a browser: open http://app1.localhost:PORT and sign in as ann, password demo. app2 opens without a prompt, app3 says
that ann is not permitted (root is), and app1's page calls app2 from another site, signs you out here, or everywhere.

Or, in another terminal:

1. The preflight that every other auth proxy breaks. No cookie, and app2 is not asked:
   curl -I -XOPTIONS http://app2.localhost:PORT \
       -H 'origin: https://app1.almightyzero.com' \
       -H 'access-control-request-method: GET'

2. The same from an origin that app2's policy does not list:
   curl -I -XOPTIONS http://app2.localhost:PORT -H 'origin: https://evil.example' -H 'access-control-request-method: GET'

3. A fetch without a session: JSON that the calling page can read:
   curl -i http://app2.localhost:PORT/orders -H 'origin: https://app1.almightyzero.com'

4. A person opening the page without a session is sent to sign in:
   curl -i http://app2.localhost:PORT/orders -H 'accept: text/html'

5. With a session of ann@example.com:
   curl -i http://app2.localhost:PORT/orders -H @COOKIE

6. What would be decided, and why:
   go run . explain OPTIONS https://app2.localhost -H 'origin: https://evil.example' -H 'access-control-request-method: GET' --policies config/samples

Edit config/samples/app2.yaml while this runs: the next request is judged by the new version.
Every decision is logged in LOG. Ctrl-C stops all.
`
