// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
)

// ParseGrants reads grants of the form HOST=NAMESPACE[,NAMESPACE...].
func ParseGrants(specs []string) ([]Grant, error) {
	var out []Grant
	for _, s := range specs {
		host, namespaces, ok := strings.Cut(s, "=")
		if problem := checkHost(host); !ok || problem != "" || namespaces == "" {
			if problem == "" {
				problem = "write HOST=NAMESPACE, as in *.example.com=shop"
			}
			return nil, fmt.Errorf("%q: %s", s, problem)
		}
		for ns := range strings.SplitSeq(namespaces, ",") {
			if ns == "" {
				return nil, fmt.Errorf("%q: a namespace is empty", s)
			}
			out = append(out, Grant{Host: host, Namespace: ns})
		}
	}
	return out, nil
}
