// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// Unapplied says which Ingresses a plan guards whose proxies were not told: for who
// looks from outside, as nobody knows whether a controller runs. A controller has
// the moment between two writes in which all are so.
func Unapplied(w routes.Snapshot, s routes.Settings, bindings []routes.Binding, annotations map[routes.Ref]map[string]string) []routes.Finding {
	x := routes.Read(w, s)
	bound := map[routes.Ref]routes.Binding{}
	for _, b := range bindings {
		bound[b.Route] = b
	}
	var out []routes.Finding
	for _, ing := range w.Ingresses {
		ref := routes.Ref{Kind: "Ingress"}
		ref.Namespace, ref.Name = ing.Namespace, ing.Name
		b := bound[ref]
		if !b.Guarded || len(annotations[ref]) == 0 || family.Of(x.RouteOf(ing).Class).Question(x, x.RouteOf(ing)) == routes.AsksUs {
			continue
		}
		f := routes.Finding{Object: ref, Policy: b.Policy, Reason: routes.NotApplied,
			Message: fmt.Sprintf("%s is opted in, but it is not protected: its proxy was not told to send auth requests to Ostiary. Look whether `ostiary serve` runs in the cluster, and whether it may write this Ingress (its log and the policy's condition Routed say).", ref)}
		if len(b.Hosts) == 0 {
			out = append(out, f)
		}
		for _, f.Host = range b.Hosts {
			out = append(out, f)
		}
	}
	return out
}
