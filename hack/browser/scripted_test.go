// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// An answer is what an application is told to say: to a preflight, and to what follows.
type answer struct {
	preflight, status               int // 0: 204, 200
	preflightHeaders, headers, body string
	wait                            int // milliseconds
}

// at is the address at an application that answers so. Headers are lines.
func (a answer) at(origin string) string {
	q := url.Values{}
	for name, value := range map[string]string{"ph": a.preflightHeaders, "h": a.headers, "b": a.body} {
		if value != "" {
			q.Set(name, value)
		}
	}
	q.Set("ps", strconv.Itoa(cmp.Or(a.preflight, http.StatusNoContent)))
	if a.wait > 0 {
		q.Set("w", strconv.Itoa(a.wait))
	}
	q.Set("s", strconv.Itoa(cmp.Or(a.status, http.StatusOK)))
	return origin + "/answer?" + q.Encode()
}

// scripted answers as the address says.
func scripted(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	lines, code := q.Get("h"), q.Get("s")
	if r.Method == http.MethodOptions {
		lines, code = q.Get("ph"), q.Get("ps")
	}
	for line := range strings.SplitSeq(lines, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			value = strings.ReplaceAll(value, "{origin}", r.Header.Get("Origin"))
			w.Header().Add(name, strings.ReplaceAll(value, "{self}", r.URL.String()))
		}
	}
	if wait, err := strconv.Atoi(q.Get("w")); err == nil {
		time.Sleep(time.Duration(wait) * time.Millisecond)
	}
	status, err := strconv.Atoi(code)
	if err != nil {
		status = http.StatusBadRequest
	}
	if status == 0 { // no answer at all
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead && status >= 200 && status != 204 && status != 304 {
		_, _ = w.Write([]byte(q.Get("b"))) // the client may be gone
	}
}
