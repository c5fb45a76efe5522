// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/har"
)

// readable are the causes of answers that the page can read.
var readable = []har.Cause{har.RateLimited, har.TooLarge, har.HeaderTooLarge, har.ProxyError, har.AppRefused, har.AppFailed}

// TestHARAgrees: of random answers and calls, `ostiary har` says that the page could not read
// one exactly when Chromium kept it from the page.
func TestHARAgrees(t *testing.T) {
	onceForAllProxies(t)
	const calls = 400
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	type call struct {
		URL  string
		Init map[string]any
	}
	list := make([]call, calls)
	for i := range list {
		a := randomAnswer(r)
		list[i] = call{a.at(bare) + fmt.Sprintf("&n=%d", i), randomInit(r)}
	}
	tab := newPerson(t, allowed).tab()
	a := record(tab)
	tab.open(answer{headers: "Set-Cookie: a=b; SameSite=None; Secure"}.at(bare))
	tab.open(free + "/loose")
	text, _ := json.Marshal(list)
	var ok []bool
	tab.eval(`(async calls => { const out = []; for (const c of calls) out.push(await fetch(c.URL, c.Init).then(() => true, () => false)); return out })(`+
		string(text)+`)`, &ok)
	export := a.quiet(true)
	log, err := har.Read(bytes.NewReader(export))
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{} // by the number of the call
	for _, f := range har.Diagnose(log) {
		if !f.Note && !slices.Contains(readable, f.Cause) {
			for _, at := range f.Entries {
				said[numberOf(t, export, at)] = fmt.Sprintf("%s: %s", f.Cause, f.Detail)
			}
		}
	}
	failed := 0
	for i, c := range list {
		why := said[fmt.Sprint(i)]
		if ok[i] != (why == "") {
			t.Errorf("%s %v: the page reads it: %v; diagnosed as %q", c.URL, c.Init, ok[i], why)
		}
		if !ok[i] {
			failed++
		}
	}
	if failed < calls/10 || failed > calls*9/10 {
		t.Errorf("%d of %d calls failed: that asks little", failed, calls)
	}
}

// numberOf is the number of the call that an entry of the export belongs to.
func numberOf(t *testing.T, export []byte, at int) string {
	t.Helper()
	var file struct {
		Log struct {
			Entries []struct{ Request struct{ URL string } }
		}
	}
	if err := json.Unmarshal(export, &file); err != nil {
		t.Fatal(err)
	}
	_, number, _ := strings.Cut(file.Log.Entries[at].Request.URL, "&n=")
	return number
}

func one(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

// lines are headers, of which those without a value are left out.
func lines(pairs ...string) string {
	var out []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out = append(out, pairs[i]+": "+pairs[i+1])
		}
	}
	return strings.Join(out, "\n")
}

func randomAnswer(r *rand.Rand) answer {
	origin := func() string {
		return one(r, "{origin}", "{origin}", "{origin}", "{origin}", "{origin}", "{origin}", "*", "*", "*", "", free, free+"/",
			strings.ToUpper(free), "null", app1, "{origin}, {origin}", "true")
	}
	credentials := func() string { return one(r, "true", "true", "true", "", "TRUE", "false") }
	preflight := []int{204, 204, 204, 204, 204, 204, 200, 200, 200, 200, 299, 302, 401, 404, 500}[r.IntN(15)]
	location := ""
	if preflight == 302 {
		location = free + "/elsewhere"
	}
	return answer{
		preflight: preflight,
		preflightHeaders: lines("Access-Control-Allow-Origin", origin(), "Access-Control-Allow-Credentials", credentials(),
			"Access-Control-Allow-Methods", one(r, "PUT, PATCH, patch", "PUT, PATCH, patch", "*", "PUT, PATCH, patch", "PUT", "put", "",
				"PATCH", "patch", "POST"),
			"Access-Control-Allow-Headers", one(r, "X-CSRF, Authorization", "*", "", "authorization", "x-csrf,authorization", "x-other"),
			"Access-Control-Max-Age", "0", "Location", location),
		status:  []int{200, 200, 200, 204, 401, 404, 500}[r.IntN(7)],
		headers: lines("Access-Control-Allow-Origin", origin(), "Access-Control-Allow-Credentials", credentials(), "Cache-Control", "no-store"),
	}
}

func randomInit(r *rand.Rand) map[string]any {
	init := map[string]any{"method": one(r, "GET", "GET", "POST", "PUT", "PATCH", "patch"), "credentials": one(r, "include", "omit",
		"same-origin")}
	headers := map[string]string{}
	for _, name := range []string{"x-csrf", "authorization"} {
		if r.IntN(3) == 0 {
			headers[name] = "x"
		}
	}
	init["headers"] = headers
	return init
}
