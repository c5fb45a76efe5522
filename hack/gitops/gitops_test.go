// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/hack/lab"
	"github.com/ostiary/ostiary/hack/lab/apiserver"
)

var server apiserver.Server

func TestMain(m *testing.M) { server.Main(m) }

// A bench is an API server, kubectl, and the program, which may be away.
type bench struct {
	*testing.T
	dir, kubeconfig string
	ostiary         *lab.Ostiary
	health          string // the script for Argo CD
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, dir: t.TempDir()}
	b.kubeconfig = filepath.Join(b.dir, "kubeconfig")
	if err := server.Kubeconfig(b.kubeconfig, "admin", "system:masters"); err != nil {
		t.Fatal(err)
	}
	binary, err := lab.Binary(t.Context(), b.dir)
	if err != nil {
		t.Fatal(err)
	}
	b.ostiary = lab.NewOstiary(binary, filepath.Join(b.dir, "log"))
	b.health = script(t)
	return b
}

// script is the health check that the documentation offers.
func script(t *testing.T) string {
	t.Helper()
	root, err := lab.Root()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "tasks", "gitops.md"))
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(string(page), "```") {
		text, ok := strings.CutPrefix(block, "yaml\n")
		if !ok || !strings.Contains(text, "health.lua") {
			continue
		}
		var cm struct{ Data map[string]string }
		var customizations map[string]map[string]string
		if err := yaml.Unmarshal([]byte(text), &cm); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal([]byte(cm.Data["resource.customizations"]), &customizations); err != nil {
			t.Fatal(err)
		}
		if found := customizations["access.ostiary.dev/*"]["health.lua"]; found != "" {
			return found
		}
	}
	t.Fatal("docs/tasks/gitops.md has no health check for Argo CD")
	return ""
}

// kubectl runs the real one, and fails the test if its exit code is another.
func (b *bench) kubectl(input string, args ...string) string {
	b.Helper()
	out, err := b.try(input, args...)
	if err != nil {
		b.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (b *bench) try(input string, args ...string) (string, error) {
	cmd := exec.CommandContext(b.Context(), filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), append([]string{"--kubeconfig", b.kubeconfig}, args...)...)
	cmd.Stdin, cmd.Env = strings.NewReader(input), append(os.Environ(), "HOME="+b.dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// serve starts the program, which then leads.
func (b *bench) serve() {
	b.Helper()
	b.Cleanup(b.ostiary.Stop)
	if err := b.ostiary.Serve([]string{"POD_NAMESPACE=default"}, "--kubeconfig", b.kubeconfig); err != nil {
		b.Fatal(err)
	}
}

// sees waits until an object is so to kstatus, and to Argo CD.
func (b *bench) sees(object string, want status.Status, argo, words string) {
	b.Helper()
	deadline, last := time.Now().Add(time.Minute), ""
	for time.Now().Before(deadline) {
		var u unstructured.Unstructured
		if err := u.UnmarshalJSON([]byte(b.kubectl("", "get", object, "-o", "json"))); err != nil {
			b.Fatal(err)
		}
		is, err := status.Compute(&u)
		if err != nil {
			b.Fatal(err)
		}
		health, message := b.argo(u.Object)
		last = fmt.Sprintf("%s: %s; Argo CD: %s: %s", is.Status, is.Message, health, message)
		if is.Status == want && health == argo && strings.Contains(is.Message, words) && (argo == "Healthy" || strings.Contains(message, words)) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.Fatalf("%s is %s\nwant %s and %s: %s\n%s", object, last, want, argo, words, b.ostiary.Tail())
}

// argo runs the health check as Argo CD does: a script that returns a table.
func (b *bench) argo(object map[string]any) (health, message string) {
	b.Helper()
	l := lua.NewState()
	defer l.Close()
	l.SetGlobal("obj", value(l, object))
	if err := l.DoString(b.health); err != nil {
		b.Fatal(err)
	}
	result, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		b.Fatalf("the health check returns %v", l.Get(-1))
	}
	return lua.LVAsString(result.RawGetString("status")), lua.LVAsString(result.RawGetString("message"))
}

func value(l *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case map[string]any:
		table := l.NewTable()
		for k, of := range v {
			table.RawSetString(k, value(l, of))
		}
		return table
	case []any:
		table := l.NewTable()
		for _, of := range v {
			table.Append(value(l, of))
		}
		return table
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	default:
		return lua.LNil
	}
}

func policy(namespace, name, host string) string {
	return fmt.Sprintf(`---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: %s, namespace: %s}
spec:
  hosts: [%s]
  rules: [{name: all, action: Bypass, include: [{everyone: {}}]}]
`, name, namespace, host)
}

const others = `---
apiVersion: access.ostiary.dev/v1alpha1
kind: IdentityProvider
metadata: {name: corp}
spec: {oidc: {issuer: "https://sso.example.com", clientID: ostiary, clientSecretRef: {name: corp}}}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessGroup
metadata: {name: staff}
spec: {include: [{emailDomain: example.com}]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: SessionRevocation
metadata: {name: ann}
spec: {user: ann@example.com, before: %q}
`

// tokens are one that will be good, one that is switched off on purpose, and one whose
// Secret is somebody else's.
const tokens = `---
apiVersion: access.ostiary.dev/v1alpha1
kind: ServiceToken
metadata: {name: ci, namespace: shop}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: ServiceToken
metadata: {name: stopped, namespace: shop}
spec: {disabled: true}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: ServiceToken
metadata: {name: db, namespace: shop}
---
apiVersion: v1
kind: Secret
metadata: {name: db, namespace: shop}
stringData: {password: p}
`

// issuer is a TokenIssuer of these keys.
func issuer(keys string) string {
	return fmt.Sprintf(`---
apiVersion: access.ostiary.dev/v1alpha1
kind: TokenIssuer
metadata: {name: ci}
spec: {issuer: "https://ci.example.com", audiences: [app], namespaces: ["*"], jwks: '{"keys": [%s]}'}
`, keys)
}

// oauthClient is an OAuthClient of the client_id ide.
func oauthClient(name string) string {
	return `---
apiVersion: access.ostiary.dev/v1alpha1
kind: OAuthClient
metadata: {name: ` + name + `}
spec: {clientID: ide, redirectURIs: ["http://localhost/cb"]}
`
}

// key is one of RFC 8037 §A.2.
const key = `{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`

// TestHealth: from the moment that they are applied, until they are in force or refused.
func TestHealth(t *testing.T) {
	b := newBench(t)
	b.kubectl("", "create", "namespace", "shop")
	b.kubectl(policy("shop", "good", "good.example.com")+policy("shop", "first", "taken.example.com")+
		fmt.Sprintf(others, time.Now().UTC().Format(time.RFC3339))+tokens+issuer(key)+
		oauthClient("ide"), "apply", "-f", "-")
	const good, first, second, provider, group = "ap/good", "ap/first", "ap/second", "idp/corp", "accessgroup/staff"
	const token, stopped, db, trusted, ann = "st/ci", "st/stopped", "st/db", "ti/ci", "sessionrevocation/ann"
	const ide, copied = "oac/ide", "oac/copy"
	b.kubectl("", "config", "set-context", "--current", "--namespace=shop")

	// Nobody has looked at them yet.
	for _, object := range []string{good, first, provider, group, token, stopped, db, trusted, ann, ide} {
		b.sees(object, status.InProgressStatus, "Progressing", "")
	}
	if out, err := b.try("", "wait", "--for=condition=Ready", "--timeout=1s", good); err == nil {
		t.Errorf("kubectl does not wait: %s", out)
	}

	b.serve()
	b.kubectl("", "wait", "--for=condition=Ready", "--timeout=60s", good, first, token)
	b.kubectl("", "get", "secret", "ci") // it is there as soon as its token is ready
	for _, object := range []string{good, first, group, token, stopped, trusted, ann, ide} {
		b.sees(object, status.CurrentStatus, "Healthy", "")
	}
	// Its Secret may be applied later: no failure.
	b.sees(provider, status.InProgressStatus, "Progressing", `no Secret "corp"`)
	b.kubectl("", "-n", "default", "create", "secret", "generic", "corp", "--from-literal=clientSecret=s")
	b.sees(provider, status.CurrentStatus, "Healthy", "")

	// Nobody loses a Secret to a token of the same name.
	b.sees(db, status.FailedStatus, "Degraded", "There is a Secret db that Ostiary has not made")
	b.kubectl("", "wait", "--for=condition=Stalled", "--timeout=10s", db)

	// What waiting does not mend is a failure, with the controller's own words.
	time.Sleep(1100 * time.Millisecond) // times of creation are whole seconds
	b.kubectl(policy("shop", "second", "taken.example.com"), "apply", "-f", "-")
	b.sees(second, status.FailedStatus, "Degraded", "shop/first")
	b.kubectl("", "wait", "--for=condition=Stalled", "--timeout=10s", second)
	b.kubectl(issuer(""), "apply", "-f", "-") // which no schema refuses
	b.sees(trusted, status.FailedStatus, "Degraded", "spec.jwks")
	b.kubectl(issuer(key), "apply", "-f", "-")
	b.sees(trusted, status.CurrentStatus, "Healthy", "")
	b.kubectl(oauthClient("copy"), "apply", "-f", "-")
	b.sees(copied, status.FailedStatus, "Degraded", "OAuthClient ide has")
	b.sees(ide, status.FailedStatus, "Degraded", "OAuthClient copy has")
	b.columns()
	b.kubectl("", "delete", copied)
	b.sees(ide, status.CurrentStatus, "Healthy", "")
	b.kubectl("", "delete", first)
	b.sees(second, status.CurrentStatus, "Healthy", "")

	// An edit is in progress until it is in force.
	b.ostiary.Stop()
	b.kubectl(policy("shop", "good", "better.example.com"), "apply", "-f", "-")
	b.sees(good, status.InProgressStatus, "Progressing", "")
	b.serve()
	b.sees(good, status.CurrentStatus, "Healthy", "")
}

// columns looks at what `kubectl get` prints.
func (b *bench) columns() {
	b.Helper()
	for args, want := range map[string][]string{
		"get ap":         {"NAME HOSTS READY REASON DRY-RUN AGE", `first ["taken.example.com"] True Ready`, `second ["taken.example.com"] False Conflict`},
		"get ap -o wide": {"NAME HOSTS READY REASON DRY-RUN AGE ACCEPTED PROGRAMMED DEGRADED ROUTED COVERED", `second ["taken.example.com"] False Conflict`},
		"get st":         {"NAME READY REASON EXPIRES LAST-USED AGE", "ci True Ready 20", "stopped True Disabled 20", "db False SecretExists "},
		"get ti":         {"NAME ISSUER READY REASON KEYS FETCHED AGE", "ci https://ci.example.com True Ready 1"},
		"get oac":        {"NAME CLIENT ID FOR READY REASON AGE", "ide ide False Conflict"},
		"get idp":        {"NAME TYPE ISSUER READY REASON AGE", "corp oidc https://sso.example.com True Ready"},
	} {
		out := b.kubectl("", strings.Fields(args)...)
		plain := strings.Join(strings.Fields(out), " ")
		for _, w := range want {
			if !strings.Contains(plain, w) {
				b.Errorf("kubectl %s: no %q in\n%s", args, w, out)
			}
		}
		b.Logf("kubectl %s\n%s", args, out)
	}
}
