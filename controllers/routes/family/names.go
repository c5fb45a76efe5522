// SPDX-License-Identifier: Apache-2.0

package family

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// prefix begins the names of all that stands beside applications: there, the names
// of our Services mean nothing.
const ownPrefix = "ostiary-"

// Longest names: a Service's is a DNS label, most others are DNS subdomains.
const (
	LabelMax     = 63
	subdomainMax = 253
)

// digest is short, and the same for the same parts only.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:5])
}

// shortened returns a name that fits, and is no other's.
func shortened(name string, limit int) string {
	if len(name) <= limit {
		return name
	}
	return strings.TrimRight(name[:limit-11], "-.") + "-" + digest(name)
}

// serviceName names a Service after an Ingress, whose name may hold dots.
func serviceName(kind, ingress string) string {
	name := ownPrefix + kind + "-" + ingress
	if label := strings.ReplaceAll(name, ".", "-"); label != name {
		name = label[:min(len(label), LabelMax-11)] + "-" + digest(ingress)
	}
	return shortened(name, LabelMax)
}

// besideName names what stands in the namespace of the route that it is for.
func besideName(kind, route string) string {
	return shortened(ownPrefix+kind+"-"+route, subdomainMax)
}

// CentralName names what stands in our namespace for a route of another. No
// namespace has a dot in it, so that no two routes share a name.
func CentralName(kind, namespace, route string) string {
	return shortened(ownPrefix+kind+"."+namespace+"."+route, subdomainMax)
}

// HostName names what is for a host and a class.
func HostName(kind, host string, more ...string) string {
	readable := strings.ReplaceAll(host, "*", "any")
	return shortened(ownPrefix+kind+"."+readable, subdomainMax-11) + "-" + digest(append([]string{host}, more...)...)
}
