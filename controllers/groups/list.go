// SPDX-License-Identifier: Apache-2.0

package groups

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/translate"
)

// A List reads the groups of a cluster again and again, and compiles those that changed.
// A nil List has none. It is not for concurrent use.
type List struct{ memo map[types.UID]compiled }

type compiled struct {
	generation int64
	group      *policy.CompiledGroup
}

// Seen says which object a group was made of.
type Seen struct {
	UID        types.UID
	Generation int64
}

// Read returns the groups that there are, and by name what they were made of.
func (l *List) Read(ctx context.Context, r client.Reader) ([]*policy.CompiledGroup, map[string]Seen, error) {
	if l == nil {
		return nil, nil, nil
	}
	var list v1alpha1.AccessGroupList
	if err := r.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil { // they are only read
		return nil, nil, fmt.Errorf("listing AccessGroups: %w", err)
	}
	memo := make(map[types.UID]compiled, len(list.Items))
	out := make([]*policy.CompiledGroup, len(list.Items))
	seen := make(map[string]Seen, len(list.Items))
	for i := range list.Items {
		o := &list.Items[i]
		m, ok := l.memo[o.UID]
		if !ok || m.generation != o.Generation {
			g := translate.Group(o)
			m = compiled{o.Generation, policy.CompileGroup(&g)}
		}
		memo[o.UID], out[i], seen[o.Name] = m, m.group, Seen{o.UID, o.Generation}
	}
	l.memo = memo
	return out, seen, nil
}
