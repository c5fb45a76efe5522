// SPDX-License-Identifier: Apache-2.0

package imports

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ostiary/ostiary/controllers/imports/draft"
	"github.com/ostiary/ostiary/controllers/imports/tree"
)

// fuzz: whatever a file holds, it is refused, or what is made of it is valid.
func fuzz(f *testing.F, name string) {
	for _, s := range sources {
		if s.name != name {
			continue
		}
		files, _ := filepath.Glob(filepath.Join("testdata", name, "*"))
		inFolders, _ := filepath.Glob(filepath.Join("testdata", name, "*", "*"))
		for _, file := range append(files, inFolders...) {
			if text, err := os.ReadFile(file); err == nil && filepath.Ext(file) != ".golden" && len(text) < 20_000 {
				f.Add(text)
			}
		}
		f.Fuzz(func(t *testing.T, text []byte) {
			d := draft.New("shop")
			if s.read(d, []tree.File{{Name: "x", Text: text}}) != nil {
				return
			}
			d.Finish()
			out, err := d.YAML()
			if err != nil {
				t.Fatal(err)
			}
			valid(t, string(out))
		})
	}
}

func FuzzCloudflare(f *testing.F) { fuzz(f, "cloudflare") }

func FuzzIngressNGINX(f *testing.F) { fuzz(f, "ingress-nginx") }

func FuzzOAuth2Proxy(f *testing.F) { fuzz(f, "oauth2-proxy") }

func FuzzHTTPRouteCORS(f *testing.F) { fuzz(f, "httproute-cors") }
