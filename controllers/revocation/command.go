// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/manifests/revoke"
	"github.com/ostiary/ostiary/controllers/translate"
)

// flags are the command line of revoke.
type flags struct {
	cluster.Kubeconfig
	provider, client, policy, before, output, keys string
	timeout                                        time.Duration
	dryRun                                         bool
}

// owner is the manager of the fields that the command writes.
const owner = "ostiary-revoke"

// Command is `ostiary revoke`.
func Command() *cobra.Command {
	var o flags
	c := command.New(&cobra.Command{
		Use: "revoke [USER] [flags]", Short: "End all sessions of a user, or what a client may do for people",
		Long: "Void every session of a user that began before now, or before a time, on every application. USER is an email\n" +
			"address, the name at applications, or the ID that the identity provider knows. Writes a SessionRevocation, and\n" +
			"waits until Ostiary says that it is in force. Who wrote one that reaches as far may do so again: nothing changes.\n\n" +
			"With --client, it ends what that OAuth client, such as an agent, was let do by USER, and no session. Without USER, by\n" +
			"everybody. People can let it act anew.",
		Example: `  ostiary revoke mallory@example.com
  ostiary revoke 248289761001 --identity-provider corp --before 2026-11-28T12:00:00Z
  ostiary revoke mallory@example.com --keys /var/lib/ostiary/keys
  ostiary revoke mallory@example.com --client https://agent.example.net/client.json
  ostiary revoke --client notes-cli --policy shop/notes`,
		RunE: func(c *cobra.Command, args []string) error {
			before, err := o.check(args, time.Now())
			if err != nil {
				return err
			}
			what := policy.Revocation{Provider: o.provider, User: strings.Join(args, ""), Client: o.client, Policy: o.policy, Before: before}
			r := resultOf(&what, o.dryRun)
			if o.keys != "" {
				err = r.file(c.Context(), o.keys, what)
			} else {
				err = o.cluster(c.Context(), r, what)
			}
			if err != nil {
				return err
			}
			if err := r.write(c.OutOrStdout(), o.output); err != nil {
				return err
			}
			return command.Answer(r.Enforced || o.timeout == 0 || o.dryRun || o.keys != "")
		},
	}, "0 they are void, 1 written, but nobody said in time that it is in force, 2 usage, or it could not be written")
	f := c.Flags()
	f.StringVar(&o.provider, "identity-provider", "",
		"the identity provider that knows USER as its ID (default: everybody with that ID, name or address)")
	f.StringVar(&o.client, "client", "", "end what this client may do for USER or for everybody, by its client_id")
	f.StringVar(&o.policy, "policy", "", "with --client: at the application of this policy alone, as NAMESPACE/NAME")
	f.StringVar(&o.before, "before", "", "when (RFC 3339): who signed in earlier has to sign in again (default: now)")
	f.DurationVar(&o.timeout, "timeout", 30*time.Second, "how long to wait until it is in force; 0: not at all")
	f.BoolVar(&o.dryRun, "dry-run", false, "have the API server check it, and write nothing")
	f.StringVarP(&o.output, "output", "o", "text", "text or json")
	f.StringVar(&o.keys, "keys", "", "in place of a cluster, the folder of serve's --keys: it is written to a file in it")
	o.Add(f, "")
	command.OneOf(c, "output", "text", "json")
	return c
}

func (o *flags) check(args []string, now time.Time) (before time.Time, err error) {
	if err := o.checkWhom(args); err != nil {
		return before, err
	}
	switch {
	case o.output != "text" && o.output != "json":
		return before, command.Mistake("--output %q: text or json", o.output)
	case o.timeout < 0:
		return before, command.Mistake("--timeout %s: how long, such as 30s", o.timeout)
	case o.keys != "" && o.dryRun:
		return before, command.Mistake("--dry-run asks the API server, and --keys is for where there is none")
	case o.before == "" && o.client != "":
		return now.Truncate(time.Millisecond).Add(time.Millisecond), nil // consents have milliseconds
	case o.before == "":
		return now.Truncate(time.Second).Add(time.Second), nil // a session of this very second is meant, too
	}
	if before, err = time.Parse(time.RFC3339, o.before); err != nil {
		return before, command.Mistake("--before %q: write a time in RFC 3339 notation, such as 2026-01-31T12:00:00Z", o.before)
	}
	return before, nil
}

// checkWhom refuses what says neither a user nor a client, or only seems to.
func (o *flags) checkWhom(args []string) error {
	switch {
	case len(args) > 1 || len(args) == 0 && o.client == "":
		return command.Mistake("name one user, as in: ostiary revoke mallory@example.com")
	case len(args) == 1 && args[0] == "":
		return command.Mistake("the user is empty: with --client, leave it out to mean everybody")
	case o.client != "" && !policy.IsClientID(o.client):
		return command.Mistake("--client %.40q: 1 to 512 printable characters of ASCII, without blanks", o.client)
	case o.policy != "" && o.client == "":
		return command.Mistake("--policy is for --client: spec.session.revokedBefore of a policy ends all sessions at its application")
	case o.policy != "" && !translate.IsPolicyName(o.policy):
		return command.Mistake("--policy %.40q: write NAMESPACE/NAME, such as shop/notes", o.policy)
	}
	return nil
}

// A result is what the command prints. As JSON it is of a version, in which what is there
// keeps its meaning.
type result struct {
	Version  int    `json:"version"`
	Name     string `json:"name"`
	User     string `json:"user"` // empty: everybody, of Client
	Provider string `json:"identityProvider,omitempty"`
	Client   string `json:"client,omitempty"`
	Policy   string `json:"policy,omitempty"`
	Before   string `json:"before"`
	DryRun   bool   `json:"dryRun,omitempty"`
	// Existed: one that reaches as far was there already.
	Existed bool `json:"existed"`
	// Enforced: the leader says so.
	Enforced bool   `json:"enforced"`
	Message  string `json:"message"`
}

func resultOf(what *policy.Revocation, dryRun bool) *result {
	return &result{Version: 1, User: what.User, Provider: what.Provider, Client: what.Client, Policy: what.Policy,
		Before: what.Before.UTC().Format(time.RFC3339Nano), DryRun: dryRun}
}

const (
	notYet   = "written, but nobody said yet that it is in force: Ostiary is not running, may not write statuses, or is of an older version"
	notAsked = "written; every replica heeds it as soon as it hears of it"
)

// file writes a revocation where every process that reads the folder sees it.
func (r *result) file(ctx context.Context, keys string, what policy.Revocation) error {
	dir, void, err := revoke.Revocations(keys)
	if err == nil {
		err = void(ctx, what)
	}
	r.Name = translate.SignedOut(what).Name
	r.Message = "written to " + dir + "; every process that reads it heeds it within a second"
	return err
}

// cluster writes a revocation into a cluster, and waits for it.
func (o *flags) cluster(ctx context.Context, r *result, what policy.Revocation) error {
	config, err := o.RESTConfig()
	if err != nil {
		return err
	}
	c, err := client.New(config, client.Options{Scheme: cluster.Scheme()})
	if err != nil {
		return fmt.Errorf("no cluster to talk to: %w", err)
	}
	if err := known(ctx, c, o.provider); err != nil {
		return err
	}
	object := translate.SignedOut(what)
	r.Name = object.Name
	if r.Existed, err = put(ctx, c, object, what, o.dryRun); err != nil {
		return err
	}
	switch {
	case o.dryRun:
		r.Message = "nothing was written: the API server would take it"
		return nil
	case o.timeout == 0:
		r.Message = notAsked
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	r.Message, err = wait(ctx, c, object.Name)
	r.Enforced = r.Message != ""
	r.Message = cmp.Or(r.Message, notYet)
	return err
}

// known refuses a provider that is not there, as far as that can be seen.
func known(ctx context.Context, c client.Client, provider string) error {
	if provider == "" {
		return nil
	}
	err := c.Get(ctx, types.NamespacedName{Name: provider}, &v1alpha1.IdentityProvider{})
	if apierrors.IsNotFound(err) {
		return command.Mistake("--identity-provider: there is no IdentityProvider %q", provider)
	}
	return nil
}

// put writes a revocation, unless one is there that reaches as far.
func put(ctx context.Context, c client.Client, o *v1alpha1.SessionRevocation, what policy.Revocation, dryRun bool) (bool, error) {
	var was v1alpha1.SessionRevocation
	if err := c.Get(ctx, client.ObjectKeyFromObject(o), &was); client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("reading SessionRevocation %s: %w", o.Name, err)
	}
	if translate.Reaches(&was, what) {
		return true, nil
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return false, err
	}
	delete(fields, "status")
	options := []client.ApplyOption{client.FieldOwner(owner), client.ForceOwnership}
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	apply := client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: fields})
	if err := c.Apply(ctx, apply, options...); err != nil {
		return false, fmt.Errorf("writing SessionRevocation %s: %w", o.Name, err)
	}
	return false, nil
}

// askEvery is how often it is looked whether a revocation is in force.
const askEvery = 200 * time.Millisecond

// wait returns what the leader says, once it says that the revocation is in force; "": it
// did not in time.
func wait(ctx context.Context, c client.Client, name string) (string, error) {
	for {
		var o v1alpha1.SessionRevocation
		err := c.Get(ctx, types.NamespacedName{Name: name}, &o)
		if err == nil && IsEnforced(&o) {
			return meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionProgrammed).Message, nil
		}
		if err != nil && ctx.Err() == nil {
			return "", fmt.Errorf("SessionRevocation %s is written, but cannot be read: %w", name, err)
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return "", nil
			}
			return "", ctx.Err()
		case <-time.After(askEvery):
		}
	}
}

func (r *result) write(w io.Writer, format string) error {
	if format == "json" {
		return command.WriteJSON(w, r)
	}
	of := ""
	if r.Provider != "" {
		of = " of " + r.Provider
	}
	verb := "are void"
	if r.DryRun {
		verb = "would be void"
	}
	if r.Existed {
		r.Message = "it was there already; " + r.Message
	}
	_, err := fmt.Fprintf(w, "%s of %s%s from before %s %s.\n  SessionRevocation %s: %s\n",
		r.what(), policy.Line(cmp.Or(r.User, "everybody")), policy.Line(of), r.Before, verb, r.Name, policy.Line(r.Message))
	return err
}

// what is void.
func (r *result) what() string {
	switch {
	case r.Client == "":
		return "Sessions"
	case r.Policy == "":
		return "Consents to " + policy.Line(r.Client)
	}
	return "Consents to " + policy.Line(r.Client) + " at " + r.Policy
}
