// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/ostiary/ostiary/hack/lab/apiserver"
)

var server apiserver.Server

func TestMain(m *testing.M) { server.Main(m) }

// A poster asks a real API server what it says of an object, and stores nothing.
type poster struct {
	client *http.Client
	host   string
}

func newPoster(t testing.TB) poster {
	t.Helper()
	config := server.Config(t)
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimSuffix(config.Host, "/")
	if !strings.HasPrefix(host, "http") {
		host = "https://" + host
	}
	return poster{client, host}
}

var resources = map[string]string{
	"AccessPolicy": "namespaces/default/accesspolicies", "IdentityProvider": "identityproviders", "SessionRevocation": "sessionrevocations",
	"AccessGroup": "accessgroups",
	"TokenIssuer": "tokenissuers", "ServiceToken": "namespaces/default/servicetokens",
	"OAuthClient": "oauthclients",
}

// judge returns the fields that the API server refuses, and all that it said. No field
// is about the object as a whole. Partly: it has not run the CEL rules.
func (p poster) judge(t testing.TB, o map[string]any) (fields []string, partly bool, said string) {
	t.Helper()
	js, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	url := p.host + "/apis/access.ostiary.dev/v1alpha1/" + resources[o["kind"].(string)] + "?dryRun=All&fieldValidation=Strict"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(js))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := p.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode == http.StatusCreated {
		return nil, false, ""
	}
	var s metav1.Status
	if err := json.Unmarshal(answer, &s); err != nil {
		t.Fatalf("%d: %s", res.StatusCode, answer)
	}
	if s.Details == nil || len(s.Details.Causes) == 0 {
		return []string{""}, true, s.Message
	}
	for _, c := range s.Details.Causes {
		if strings.Contains(c.Message, "some validation rules were not checked") {
			partly = true
			continue
		}
		fields = append(fields, strings.TrimPrefix(c.Field, "<nil>"))
	}
	return fields, partly, s.Message
}

// compare holds what is said of an object without an API server against what one says.
func compare(t testing.TB, p poster, name string, o map[string]any) {
	t.Helper()
	js, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	theirs, partly, said := p.judge(t, o)
	ours := judge(t, runtime.DeepCopyJSON(o))
	if (len(theirs) == 0) != (len(ours) == 0) {
		t.Errorf("%s: %s\nthe API server: %q\nhere: %v", name, js, said, ours)
		return
	}
	has, more := map[string]bool{}, map[string]bool{} // more: what the API server does not say
	var cut []string                                  // lists that are too long: only their first entries are looked at here
	for _, i := range ours {
		field := plain(i.Source.Field)
		if has[field], more[field] = true, true; i.Code == "schema-too-many" {
			cut = append(cut, field+".")
		}
	}
	beyond := func(field string) bool {
		return slices.ContainsFunc(cut, func(list string) bool { return strings.HasPrefix(plain(field), list) })
	}
	for _, field := range theirs {
		if field != "" && !has[plain(field)] && !beyond(field) {
			t.Errorf("%s: %s\nnot said here: %s: %q\nhere: %v", name, js, field, said, ours)
		}
		delete(more, plain(field)) // one field may have several causes
	}
	if slices.Contains(theirs, "") || partly {
		return // some of ours have no field there, or were not looked for
	}
	for field := range more {
		t.Errorf("%s: %s\nsaid here alone: %s\nthe API server: %q\nhere: %v", name, js, field, said, ours)
	}
}

// plain: a key of a map is written in two ways.
func plain(field string) string { return strings.NewReplacer("[", ".", "]", "").Replace(field) }

// TestSamplesAgainstAPIServer asks the API server itself about every sample.
func TestSamplesAgainstAPIServer(t *testing.T) {
	p := newPoster(t)
	for _, s := range samples(t) {
		compare(t, p, s.name, object(t, s.text))
	}
}

// TestConfigSamples: every kind has a sample in config/samples, and the API server takes all of
// them. Not a ServiceToken: in files, as the demo has them, it comes with a secret.
func TestConfigSamples(t *testing.T) {
	p, without := newPoster(t), maps.Clone(resources)
	delete(without, "ServiceToken")
	err := filepath.WalkDir(filepath.Join("..", "..", "config", "samples"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for part := range strings.SplitSeq(string(text), "\n---\n") {
			o := object(t, part)
			kind, _ := o["kind"].(string)
			if resources[kind] == "" {
				continue // of Kubernetes' own
			}
			delete(without, kind)
			delete(o["metadata"].(map[string]any), "namespace") // which is not there
			if fields, _, said := p.judge(t, o); len(fields) > 0 {
				t.Errorf("%s: %s", path, said)
			}
			compare(t, p, path, o)
		}
		return nil
	})
	if err != nil || len(without) > 0 {
		t.Errorf("%v; kinds without a sample: %v", err, without)
	}
}

// TestMutantsAgainstAPIServer: samples that somebody changed at random are judged alike.
func TestMutantsAgainstAPIServer(t *testing.T) {
	p, farm := newPoster(t), newFarm(t)
	for seed := range uint64(1500) {
		name, o := farm.mutant(seed)
		t.Run(fmt.Sprint(seed), func(t *testing.T) { compare(t, p, name, o) })
	}
}

// FuzzAgainstAPIServer is the same for as long as one likes.
func FuzzAgainstAPIServer(f *testing.F) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		f.Skip("KUBEBUILDER_ASSETS is not set: it names the folder with etcd and kube-apiserver")
	}
	farm := newFarm(f)
	f.Add(uint64(0))
	f.Fuzz(func(t *testing.T, seed uint64) {
		name, o := farm.mutant(seed)
		compare(t, newPoster(t), name, o)
	})
}

// A farm makes mutants of the samples that are accepted.
type farm struct {
	good  []sample
	words map[string][]any // what stands in samples under a key
	texts []string
}

func newFarm(t testing.TB) *farm {
	f := &farm{words: map[string][]any{}, texts: []string{"", " ", "*", "a", "A", "é", "\u202e", "\n", ".", "-", "/", ":", "@", "0", "%", strings.Repeat("x", 300)}}
	for _, s := range samples(t) {
		if s.object = object(t, s.text); s.accepted {
			f.good = append(f.good, s)
		}
		f.learn("", s.object["spec"])
	}
	return f
}

func (f *farm) learn(key string, v any) {
	if f.words[key] = append(f.words[key], v); len(f.words[key]) > 2000 {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			f.learn(k, v[k])
		}
	case []any:
		for _, below := range v {
			f.learn(key+"[]", below)
		}
	}
}

// mutant returns a sample with one to three changes. The same seed makes the same one.
func (f *farm) mutant(seed uint64) (string, map[string]any) {
	random := rand.New(rand.NewPCG(seed, 1))
	s := f.good[random.IntN(len(f.good))]
	o := runtime.DeepCopyJSON(s.object)
	for range 1 + random.IntN(3) {
		o["spec"] = f.change(random, "", o["spec"])
	}
	return s.name, o
}

// change changes one value below a value, or the value itself.
func (f *farm) change(random *rand.Rand, key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		if keys := slices.Sorted(maps.Keys(v)); len(keys) > 0 && random.IntN(8) > 0 {
			k := keys[random.IntN(len(keys))]
			v[k] = f.change(random, k, v[k])
			return v
		}
	case []any:
		if len(v) > 0 && random.IntN(4) > 0 {
			i := random.IntN(len(v))
			v[i] = f.change(random, key+"[]", v[i])
			return v
		}
	}
	return f.replace(random, key, v)
}

// replace puts something else in the place of a value.
func (f *farm) replace(random *rand.Rand, key string, v any) any {
	pick := func(from []any) any {
		if len(from) == 0 { // a mutant may have what no sample has
			return nil
		}
		return runtime.DeepCopyJSONValue(from[random.IntN(len(from))])
	}
	switch v := v.(type) {
	case map[string]any:
		switch random.IntN(4) {
		case 0:
			v["unknown"] = true
			return v
		case 1, 2: // a field that some other sample has
			other, _ := pick(f.words[key]).(map[string]any)
			maps.Copy(v, other)
			return v
		}
	case []any:
		switch random.IntN(3) {
		case 0:
			return append(v, pick(f.words[key+"[]"]))
		case 1:
			return []any{}
		}
	case string:
		switch random.IntN(4) {
		case 0:
			return f.texts[random.IntN(len(f.texts))]
		case 1:
			at := random.IntN(len(v) + 1)
			return v[:at] + f.texts[random.IntN(len(f.texts))] + v[at:]
		}
	}
	if random.IntN(3) > 0 {
		return pick(f.words[key])
	}
	return pick([]any{nil, true, false, int64(0), int64(-1), int64(1) << 40, 1.5, "x", []any{}, map[string]any{}, map[string]any{"a": int64(1)}})
}
