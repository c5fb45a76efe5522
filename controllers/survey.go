// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/controllers/manifests"
	"github.com/ostiary/ostiary/controllers/review"
)

// A Finding is what is wrong with something.
type Finding struct{ About, Says string }

// A Survey is what is wrong with policies, and which routes nothing protects. Unknown is what
// is not known; empty: nothing.
type Survey struct {
	Problems, Gaps []Finding
	Unknown        string
}

// problems are those of the files that were read last, and where policies stand there.
type problems struct {
	mu     sync.Mutex
	all    []manifests.Problem
	places map[string]string // of policies, by name
}

func (p *problems) setPlaces(places map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.places = places
}

// Where says where a policy comes from, "namespace/name"; empty: that is not known.
func (f *Feeder) Where(policy string) string {
	if len(f.policies) == 0 {
		return "AccessPolicy " + policy + " of the cluster"
	}
	f.found.mu.Lock()
	defer f.found.mu.Unlock()
	return f.found.places[policy]
}

func (p *problems) set(all []manifests.Problem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = all
}

func (p *problems) findings() (out []Finding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.all {
		out = append(out, Finding{fmt.Sprintf("%s:%d", one.File, one.Line), one.Object + " " + one.Field + ": " + one.Message})
	}
	return out
}

// Survey says what is wrong now: of files, what was found in them; of a cluster, what the
// statuses of its policies say.
func (f *Feeder) Survey(ctx context.Context) Survey {
	if len(f.policies) > 0 {
		return Survey{Problems: f.found.findings(), Unknown: "Which routes nothing protects is not known of files: see ostiary audit."}
	}
	list, err := f.listPolicies(ctx)
	if err != nil {
		return Survey{Unknown: "The statuses of the policies could not be read: " + err.Error()}
	}
	var out Survey
	for i := range list.Items {
		out.add(&list.Items[i])
	}
	return out
}

func (f *Feeder) listPolicies(ctx context.Context) (list v1alpha1.AccessPolicyList, err error) {
	ctx, cancel := context.WithTimeout(ctx, surveyTime)
	defer cancel()
	config, err := cluster.Kubeconfig{Path: f.kubeconfig}.RESTConfig()
	if err != nil {
		return list, err
	}
	reader, err := client.New(config, client.Options{Scheme: cluster.Scheme()})
	if err != nil {
		return list, err
	}
	return list, reader.List(ctx, &list)
}

const surveyTime = 5 * time.Second

// add notes the conditions of a policy that are not as they should be.
func (s *Survey) add(p *v1alpha1.AccessPolicy) {
	about := "AccessPolicy " + p.Namespace + "/" + p.Name
	for _, c := range p.Status.Conditions {
		bad := metav1.ConditionFalse
		if c.Type == v1alpha1.ConditionDegraded {
			bad = metav1.ConditionTrue
		}
		if c.Status != bad {
			continue
		}
		one := Finding{about, c.Type + "=" + string(c.Status) + ", " + c.Reason + ": " + c.Message}
		if c.Type == v1alpha1.ConditionCovered || c.Type == v1alpha1.ConditionRouted {
			s.Gaps = append(s.Gaps, one)
		} else {
			s.Problems = append(s.Problems, one)
		}
	}
}

// Diff says what changes where the policies of a text take the place of those in force.
func (f *Feeder) Diff(sessions time.Duration) func(context.Context, []byte) (string, error) {
	base := review.Base{Paths: f.policies, Terms: f.on, SessionDuration: sessions, Source: feed.Source{Kubeconfig: cluster.Kubeconfig{Path: f.kubeconfig}}}
	base.Source.In(cluster.Namespace())
	return base.Propose
}
