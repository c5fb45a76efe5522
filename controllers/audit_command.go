// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/pflag"
)

// AuditCommand is Audit as a command line: PATH..., or the cluster, and its flags,
// which it adds to f. It returns whether nothing was found; the error is for a
// mistake in using it, or for what cannot be looked at.
func AuditCommand(ctx context.Context, f *pflag.FlagSet, args []string, stdin io.Reader, stdout io.Writer) (clean bool, err error) {
	var o AuditOptions
	output := f.StringP("output", "o", "text", "text or json")
	f.StringVar(&o.Kubeconfig, "kubeconfig", "", "the kubeconfig to use; left out: $KUBECONFIG, or in-cluster")
	f.StringVar(&o.Authz, "authz-service", "", "NAMESPACE/NAME of the Service of the authz listener; left out: the one with its labels, or "+defaultAuthz)
	f.StringVar(&o.AuthzURL, "authz-url", "", "where proxies reach the authz listener; left out: by the name of its Service")
	namespace := f.StringP("namespace", "n", "default", "files: the namespace of manifests that name none")
	if err := f.Parse(args); err != nil {
		return false, err
	}
	if *output != "text" && *output != "json" {
		return false, fmt.Errorf("--output %q: text or json", *output)
	}
	var r AuditReport
	if f.NArg() > 0 {
		r, err = AuditFiles(f.Args(), stdin, *namespace, o)
	} else if r, err = Audit(ctx, o); err != nil {
		err = fmt.Errorf("%w (for files instead of a cluster: ostiary audit PATH...)", err)
	}
	if err != nil {
		return false, err
	}
	if err := r.Write(stdout, *output); err != nil {
		return false, err
	}
	if r.Blind {
		return false, errBlind
	}
	return len(r.Findings) == 0, nil
}
