// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/authserver/command"
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

// Release takes back all that opt-ins led to, whatever names a policy: for who
// uninstalls. Nothing asks about any request then. A controller that still runs
// would write it again.
func Release(ctx context.Context, config *rest.Config) error {
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

// DetachCommand is `ostiary detach`: Release, which has to be told that it is meant,
// as applications are open afterwards.
func DetachCommand() *cobra.Command {
	var yes bool
	var kubeconfig cluster.Kubeconfig
	c := command.New(&cobra.Command{
		Use: "detach --yes [flags]", Short: "Remove what Ostiary wrote to routes, before an uninstall",
		Long: "Remove everything that Ostiary wrote to routes that name a policy. Stop the controller first, or it writes all of\n" +
			"it again. The applications are unprotected afterwards.",
		Example: `  kubectl -n ostiary-system scale deployment/ostiary --replicas=0
  ostiary detach --yes`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 || !yes {
				return command.Mistake("it leaves every application open that names a policy: write --yes, and stop the controller first, or it writes all of it again")
			}
			config, err := kubeconfig.RESTConfig()
			if err != nil {
				return err
			}
			return Release(c.Context(), config)
		},
	}, "0 all is taken back, 2 not")
	f := c.Flags()
	f.BoolVar(&yes, "yes", false, "confirm that the applications of these routes become unprotected")
	kubeconfig.Add(f, "")
	return command.Renamed(c, "release")
}
