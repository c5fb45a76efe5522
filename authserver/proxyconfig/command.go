// SPDX-License-Identifier: Apache-2.0

package proxyconfig

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/contract"
)

// Command is `ostiary config PROXY`.
func Command() *cobra.Command {
	var o Options
	var lua bool
	c := command.New(&cobra.Command{
		Use: "config PROXY [flags]", Short: "Print the configuration of a proxy",
		Long: "Print the configuration with which a proxy sends an auth request to Ostiary for every request to an application.\n\n" + list(),
		Example: `  ostiary config nginx --host app.example.com --upstream 127.0.0.1:8080
  ostiary config ingress-nginx --mode global --team-url https://auth.example.com
  ostiary config haproxy --lua > /etc/haproxy/ostiary.lua`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return command.Mistake("name a proxy: %s", strings.Join(names(), ", "))
			case len(args) > 1:
				return command.Mistake("%s is one argument too many", quote(args[1]))
			case !slices.Contains(names(), args[0]):
				return command.Unknown("proxy", args[0], names())
			case lua && args[0] != "haproxy":
				return command.Mistake("--lua is for haproxy")
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return described(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			if lua {
				_, err := io.WriteString(c.OutOrStdout(), Lua)
				return err
			}
			return Render(c.OutOrStdout(), args[0], o)
		},
	}, "0 printed, 2 usage")
	o.add(c)
	c.Flags().BoolVar(&lua, "lua", false, "haproxy: print the script, not the configuration")
	return command.Renamed(c, "render")
}

// add defines the flags.
func (o *Options) add(c *cobra.Command) {
	f := c.Flags()
	listener := func(into *string, old, name string, port int) {
		f.Var(command.Listener(into), old+"-url", fmt.Sprintf("Ostiary's %s listener, http://HOST:PORT (default http://127.0.0.1:%d, or in a cluster Ostiary's Service)", name, port))
		command.RenamedFlag(c, old, old+"-url", into)
	}
	f.StringArrayVar(&o.Hosts, "host", nil, "a host of the application; repeatable (default app.example.com)")
	f.StringVar(&o.Upstream, "upstream", "", "the application, HOST:PORT (default 127.0.0.1:8080, or in a cluster app:80)")
	f.Var(command.TeamHost(&o.TeamDomain), "team-url", "the team host, where users sign in (default: the proxy does not serve it)")
	command.RenamedFlag(c, "team-domain", "team-url", &o.TeamDomain)
	f.StringVar(&o.PathPrefix, "path-prefix", "", "Ostiary's own path on every host (default "+contract.DefaultPathPrefix+")")
	f.StringVar(&o.IdentityHeaders, "identity-headers", "", "default, or cloudflare for Cf-Access-* as well, as in serve")
	f.StringSliceVar(&o.UpstreamHeaders, "upstream-headers", nil, "`NAME`,... of headers that policies may set for applications, as in serve (default: none)")
	f.StringVar(&o.Mode, "mode", "", "one of the proxy's modes, above")
	listener(&o.Authz, "authz", "authz", contract.AuthzPort)
	listener(&o.Public, "public", "public", contract.PublicPort)
	listener(&o.Render, "render", "render", contract.RenderPort)
	listener(&o.Preflight, "preflight", "preflight", contract.PreflightPort)
	listener(&o.GRPC, "grpc", "gRPC", contract.GRPCPort)
	f.StringVar(&o.Listen, "listen", "", "where a proxy that is no part of a cluster listens, [IP]:PORT")
	f.StringVar(&o.Namespace, "namespace", "", "the application's namespace (default \"default\")")
	f.StringVar(&o.Policy, "policy", "", "the application's AccessPolicy, and the name of what is printed (default app)")
	f.StringVar(&o.SystemNamespace, "system-namespace", "", "Ostiary's namespace (default ostiary-system)")
	f.StringVar(&o.Gateway, "gateway", "", "the Gateway that serves the hosts, NAMESPACE/NAME (default \"gateway\" of the application's namespace)")
	f.StringVar(&o.LuaPath, "lua-path", "", "where HAProxy finds the script (default /etc/haproxy/ostiary.lua)")
	f.BoolVar(&o.DefaultServer, "default-server", false, "nginx, caddy: refuse all other hosts at the address as well; for one file of an address")
	f.BoolVar(&o.ClientCertificates, "client-certificates", false, "nginx, haproxy, caddy: tell Ostiary which client certificate the proxy verified, for rules with certificate")
	f.DurationVar(&o.MaxStreamDuration, "max-stream-duration", 0,
		"envoy: end each answer of the application after this time, event streams and WebSockets as well (default: never)")
	command.OneOf(c, "identity-headers", "default", "cloudflare")
}

func names() (out []string) {
	for _, p := range proxies {
		out = append(out, p.Name)
	}
	return out
}

// described are the names with what completion shows beside them.
func described() (out []string) {
	for _, p := range proxies {
		out = append(out, p.Name+"\t"+p.Summary)
	}
	return out
}

// list says which proxies there are, and their modes.
func list() string {
	var b strings.Builder
	b.WriteString("Proxies:\n")
	for _, p := range proxies {
		fmt.Fprintf(&b, "  %-14s %s\n", p.Name, p.Summary)
		for i, m := range p.Modes {
			note := ""
			if i == 0 {
				note = " (default)"
			}
			fmt.Fprintf(&b, "  %-14s   --mode %s%s\n", "", m, note)
		}
	}
	return b.String()
}
