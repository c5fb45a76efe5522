// SPDX-License-Identifier: Apache-2.0

package rendered

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/explain"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/proxyconfig"
	"github.com/ostiary/ostiary/controllers/check"
	"github.com/ostiary/ostiary/controllers/manifests"
	"github.com/ostiary/ostiary/controllers/routes"
)

// A block is a fenced part of migration.md.
type block struct {
	section, language, text string
	line                    int
}

// before: it shows what stood there until now.
func (b block) before() bool { return strings.HasPrefix(b.text, "# before") }

// documents are the YAML documents of a block.
func (b block) documents() []string { return strings.Split(b.text, "\n---\n") }

func readBlocks(t *testing.T) []block {
	t.Helper()
	text, err := os.ReadFile("../../docs/guides/migration.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	var in *block
	section := ""
	for n, line := range strings.Split(string(text), "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && in != nil:
			blocks, in = append(blocks, *in), nil
		case fence:
			in = &block{section: section, language: language, line: n + 2}
		case in != nil:
			in.text += line + "\n"
		case strings.HasPrefix(line, "## "):
			section = line[3:]
		}
	}
	if in != nil {
		t.Fatalf("the block of line %d has no end", in.line)
	}
	return blocks
}

// decodeStrictly decodes the kinds whose types are here; of others it returns the
// name alone. Their own types decode them in hack/strict.
func decodeStrictly(t *testing.T, where, document string) metav1.PartialObjectMetadata {
	t.Helper()
	var meta metav1.PartialObjectMetadata
	if err := yaml.Unmarshal([]byte(document), &meta); err != nil || meta.Name == "" || meta.Kind == "" {
		t.Fatalf("%s: %v\n%s", where, err, document)
	}
	into := map[string]any{
		"networking.k8s.io/v1 Ingress": &networkingv1.Ingress{}, "v1 Service": &corev1.Service{}, "v1 ConfigMap": &corev1.ConfigMap{},
		"discovery.k8s.io/v1 EndpointSlice":                &discoveryv1.EndpointSlice{},
		"access.ostiary.dev/v1alpha1 AccessPolicy":         &v1alpha1.AccessPolicy{},
		"access.ostiary.dev/v1alpha1 IdentityProvider":     &v1alpha1.IdentityProvider{},
		"gateway.networking.k8s.io/v1 HTTPRoute":           new(any),
		"gateway.networking.k8s.io/v1beta1 ReferenceGrant": new(any),
		"gateway.envoyproxy.io/v1alpha1 SecurityPolicy":    new(any),
		"security.istio.io/v1 AuthorizationPolicy":         new(any),
		"projectcontour.io/v1 HTTPProxy":                   new(any),
		"projectcontour.io/v1alpha1 ExtensionService":      new(any),
		"traefik.io/v1alpha1 Middleware":                   new(any),
		"traefik.io/v1alpha1 IngressRoute":                 new(any),
	}[meta.APIVersion+" "+meta.Kind]
	if into == nil {
		t.Fatalf("%s: nobody knows %s %s", where, meta.APIVersion, meta.Kind)
	}
	if err := yaml.UnmarshalStrict([]byte(document), into); err != nil {
		t.Errorf("%s: %s %s: %v", where, meta.Kind, meta.Name, err)
	}
	return meta
}

// TestMigration: the objects are ones, the policies are in force, opt-ins name a
// policy that is on the page, and explain says what the page says.
func TestMigration(t *testing.T) {
	blocks := readBlocks(t)
	policies, explained := map[string]string{}, 0
	count := map[string]int{}
	for _, b := range blocks {
		where := "migration.md, line " + strconv.Itoa(b.line)
		switch b.language {
		case "yaml":
			count[b.section]++
			names := map[string]bool{}
			for _, d := range b.documents() {
				meta := decodeStrictly(t, where, d)
				if strings.HasPrefix(meta.APIVersion, "access.ostiary.dev/") {
					policies[meta.Kind+" "+meta.Namespace+"/"+meta.Name] = d
				}
				names[meta.Kind] = true
				if name := meta.Annotations[routes.PolicyAnnotation]; name != "" && policies["AccessPolicy "+meta.Namespace+"/"+name] == "" {
					t.Errorf("%s: %s names the policy %s, which is nowhere", where, meta.Name, name)
				}
				if url := meta.Annotations["nginx.ingress.kubernetes.io/auth-url"]; !b.before() && url != "" &&
					!strings.HasSuffix(url, "/authz/v1/nginx/"+meta.Namespace+"/"+meta.Name+"/$request_method/$host$request_uri") {
					t.Errorf("%s: auth-url %s", where, url)
				}
			}
			if !b.before() && !names["Ingress"] && !names["HTTPRoute"] {
				t.Errorf("%s: nothing is guarded", where)
			}
		case "console":
			explained += tellAll(t, where, b.text, policies)
		default:
			t.Errorf("%s: a block of %q", where, b.language)
		}
	}
	if len(count) != 4 || explained < 7 || len(policies) < 3 {
		t.Errorf("%v sections with YAML, %d decisions, %d policies", count, explained, len(policies))
	}
}

var question = regexp.MustCompile(`^\$ ostiary explain (.*)\n(.*)\n`)

// tellAll runs every explain of a console block, and returns how many there are.
func tellAll(t *testing.T, where, text string, policies map[string]string) (n int) {
	t.Helper()
	var all []string
	for _, p := range policies {
		all = append(all, p)
	}
	// The Secrets that the page does not show.
	all = append(all, "apiVersion: v1\nkind: Secret\nmetadata: {name: corp-oidc}\nstringData: {clientSecret: secret}\n")
	file := filepath.Join(t.TempDir(), "policies.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(all, "\n---\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	var report bytes.Buffer
	valid, err := check.Run(&report, "text", policy.Terms{}, nil, []string{file})
	if err != nil || !valid {
		t.Errorf("%s: %v\n%s", where, err, report.String())
	}
	table, _, err := manifests.Read([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	for text != "" {
		m := question.FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("%s: no explain and what it says: %s", where, text)
		}
		text = text[len(m[0]):]
		n++
		var flags explain.Flags
		f := pflag.NewFlagSet("explain", pflag.ContinueOnError)
		flags.Add(f)
		if err := f.Parse(words(m[1])); err != nil {
			t.Fatalf("%s: %s: %v", where, m[1], err)
		}
		q, err := flags.Question(f.Args(), time.Unix(1e9, 0))
		if err != nil {
			t.Fatalf("%s: %s: %v", where, m[1], err)
		}
		r, err := explain.Ask(table, flags.PathPrefix, q)
		if err != nil {
			t.Fatalf("%s: %s: %v", where, m[1], err)
		}
		var said strings.Builder
		if err := r.Write(&said, "text"); err != nil {
			t.Fatal(err)
		}
		if first, _, _ := strings.Cut(said.String(), "\n"); first != m[2] {
			t.Errorf("%s: %s\nsays   %s\nand not %s", where, m[1], said.String(), m[2])
		}
	}
	return n
}

// words splits a command line; '...' is one word.
func words(s string) []string {
	var out []string
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

func TestMigrationIsShort(t *testing.T) {
	text, err := os.ReadFile("../../docs/guides/migration.md")
	if n := bytes.Count(text, []byte("\n")); err != nil || n > 250 {
		t.Errorf("%d lines (%v), and 250 are enough", n, err)
	}
}

// TestRenderedObjects: what is rendered for a cluster decodes strictly, whatever
// the names are.
func TestRenderedObjects(t *testing.T) {
	for _, p := range proxyconfig.Proxies() {
		modes := p.Modes
		if len(modes) == 0 {
			modes = []string{""}
		}
		for _, mode := range modes {
			if p.Name == "nginx" || p.Name == "caddy" || p.Name == "haproxy" || p.Name == "envoy" || mode == "file" {
				continue
			}
			// Names that YAML could take for something else.
			for _, name := range []string{"orders", "null", "on", "1e3", "0", "0x1f", "7-up", "true"} {
				var b bytes.Buffer
				err := proxyconfig.Render(&b, p.Name, proxyconfig.Options{Mode: mode, Hosts: []string{"1.example", "*.preview.example.com"},
					Policy: name, Namespace: name, SystemNamespace: name,
					Upstream: "on:80", Gateway: name + "/" + name, Render: "10.0.0.7:9003", TeamDomain: "auth.example.com"})
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range strings.Split(b.String(), "\n---\n") {
					meta := decodeStrictly(t, p.Name+" "+mode, d)
					if p.Name != "contour" && !strings.Contains(meta.Name, name) && meta.Kind != "ConfigMap" || meta.Namespace != name &&
						meta.Kind != "ConfigMap" {
						t.Errorf("%s %s: %s %s/%s, want one of %q", p.Name, mode, meta.Kind, meta.Namespace, meta.Name, name)
					}
				}
			}
		}
	}
}
