// SPDX-License-Identifier: Apache-2.0

// Command ostiary answers an ingress proxy's question about every request:
// allow, sign in first, refuse, or these are the CORS headers of the preflight.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/explain"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers"
	"github.com/ostiary/ostiary/controllers/source"
)

// Set when a release is built.
var (
	version = "dev"
	commit  = ""
)

// Exit codes: every command uses them alike.
const (
	exitOK    = 0
	exitNo    = 1 // denied, or something is wrong with the manifests
	exitUsage = 2
)

const usage = `ostiary protects applications behind an ingress proxy, CORS preflights included.

Usage:
  ostiary serve [--policies PATH...]      decide for proxies, by the cluster's policies or by files
  ostiary explain METHOD URL [-H 'name: value'...] [--as EMAIL[,GROUP...]] [--policies PATH...]
                                          what would be decided about a request, and why
  ostiary check PATH...                   what is wrong with manifests, without a cluster
  ostiary version                         which build this is

Run 'ostiary COMMAND --help' for the flags of a command.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	commands := map[string]func(context.Context, []string, io.Writer, io.Writer) (int, error){
		"serve": serve, "explain": explainCommand, "check": check, "version": versionCommand,
	}
	if len(args) == 0 || args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		fmt.Fprint(stdout, usage)
		if len(args) == 0 {
			return exitUsage
		}
		return exitOK
	}
	command, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(stderr, "ostiary: there is no command %q\n\n%s", args[0], usage)
		return exitUsage
	}
	code, err := command(ctx, args[1:], stdout, stderr)
	if errors.Is(err, pflag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "ostiary %s: %v\n", args[0], err)
	}
	return code
}

func newFlags(command, synopsis string, stdout io.Writer) *pflag.FlagSet {
	f := pflag.NewFlagSet(command, pflag.ContinueOnError)
	f.SetOutput(stdout)
	f.SortFlags = false
	f.Usage = func() {
		fmt.Fprintf(stdout, "Usage:\n  ostiary %s\n\nFlags:\n%s", synopsis, f.FlagUsages())
	}
	return f
}

func serve(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	var o serveOptions
	f := newFlags("serve", "serve [--policies PATH...] [flags]", stdout)
	o.add(f)
	if err := f.Parse(args); err != nil {
		return exitUsage, err
	}
	if f.NArg() > 0 && len(o.policies) == 0 {
		return exitUsage, fmt.Errorf("%q is no flag; for files, write --policies %s", f.Arg(0), f.Arg(0))
	}
	o.policies = append(o.policies, f.Args()...)
	s, err := o.build(stderr)
	if err != nil {
		return exitUsage, err
	}
	feed := s.feedFromCluster
	if len(o.policies) > 0 {
		feed = s.feedFromFiles
	}
	if err := s.run(ctx, feed); err != nil {
		return exitNo, err
	}
	return exitOK, nil
}

func explainCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	f := newFlags("explain", "explain METHOD URL [flags]   (exit code: 0 allowed, 1 denied, 2 usage)", stdout)
	headers := f.StringArrayP("header", "H", nil, "a header of the request, 'name: value'; repeatable")
	as := f.StringSlice("as", nil, "who is signed in: EMAIL[,GROUP...]; left out: nobody")
	ip := f.String("ip", "", "the client's address; left out: not known")
	policies := f.StringSlice("policies", nil, "files and folders of manifests; left out: the cluster of the current kubeconfig")
	output := f.StringP("output", "o", "text", "text or json")
	pathPrefix := f.String("path-prefix", "/.access", "our own path on every host")
	grants := f.StringArray("host-grants", nil, "HOST=NAMESPACE[,NAMESPACE...] that may claim a host of another namespace; repeatable")
	kubeconfig := f.String("kubeconfig", "", "the kubeconfig to use; left out: $KUBECONFIG, or in-cluster")
	if err := f.Parse(args); err != nil {
		return exitUsage, err
	}
	if f.NArg() < 2 || f.NArg() > 2 && len(*policies) == 0 {
		return exitUsage, errors.New("name a method and a URL, as in: ostiary explain GET https://app.example.com/")
	}
	if *output != "text" && *output != "json" {
		return exitUsage, fmt.Errorf("--output %q: text or json", *output)
	}
	q := explain.Question{Method: f.Arg(0), URL: f.Arg(1), Headers: *headers, As: *as, Now: time.Now()}
	if *ip != "" {
		var err error
		if q.Address, err = netip.ParseAddr(*ip); err != nil {
			return exitUsage, fmt.Errorf("--ip: %w", err)
		}
		q.Address = q.Address.Unmap()
	}
	table, err := tableFrom(ctx, append(*policies, f.Args()[2:]...), *kubeconfig, *grants, stderr)
	if err != nil {
		return exitUsage, err
	}
	pages := &dialect.Pages{Scheme: strings.SplitN(q.URL, ":", 2)[0], PathPrefix: *pathPrefix, HTML: func(dialect.PageView) []byte { return nil }}
	report, err := explain.Ask(table, dialect.Browser{Pages: pages}, q)
	if err != nil {
		return exitUsage, err
	}
	if *output == "json" {
		e := json.NewEncoder(stdout)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		err = e.Encode(report)
	} else {
		err = report.Text(stdout)
	}
	if !report.Allowed() {
		return exitNo, err
	}
	return exitOK, err
}

// tableFrom builds the table that would be in force.
func tableFrom(ctx context.Context, paths []string, kubeconfig string, grants []string, stderr io.Writer) (*policy.Table, error) {
	granted, err := policy.ParseGrants(grants)
	if err != nil {
		return nil, fmt.Errorf("--host-grants: %w", err)
	}
	if len(paths) > 0 {
		loader, err := source.NewLoader(paths)
		if err != nil {
			return nil, err
		}
		table, problems := loader.Load().Build(granted...)
		for _, p := range problems {
			fmt.Fprintln(stderr, p)
		}
		return table, nil
	}
	policies, err := controllers.Fetch(ctx, kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("%w (for files instead of a cluster: --policies PATH)", err)
	}
	table, _ := policy.Build(policies, granted...)
	return table, nil
}

func check(_ context.Context, args []string, stdout, _ io.Writer) (int, error) {
	f := newFlags("check", "check PATH...   (exit code: 0 valid, 1 not, 2 usage)", stdout)
	output := f.StringP("output", "o", "text", "text or json")
	grants := f.StringArray("host-grants", nil, "HOST=NAMESPACE[,NAMESPACE...] that may claim a host of another namespace; repeatable")
	if err := f.Parse(args); err != nil {
		return exitUsage, err
	}
	granted, err := policy.ParseGrants(*grants)
	if err != nil {
		return exitUsage, fmt.Errorf("--host-grants: %w", err)
	}
	loader, err := source.NewLoader(f.Args())
	if err != nil {
		return exitUsage, err
	}
	set := loader.Load()
	_, problems := set.Build(granted...)
	code := exitOK
	for _, p := range problems {
		if !p.Warning {
			code = exitNo
		}
		if *output != "json" {
			fmt.Fprintln(stdout, p)
		}
	}
	if *output == "json" {
		return code, json.NewEncoder(stdout).Encode(map[string]any{"policies": len(set.Policies), "problems": problems})
	}
	if code == exitOK {
		fmt.Fprintf(stdout, "%d policies, all valid\n", len(set.Policies))
	}
	return code, nil
}

func versionCommand(_ context.Context, _ []string, stdout, _ io.Writer) (int, error) {
	c := commit
	if info, ok := debug.ReadBuildInfo(); ok && c == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				c = s.Value
			}
		}
	}
	if c == "" {
		c = "unknown"
	}
	_, err := fmt.Fprintf(stdout, "ostiary %s\ncommit %s\n%s %s/%s\n", version, c, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitOK, err
}
