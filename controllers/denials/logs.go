// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry/decisionlog"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/installation"
)

// Logs say which decision logs are read: those of files, or of all Pods of an installation.
type Logs struct {
	// Kubeconfig and Installation, its namespace, say which one; "": the only one.
	Kubeconfig   cluster.Kubeconfig
	Installation string
	// Files are read in place of a cluster; "-" is Stdin.
	Files []string
	// Since leaves out what is older. Zero: nothing.
	Since time.Time
	// Stdin is that of the command, and Notes is told what cannot be read.
	Stdin io.Reader
	Notes io.Writer
}

const (
	stdin = "-"
	hint  = "%w (for files in place of a cluster: --log FILE)"
)

// A Summary is what was read.
type Summary struct {
	// Where names what was read: "the logs of 2 Pods in ostiary-system".
	Where string
	// Lines were read, and Skipped could not be.
	Lines, Skipped int64
	// Failed: some logs could not be read, as Notes was told.
	Failed bool
}

// Read hands over the lines of the decision log that are wanted, by time, and with follow
// those that come from then on, until ctx is done.
func (l *Logs) Read(ctx context.Context, follow bool, wants func(*decisionlog.Entry) bool, each func(*decisionlog.Entry) error) (
	Summary, error,
) {
	find, where, err := l.finder(ctx, follow)
	if err != nil {
		return Summary{}, err
	}
	var mu sync.Mutex
	told := map[string]bool{}
	s := Summary{Where: where}
	note := func(what string, err error) {
		mu.Lock()
		defer mu.Unlock()
		if s.Failed = true; !told[what] {
			told[what] = true
			fmt.Fprintf(l.Notes, "note: %s cannot be read: %s\n", policy.Line(what), policy.Line(err.Error()))
		}
	}
	r := &reading{
		wants:  func(e *decisionlog.Entry) bool { return !e.Time.Before(l.Since) && wants(e) },
		each:   each,
		failed: func(s source, err error) { note(s.String(), err) },
	}
	all, err := find(ctx)
	if err == nil {
		err = r.past(ctx, all)
	}
	if err == nil && follow {
		err = r.live(ctx, func(ctx context.Context) ([]source, bool) {
			all, err := find(ctx)
			if err != nil && ctx.Err() == nil {
				note("the list of Pods", err)
			}
			return all, len(l.Files) > 0
		})
	}
	s.Lines, s.Skipped = r.read.Load(), r.skipped.Load()
	return s, err
}

// finder returns what finds the logs, and where that is, in words.
func (l *Logs) finder(ctx context.Context, follow bool) (find func(context.Context) ([]source, error), where string, err error) {
	if len(l.Files) > 0 {
		var all []source
		for _, name := range l.Files {
			if name == stdin {
				all = append(all, &stream{Reader: l.Stdin, waits: follow})
			} else {
				all = append(all, &file{name: name})
			}
		}
		return func(context.Context) ([]source, error) { return unended(all), nil }, strings.Join(l.Files, ", "), nil
	}
	config, err := l.Kubeconfig.RESTConfig()
	if err != nil {
		return nil, "", fmt.Errorf(hint, err)
	}
	namespace, err := l.namespace(ctx, config)
	if err != nil {
		return nil, "", err
	}
	c, err := typedcorev1.NewForConfig(config)
	if err != nil {
		return nil, "", err
	}
	p := &pods{client: c.Pods(namespace), namespace: namespace, since: l.Since}
	all, err := p.find(ctx)
	switch {
	case apierrors.IsForbidden(err):
		return nil, "", fmt.Errorf("%w (it takes the rights to list pods and to get pods/log there)", err)
	case err != nil:
		return nil, "", fmt.Errorf(hint, err)
	case len(all) == 0:
		return nil, "", fmt.Errorf("no Pod of Ostiary runs in namespace %s: none has the label %s", namespace, podLabel)
	}
	return p.find, fmt.Sprintf("the logs of the Pods in namespace %s", namespace), nil
}

// unended leaves out what is over and done with.
func unended(all []source) (out []source) {
	for _, s := range all {
		if in, ok := s.(*stream); !ok || !in.ended.Load() {
			out = append(out, s)
		}
	}
	return out
}

// namespace is that of the installation.
func (l *Logs) namespace(ctx context.Context, config *rest.Config) (string, error) {
	if l.Installation != "" {
		return l.Installation, nil
	}
	c, err := client.New(config, client.Options{Scheme: cluster.Scheme()})
	if err != nil {
		return "", fmt.Errorf(hint, fmt.Errorf("no cluster to talk to: %w", err))
	}
	in, _, err := installation.Find(ctx, c, "")
	if err != nil {
		return "", fmt.Errorf(hint, err)
	}
	if in.Namespace == "" {
		return "", command.Failed(errors.New("where Ostiary runs is not known: its ConfigMap " + installation.SettingsName +
			" is not there, or may not be read. Name the namespace, by --installation NAMESPACE"))
	}
	return in.Namespace, nil
}
