// SPDX-License-Identifier: Apache-2.0

// Command dex runs Dex on loopback for tests, with one client and one person, whose
// password it keeps: Dex's own server, and its storage in memory. Dex's own command needs a
// C compiler, for a database that tests have no use for.
package main

import (
	"context"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/AppsFlyer/go-sundheit"
	"github.com/dexidp/dex/server"
	"github.com/dexidp/dex/storage"
	"github.com/dexidp/dex/storage/memory"
	"github.com/prometheus/client_golang/prometheus"
)

func main() {
	addr := flag.String("listen", "127.0.0.1:5556", "the address to listen at, at which /dex is the issuer")
	client := flag.String("client", "", "the client's ID")
	redirect := flag.String("redirect", "", "where people are sent back to")
	email := flag.String("email", "", "the address of the person")
	name := flag.String("name", "", "the name of the person")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := serve(log, *addr, storage.Client{ID: *client, Secret: os.Getenv("DEX_SECRET"), RedirectURIs: []string{*redirect}, Name: *client},
		storage.Password{Email: *email, Username: *name, UserID: "1234-" + *name, Hash: []byte(os.Getenv("DEX_HASH"))}); err != nil {
		log.Error(err.Error())
		os.Exit(1)
	}
}

func serve(log *slog.Logger, addr string, client storage.Client, person storage.Password) error {
	s := storage.WithStaticClients(memory.New(log), []storage.Client{client})
	s = storage.WithStaticPasswords(s, []storage.Password{person}, log)
	s = storage.WithStaticConnectors(s, []storage.Connector{{ID: server.LocalConnector, Name: "Email", Type: server.LocalConnector}})
	handler, err := server.NewServer(context.Background(), server.Config{
		Issuer: "http://" + addr + "/dex", Storage: s, SkipApprovalScreen: true, SupportedResponseTypes: []string{"code"}, Logger: log,
		PrometheusRegistry: prometheus.NewRegistry(), HealthChecker: gosundheit.New(),
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return (&http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}).Serve(l)
}
