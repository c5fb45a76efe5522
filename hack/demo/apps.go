// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed" // the page
	"encoding/json"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/authserver/contract"
)

//go:embed app1.html
var app1Page []byte

//go:embed home.html
var homePage []byte

// startApps starts the three applications. Neither knows anything of logins.
func (d *demo) startApps() error {
	d.apps = map[string]string{}
	for _, name := range []string{"app1", "app2", "app3"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		srv := &http.Server{Handler: app(name), ReadHeaderTimeout: 10 * time.Second}
		go srv.Serve(l) //nolint:errcheck // it ends with the process
		d.apps[name+".localhost"] = l.Addr().String()
	}
	return nil
}

// app says what reached it. app2 sets its own CORS headers on real answers, as
// an application with the default responses: App does.
func app(name string) http.Handler {
	var hits atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := hits.Add(1)
		page := map[string][]byte{"/": homePage, "/public/": app1Page}[r.URL.Path]
		if name == "app1" && page != nil {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write(page) // the client has gone; nothing is left to tell it
			return
		}
		if o := r.Header.Get("Origin"); name == "app2" && o != "" {
			w.Header().Set("Access-Control-Allow-Origin", o)
			w.Header().Set("Access-Control-Allow-Credentials", "true")
			w.Header().Set("Vary", "Origin")
		}
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(map[string]any{ // as above
			"app": name, "requests_so_far": n, "method": r.Method, "path": r.URL.Path,
			"user": r.Header.Get(contract.IdentityUser), "email": r.Header.Get(contract.IdentityEmail),
			"groups": r.Header.Get(contract.IdentityGroups),
		})
	})
}
