// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/command"
)

// Command is `ostiary token`.
func Command() *cobra.Command {
	c := command.New(&cobra.Command{
		Use: "token COMMAND", Short: "Make service tokens for policies in files",
		Long: "Make service tokens for policies in files. In a cluster, create a ServiceToken instead: Ostiary makes its Secret.",
		Args: command.NoArguments,
	}, "")
	c.AddCommand(createCommand())
	return c
}

func createCommand() *cobra.Command {
	var namespace, duration string
	c := command.New(&cobra.Command{
		Use: "create NAME [flags]", Short: "Print a ServiceToken and the Secret of its credential",
		Long: "Print two manifests: a ServiceToken, which has a hash and goes to the policies, and a Secret, which has the\n" +
			"client ID and the secret and goes to the machine that uses them. Nothing is written, and no cluster is asked.",
		Example: `  ostiary token create ci -n shop > ci.yaml
  ostiary token create nightly --duration 2160h`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return command.Mistake("name one token, as in: ostiary token create ci -n shop")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return create(c.OutOrStdout(), namespace, args[0], duration, time.Now())
		},
	}, "")
	c.Flags().StringVarP(&namespace, "namespace", "n", "default", "the namespace of the token, whose policies can admit it")
	c.Flags().StringVar(&duration, "duration", "8760h", "how long the token is good, from now on: 1h to 87600h")
	return c
}

// create writes the manifests of a new token.
func create(w io.Writer, namespace, name, duration string, now time.Time) error {
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return command.Mistake("%q: %s", name, problems[0])
	}
	if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
		return command.Mistake("--namespace %q: %s", namespace, problems[0])
	}
	if d, err := time.ParseDuration(duration); err != nil || d < time.Hour || d > 87600*time.Hour {
		return command.Mistake("--duration %q: 1h to 87600h, such as 8760h", duration)
	}
	o := &v1alpha1.ServiceToken{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ServiceToken"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.ServiceTokenSpec{Duration: v1alpha1.TokenDuration(duration)},
	}
	secret := renew(o, notIssued, now)
	kept := newSecretObject(o, secret)
	kept.TypeMeta = metav1.TypeMeta{APIVersion: corev1.SchemeGroupVersion.String(), Kind: "Secret"}
	kept.Labels = nil
	first, err := yaml.Marshal(o)
	if err != nil {
		return err
	}
	second, err := yaml.Marshal(kept)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "# The token, for the files of policies. It has a hash of the secret.\n%s---\n"+
		"# The credential, for the machine that uses it. Ostiary does not need it.\n%s", first, second)
	return err
}
