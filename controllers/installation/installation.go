// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/controllers/cluster"
)

// SettingsName is the ConfigMap in which an installation says how it was started, so that
// every command that looks at the cluster judges as it does.
const SettingsName = "ostiary-settings"

// SettingsKey is the key of that ConfigMap that holds them, as JSON.
const SettingsKey = "settings.json"

// SettingsLabels are on it: who may not know its namespace finds it by them.
var SettingsLabels = client.MatchingLabels{"app.kubernetes.io/name": "ostiary", "app.kubernetes.io/component": "settings"}

// Settings are the values of flags of `ostiary serve`, by name, as a command line would
// have them. A flag of a command that has the same name means the same.
type Settings map[string][]string

// unshared are flags that say where a process runs, and not how it decides.
var unshared = []string{"policies", "kubeconfig", "log-level", "leader-elect", "geoip-database", "peers", "help"}

// SettingsOf returns what a command line says of every flag, once it was parsed, defaults
// included: those may be others in the version that reads them.
func SettingsOf(f *pflag.FlagSet) Settings {
	s := Settings{}
	f.VisitAll(func(flag *pflag.Flag) {
		switch {
		case slices.Contains(unshared, flag.Name):
		case flag.Changed:
			s[flag.Name] = valuesOf(f, flag)
		case flag.DefValue != "" && flag.DefValue != "[]":
			s[flag.Name] = []string{flag.DefValue}
		}
	})
	return s
}

// valuesOf returns what Set takes to give a flag the value that it has.
func valuesOf(f *pflag.FlagSet, flag *pflag.Flag) []string {
	var values []string
	if all, err := f.GetStringToString(flag.Name); err == nil {
		for key, value := range all {
			values = append(values, key+"="+value)
		}
		slices.Sort(values)
	} else if list, ok := flag.Value.(interface{ GetSlice() []string }); ok {
		values = list.GetSlice()
	} else {
		return []string{flag.Value.String()}
	}
	if strings.HasPrefix(flag.Value.Type(), "string") && flag.Value.Type() != "stringArray" {
		return []string{joined(values)} // such a flag reads a line of CSV
	}
	return values
}

func joined(values []string) string {
	if len(values) == 0 {
		return ""
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(values) // a Builder takes all
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// Apply sets the flags that the command line does not.
func (s Settings) Apply(f *pflag.FlagSet) error {
	var errs []error
	f.VisitAll(func(flag *pflag.Flag) {
		if flag.Changed {
			return
		}
		for _, value := range s[flag.Name] {
			if err := f.Set(flag.Name, value); err != nil {
				errs = append(errs, fmt.Errorf("the installation's --%s: %w", flag.Name, err))
			}
		}
	})
	return errors.Join(errs...)
}

// An Installation is one that was found in a cluster. The zero value is none.
type Installation struct {
	Namespace string
	Settings  Settings
}

// Find reads the settings that an installation published: that of the
// namespace, if one is given, or of the one that this process runs in, or the only one.
// Where none can be found the note says so, for people: what is judged then is what the
// flags say.
func Find(ctx context.Context, r client.Reader, namespace string) (in Installation, note string, err error) {
	const without = "the settings of the installation are not known (ConfigMap " + SettingsName + " %s): the flags count, such as --path-prefix, and their defaults"
	for _, at := range slices.Compact([]string{namespace, cluster.OwnNamespace()}) {
		if at == "" {
			continue
		}
		var m corev1.ConfigMap
		switch err := r.Get(ctx, client.ObjectKey{Namespace: at, Name: SettingsName}, &m); {
		case err == nil:
			return readInstallation(&m)
		case namespace != "":
			return Installation{}, fmt.Sprintf(without, "in "+namespace+": "+reasonOf(err)), unlessDenied(err)
		}
	}
	var list corev1.ConfigMapList
	if err := r.List(ctx, &list, SettingsLabels); err != nil {
		return Installation{}, fmt.Sprintf(without, reasonOf(err)), unlessDenied(err)
	}
	list.Items = slices.DeleteFunc(list.Items, func(m corev1.ConfigMap) bool { return m.Name != SettingsName })
	switch n := len(list.Items); {
	case n == 0:
		return Installation{}, fmt.Sprintf(without, "is nowhere"), nil
	case n > 1:
		return Installation{}, "", fmt.Errorf("there are several installations, in the namespaces %s and %s among them: name one, by --installation NAMESPACE", list.Items[0].Namespace, list.Items[1].Namespace)
	}
	return readInstallation(&list.Items[0])
}

// unlessDenied: what may not be read, or is not there, is no failure.
func unlessDenied(err error) error {
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("no cluster to talk to: %w", err)
}

func reasonOf(err error) string {
	if apierrors.IsNotFound(err) {
		return "is not there"
	}
	return "may not be read"
}

func readInstallation(m *corev1.ConfigMap) (Installation, string, error) {
	in := Installation{Namespace: m.Namespace}
	if err := json.Unmarshal([]byte(m.Data[SettingsKey]), &in.Settings); err != nil {
		return Installation{}, "", fmt.Errorf("ConfigMap %s/%s, %s: %w", m.Namespace, m.Name, SettingsKey, err)
	}
	return in, "", nil
}

// AddFlag defines the flag that tells one installation from another.
func AddFlag(f *pflag.FlagSet, into *string) {
	f.StringVar(into, "installation", "", "cluster: the namespace of the installation whose settings apply where no flag is set (default: the namespace of this process, or of the only installation)")
}

// Apply finds the installation of a cluster, and sets the flags of a command
// that its command line does not. The note is for people; "": there is nothing to say.
func Apply(ctx context.Context, f *pflag.FlagSet, kubeconfig cluster.Kubeconfig, namespace string) (in Installation, note string, err error) {
	config, err := kubeconfig.RESTConfig()
	if err != nil {
		return in, "", err
	}
	c, err := client.New(config, client.Options{Scheme: cluster.Scheme()})
	if err != nil {
		return in, "", fmt.Errorf("no cluster to talk to: %w", err)
	}
	if in, note, err = Find(ctx, c, namespace); err != nil {
		return in, "", err
	}
	return in, note, in.Settings.Apply(f)
}
