// SPDX-License-Identifier: Apache-2.0

package proxyconfig

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/contract"
)

// Command is `ostiary render`. The code is that of the process: 0, or 2 for a
// mistake in the command line.
func Command(_ context.Context, args []string, stdout, stderr io.Writer) (code int, err error) {
	const mistake = 2
	var o Options
	f := pflag.NewFlagSet("render", pflag.ContinueOnError)
	f.SetOutput(stderr)
	f.SortFlags = false
	lua := o.add(f)
	f.Usage = func() { usage(stdout, f) }
	if err := f.Parse(args); err != nil {
		return mistake, err
	}
	switch {
	case f.NArg() == 0:
		usage(stdout, f)
		return mistake, errors.New("name a proxy")
	case f.NArg() > 1:
		return mistake, fmt.Errorf("%s is one argument too many", quote(f.Arg(1)))
	case *lua && f.Arg(0) != "haproxy":
		return mistake, errors.New("--lua is for haproxy")
	case *lua:
		_, err = io.WriteString(stdout, Lua)
		return 0, err
	}
	if err := Render(stdout, f.Arg(0), o); err != nil {
		return mistake, err
	}
	return 0, nil
}

// add defines the flags; lua asks for the script in place of the configuration.
func (o *Options) add(f *pflag.FlagSet) (lua *bool) {
	const listener = "our %s listener, HOST:PORT (default 127.0.0.1:%d, or in a cluster our Service)"
	f.StringArrayVar(&o.Hosts, "host", nil, "a host of the application; repeatable (default app.example.com)")
	f.StringVar(&o.Upstream, "upstream", "", "the application, HOST:PORT (default 127.0.0.1:8080, or in a cluster app:80)")
	f.StringVar(&o.TeamDomain, "team-domain", "", "where people log in; left out: something else serves it")
	f.StringVar(&o.PathPrefix, "path-prefix", "", "our own path on every host (default "+contract.DefaultPathPrefix+")")
	f.StringVar(&o.IdentityHeaders, "identity-headers", "", "default, or cloudflare for Cf-Access-* as well, as in serve")
	f.StringVar(&o.Mode, "mode", "", "one of the proxy's modes, above")
	f.StringVar(&o.Authz, "authz", "", fmt.Sprintf(listener, "authz", contract.AuthzPort))
	f.StringVar(&o.Public, "public", "", fmt.Sprintf(listener, "public", contract.PublicPort))
	f.StringVar(&o.Render, "render", "", fmt.Sprintf(listener, "render", contract.RenderPort))
	f.StringVar(&o.Preflight, "preflight", "", fmt.Sprintf(listener, "preflight", contract.PreflightPort))
	f.StringVar(&o.GRPC, "grpc", "", fmt.Sprintf(listener, "gRPC", contract.GRPCPort))
	f.StringVar(&o.Listen, "listen", "", "where a proxy that is no part of a cluster listens, [IP]:PORT")
	f.StringVar(&o.Namespace, "namespace", "", "the application's namespace (default \"default\")")
	f.StringVar(&o.Policy, "policy", "", "the application's AccessPolicy, and the name of what is printed (default app)")
	f.StringVar(&o.SystemNamespace, "system-namespace", "", "our own namespace (default ostiary-system)")
	f.StringVar(&o.Gateway, "gateway", "", "the Gateway that serves the hosts, NAMESPACE/NAME (default \"gateway\" of the application's namespace)")
	f.StringVar(&o.LuaPath, "lua-path", "", "where HAProxy finds the script (default /etc/haproxy/ostiary.lua)")
	f.BoolVar(&o.DefaultServer, "default-server", false, "nginx, caddy: refuse all other hosts at the address as well; for one file of an address")
	return f.Bool("lua", false, "haproxy: print the script, not the configuration")
}

func usage(w io.Writer, f *pflag.FlagSet) {
	fmt.Fprint(w, "Usage:\n  ostiary render PROXY [flags]\n\nProxies:\n")
	for _, p := range proxies {
		fmt.Fprintf(w, "  %-14s %s\n", p.Name, p.Summary)
		for i, m := range p.Modes {
			note := ""
			if i == 0 {
				note = " (default)"
			}
			fmt.Fprintf(w, "  %-14s   --mode %s%s\n", "", m, note)
		}
	}
	fmt.Fprintf(w, "\nFlags:\n%s", f.FlagUsages())
}
