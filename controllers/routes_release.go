// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/plan"
)

// A liveReader reads the API server, past all caches, with all rights that it takes.
type liveReader struct{ client.Client }

var _ cluster.Reader = liveReader{}

func (l liveReader) Served() map[string]bool {
	served, err := cluster.Served(l.RESTMapper())
	if err != nil {
		return map[string]bool{} // what is asked for next fails, too
	}
	return served
}

func (liveReader) Refused() []schema.GroupKind { return nil }

func (l liveReader) Reads(k schema.GroupVersionKind) bool {
	_, err := l.RESTMapper().RESTMapping(k.GroupKind(), k.Version)
	return !meta.IsNoMatchError(err)
}

// ReleaseRoutes takes back all that opt-ins led to, whatever names a policy: for who
// uninstalls. Nothing asks about any request then. A controller that still runs
// would write it again.
func ReleaseRoutes(ctx context.Context, config *rest.Config) error {
	c, err := client.New(config, client.Options{Scheme: cluster.Scheme()})
	if err != nil {
		return fmt.Errorf("no cluster to talk to: %w", err)
	}
	world, notLooked, err := cluster.Snapshot(ctx, c, liveReader{c}.Served(), routes.Settings{ServicePrefix: "ostiary"})
	if err != nil {
		return err
	}
	owned, err := listOwned(ctx, liveReader{c})
	if err != nil {
		return err
	}
	a := applier{client: c, live: c}
	did, err := a.run(ctx, carriedOut{world: &world, plan: &plan.Plan{}, owned: owned, release: true})
	errs := []error{err}
	for _, f := range did.findings {
		errs = append(errs, errors.New(f.Message))
	}
	for _, what := range notLooked {
		errs = append(errs, fmt.Errorf("what is there cannot be seen: %s", what))
	}
	return errors.Join(errs...)
}

// ReleaseCommand is ReleaseRoutes as a command line, which has to say that it is
// meant: applications are open afterwards. It adds its flags to f.
func ReleaseCommand(ctx context.Context, f *pflag.FlagSet, args []string) error {
	yes := f.Bool("yes", false, "applications that were guarded by the annotation are open afterwards: that is meant")
	kubeconfig := f.String("kubeconfig", "", "the kubeconfig to use; left out: $KUBECONFIG, or in-cluster")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 || !*yes {
		return errors.New("it leaves every application open that names a policy: write --yes, and stop the controller first, or it writes all of it again")
	}
	config, err := cluster.RESTConfig(*kubeconfig)
	if err != nil {
		return err
	}
	return ReleaseRoutes(ctx, config)
}
