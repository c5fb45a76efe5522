// SPDX-License-Identifier: Apache-2.0

package stories

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/explain"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/manifests"
)

var update = flag.Bool("update", false, "write what is decided into the stories")

// TestStories: manifests above the line; below it what is wrong with them ("!")
// and a request a line, with what becomes of it behind "=>":
//
//	METHOD URL [as=EMAIL,GROUP...] [age=8h] [idp=NAME] [amr=METHODS] [claim=NAME=VALUE...] [token=ORIGIN] [jwt=CLAIMS] [linked=NAMESPACE/NAME] [origin=O] [acrm=METHOD] [acrh=NAMES] [ip=A] [eval=URL=true] [accept=html] [ingress=NAMESPACE/NAME] [id=CLIENT secret=S] => VERDICT REASON NAMESPACE/NAME/RULE STATUS
//
// A line "> NAME" below a request shows a header that the application gets, or nothing after
// the colon where it gets none. The installation lists all upstreamHeaders of the policies.
//
// go test ./hack/stories -update writes the problems, the right-hand sides and the headers.
func TestStories(t *testing.T) {
	files, _ := filepath.Glob("*.story") // the pattern is a good one
	if len(files) < 10 {
		t.Fatalf("%d stories", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".story"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			objects, requests, ok := strings.Cut(string(text), "\n----------\n")
			yaml := filepath.Join(t.TempDir(), "story.yaml")
			if err != nil || !ok || os.WriteFile(yaml, []byte(objects), 0o600) != nil {
				t.Fatal("there is no line of ten dashes", err)
			}
			loader, err := manifests.NewLoader([]string{yaml})
			if err != nil {
				t.Fatal(err)
			}
			loader.InUse = config.InUse // as serve has it
			loader.Terms.AllEvaluations = true
			set := loader.Load()
			table, problems := set.Build()
			var told *explain.Report // about the last request
			var listed []string
			for i := range set.Policies {
				for _, h := range set.Policies[i].UpstreamHeaders {
					listed = append(listed, h.Name)
				}
			}
			slices.Sort(listed)
			listed = slices.Compact(listed)
			got := objects + "\n----------\n"
			for _, p := range problems {
				got += "! " + strings.TrimPrefix(p.String(), yaml+":") + "\n"
			}
			for l := range strings.Lines(requests) {
				switch l = strings.TrimSuffix(l, "\n"); {
				case strings.HasPrefix(l, "! "):
				case strings.HasPrefix(l, "> "):
					got += header(t, told, l) + "\n"
				default:
					l, told = tell(t, table, listed, l)
					got += l + "\n"
				}
			}
			if *update && err == nil {
				err = os.WriteFile(file, []byte(got), 0o600)
			} else if got != string(text) {
				t.Errorf("%s is now (go test ./hack/stories -update writes it)\n%s", file, got)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

var storyHeaders = map[string]string{"origin": "Origin: ", "accept": "Accept: text/",
	"site": "Sec-Fetch-Site: ", "ws": "Sec-WebSocket-Key: ", "authorization": "Authorization: ", "cf-ipcountry": "Cf-Ipcountry: ",
	"id": "X-Access-Client-Id: ", "secret": "X-Access-Client-Secret: ",
	"acrm": "Access-Control-Request-Method: ", "acrh": "Access-Control-Request-Headers: "}

// header completes a line that shows one.
func header(t *testing.T, r *explain.Report, l string) string {
	t.Helper()
	name, _, _ := strings.Cut(strings.TrimPrefix(l, "> "), ":")
	if r == nil {
		t.Fatalf("%q stands below no request", l)
	}
	for _, f := range r.Headers {
		if strings.EqualFold(f.Name, name) {
			return "> " + name + ": " + f.Value
		}
	}
	return "> " + name + ":"
}

// tell completes one line of a story.
func tell(t *testing.T, table *policy.Table, listed []string, l string) (string, *explain.Report) {
	t.Helper()
	request, _, _ := strings.Cut(l, " =>")
	words := strings.Fields(request)
	if len(words) < 2 || words[0] == "#" {
		return l, nil
	}
	var err error
	q := explain.Question{Method: words[0], URL: words[1], Now: time.Unix(1e9, 0), UpstreamHeaders: listed}
	for _, w := range words[2:] {
		switch key, value, _ := strings.Cut(w, "="); key {
		case "as":
			q.As = strings.Split(value, ",")
		case "age":
			q.Age, err = time.ParseDuration(value)
		case "idp":
			q.Provider = value
		case "client":
			q.Client = value
		case "claim":
			q.Claims = append(q.Claims, value)
		case "amr":
			q.AMR = strings.Split(value, ",")
		case "token":
			q.From = value
		case "linked":
			q.LinkedApps = strings.Split(value, ",")
		case "jwt":
			q.Token = value
		case "ip":
			q.Address = value
		case "eval":
			q.Evaluations = append(q.Evaluations, value)
		case "cert":
			q.Certificate = append(q.Certificate, value)
		case "country":
			q.Country = value
		case "ingress":
			q.Ingress = value
		default: // an unknown word makes a line that is no header
			q.Headers = append(q.Headers, storyHeaders[key]+value)
		}
	}
	r, askErr := explain.Ask(table, "/.access", q)
	if err != nil || askErr != nil {
		t.Fatalf("%q: %v %v", l, err, askErr)
	}
	by := strings.Trim(policy.Audience(r.Source)+"/"+cmp.Or(r.Rule, strings.TrimPrefix(r.Source.Field, "spec.")), "/")
	return fmt.Sprintf("%s => %s %s %s %d", strings.Join(words, " "), r.Verdict, r.Reason, cmp.Or(by, "-"), r.Status), r
}
