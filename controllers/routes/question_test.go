// SPDX-License-Identifier: Apache-2.0

package routes_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

var oneTarget = regexp.MustCompile(`^/authz/\$host$`)

// asks is what a route asks under the default settings, unless an address of ours is given.
func asks(us, text string) routes.Question {
	s := routestest.Settings
	if us != "" {
		s.AuthzURL = us
	}
	return routes.Read(routes.Snapshot{}, s).AuthURL(text, oneTarget)
}

// Of every scheme, host, port and path only those that are ours make a question to us; all
// else goes to others, or asks about something else.
func TestAuthURLByItsParts(t *testing.T) {
	schemes := map[string]bool{"http": true, "https": false, "HTTP": false, "tcp": false, "": false, " http": false, "$scheme": false}
	hosts := map[string]bool{
		"ostiary-authz.ostiary": true, "ostiary-authz.ostiary.svc": true, "ostiary-authz.ostiary.svc.cluster.local": true,
		"ostiary-authz.ostiary.svc.cluster.local.": true, "OSTIARY-authz.Ostiary.svc": true,
		"ostiary-authz": false, "ostiary-authz.other": false, "ostiary-public.ostiary": false, "": false, "$host": false, "127.0.0.1": false,
		"ostiary-authz.ostiary.svc.cluster": false, "ostiary-authz.ostiary.example.com": false, "x.ostiary-authz.ostiary": false,
		"me@ostiary-authz.ostiary": false, "ostiary-authz.ostiary..": false, "ostiary-authz.ostiary ": false, "ostiary-authz.ostiary#": false,
	}
	ports := map[string]bool{":9001": true, ":9002": false, "": false, ":": false, ":09001": false, ":9001:80": false,
		":9001@evil.example": false,
		":9001?":             false, ":9001#": false, ":$port": false, ": 9001": false}
	paths := map[string]bool{"/authz/$host": true, "/authz/$http_host": false, "/authz/app.example.com": false, "": false, "/": false,
		"//authz/$host": false, "/authz/$host/": false, "/authz/$host?": false, "/authz/$host#": false, "/x/../authz/$host": false}
	for scheme, ourScheme := range schemes {
		for host, ourHost := range hosts {
			for port, ourPort := range ports {
				for path, ourPath := range paths {
					want := routes.AsksOthers
					if ourScheme && ourHost && ourPort {
						want = routes.AsksWrongly
						if ourPath {
							want = routes.AsksUs
						}
					}
					text := scheme + "://" + host + port + path
					if got := asks("", text); got != want {
						t.Errorf("%q: %d, want %d", text, got, want)
					}
				}
			}
		}
	}
}

// What is no address at all asks somebody else: nothing is taken for ours by half.
func TestAuthURLThatIsNone(t *testing.T) {
	for _, text := range []string{"", "/", "/authz/$host", "//ostiary-authz.ostiary:9001/authz/$host",
		"ostiary-authz.ostiary:9001/authz/$host",
		"http:/ostiary-authz.ostiary:9001/authz/$host", "http:", "http://", "://", "svc://", "svc:///", "svc://ostiary", "$auth_url"} {
		if got := asks("", text); got != routes.AsksOthers {
			t.Errorf("%q: %d", text, got)
		}
	}
}

// haproxy-ingress names a Service: "svc://namespace/name:port/path". It is the same question as
// the address of that Service by http.
func TestAuthURLOfAService(t *testing.T) {
	for _, namespace := range []string{"ostiary", "other", ""} {
		for _, name := range []string{"ostiary-authz", "ostiary-public", "authz", ""} {
			for _, port := range []string{":9001", ":9002", ":authz", ""} {
				for _, path := range []string{"/authz/$host", "/x", ""} {
					svc := "svc://" + namespace + "/" + name + port + path
					plain := "http://" + name + "." + namespace + port + path
					if got, want := asks("", svc), asks("", plain); got != want {
						t.Errorf("%s: %d; %s: %d", svc, got, plain, want)
					}
				}
			}
		}
	}
	if got := asks("", "svc://ostiary/ostiary-authz:9001/authz/$host"); got != routes.AsksUs {
		t.Errorf("our own Service: %d", got)
	}
	if got := asks("https://ostiary-authz.ostiary:9001", "svc://ostiary/ostiary-authz:9001/authz/$host"); got != routes.AsksOthers {
		t.Errorf("svc:// is http, and our listener speaks TLS: %d", got)
	}
}

// An installation may be reached by another address, which then is ours, in any case, with or
// without the dot at its end; the names of its Service stay so.
func TestAuthURLOfOtherSettings(t *testing.T) {
	for _, tc := range []struct {
		us, text string
		want     routes.Question
	}{
		{"https://Auth.Example.com", "https://auth.example.com/authz/$host", routes.AsksUs},
		{"https://auth.example.com", "https://AUTH.example.com./authz/$host", routes.AsksUs},
		{"https://auth.example.com.", "https://auth.example.com/authz/$host", routes.AsksUs},
		{"https://auth.example.com.", "https://auth.example.com./authz/$host", routes.AsksUs},
		{"https://auth.example.com", "http://auth.example.com/authz/$host", routes.AsksOthers},
		{"https://auth.example.com", "https://auth.example.com:8443/authz/$host", routes.AsksOthers},
		{"http://auth.example.com:9001", "http://ostiary-authz.ostiary.svc:9001/authz/$host", routes.AsksUs},
		{"http://auth.example.com:9001", "http://example.com:9001/authz/$host", routes.AsksOthers},
		{"auth.example.com", "http://auth.example.com/authz/$host", routes.AsksOthers},
		{"http://a b", "http://a b/authz/$host", routes.AsksOthers},
		{"http://", "http:///authz/$host", routes.AsksOthers},
	} {
		if got := asks(tc.us, tc.text); got != tc.want {
			t.Errorf("we are %s: %s: %d, want %d", tc.us, tc.text, got, tc.want)
		}
	}
	s := routestest.Settings
	s.ServicePrefix, s.Namespace = "gate", "access"
	for text, want := range map[string]routes.Question{
		"http://gate-authz.access:9001/authz/$host": routes.AsksUs, "http://ostiary-authz.access:9001/authz/$host": routes.AsksOthers,
		"http://gate-authz.ostiary:9001/authz/$host": routes.AsksOthers,
	} {
		if got := routes.Read(routes.Snapshot{}, s).AuthURL(text, oneTarget); got != want {
			t.Errorf("%s: %d", text, got)
		}
	}
}

// Our own Services are those of our namespace and prefix, by the parts that there are.
func TestOwnPart(t *testing.T) {
	x := routes.Read(routes.Snapshot{}, routestest.Settings)
	parts := []string{"authz", "grpc", "public", "render", "preflight"}
	for _, namespace := range []string{"ostiary", "shop", ""} {
		for _, prefix := range []string{"ostiary-", "ostiary", "other-", ""} {
			for _, part := range append([]string{"", "metrics", "Authz", "authz-2"}, parts...) {
				want := ""
				if namespace == "ostiary" && prefix == "ostiary-" && slices.Contains(parts, part) {
					want = part
				}
				if got := x.OwnPart(namespace, prefix+part); got != want {
					t.Errorf("%s/%s%s: %q, want %q", namespace, prefix, part, got, want)
				}
			}
		}
	}
	for _, part := range parts {
		at := x.Settings.Service(part)
		if got := x.OwnPart(at.Namespace, at.Name); got != part {
			t.Errorf("%s, as the settings name it: %q", at, got)
		}
	}
}

// A route leads to us if all that it leads to is ours, and it leads somewhere.
func TestLeadsToUs(t *testing.T) {
	x := routes.Read(routes.Snapshot{}, routestest.Settings)
	to := func(names string) (out []networkingv1.IngressBackend) {
		for _, name := range strings.Fields(names) {
			b := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: name}}
			if name == "bucket" {
				b = networkingv1.IngressBackend{}
			}
			out = append(out, b)
		}
		return out
	}
	for names, want := range map[string]bool{"": false, "ostiary-public": true, "ostiary-public ostiary-authz": true, "app": false,
		"ostiary-public app": false, "app ostiary-public": false, "bucket": false, "ostiary-public bucket": false} {
		if got := x.LeadsToUs("ostiary", to(names)); got != want {
			t.Errorf("%q: %v", names, got)
		}
		if x.LeadsToUs("shop", to(names)) {
			t.Errorf("%q of another namespace leads to us", names)
		}
	}
}

// The port of the authz Service is that of its address, or the scheme's own.
func TestAuthzPort(t *testing.T) {
	for url, want := range map[string]int32{"http://x:9001": 9001, "https://x:9001": 9001, "http://x": 80, "https://x": 443,
		"http://[::1]:9001": 9001,
		"http://x:":         80, "https://x:": 443, "http://x:y": 0, "http://a b": 0} {
		if got := (&routes.Settings{AuthzURL: url}).AuthzPort(); got != want {
			t.Errorf("%s: %d, want %d", url, got, want)
		}
	}
	s := routes.Settings{Namespace: "access", ServicePrefix: "gate"}
	if got, want := s.Service("render"), (types.NamespacedName{Namespace: "access", Name: "gate-render"}); got != want {
		t.Errorf("the render Service is %s", got)
	}
}
