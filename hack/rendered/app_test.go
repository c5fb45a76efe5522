// SPDX-License-Identifier: Apache-2.0

package rendered

import (
	"bufio"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/ostiary/ostiary/hack/lab"
)

// A recorder is the application, and what reached it.
type recorder struct{ lab.Recorder[*http.Request] }

func (a *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // what was sent, as far as it came
	a.Add(r)
	w.Header().Set("X-App", "yes")
	status, body := http.StatusOK, "the app"
	switch r.URL.Query().Get("app") {
	case "401":
		w.Header().Set("WWW-Authenticate", `Basic realm="the app's own"`)
		status, body = http.StatusUnauthorized, "the app's own 401"
	case "403":
		status, body = http.StatusForbidden, "the app's own 403"
	case "cookies":
		w.Header().Add("Set-Cookie", "a=1; Path=/")
		w.Header().Add("Set-Cookie", "b=2; Expires=Wed, 01 Jan 2098 00:00:00 GMT")
	case "cors2":
		w.Header().Add("Access-Control-Allow-Origin", "https://first.example")
		w.Header().Add("Access-Control-Expose-Headers", "x-first")
		fallthrough
	case "cors":
		w.Header().Add("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header().Add("Access-Control-Expose-Headers", "x-own")
	case "preflight":
		w.Header().Set("Access-Control-Allow-Origin", "https://chosen-by.app")
		status, body = http.StatusNoContent, ""
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client has gone
}

// An answer is what the client got, and what the application saw meanwhile.
type answer struct {
	*http.Response
	body string
	hits []*http.Request
}

// send sends exactly these lines and reads the answer.
func send(t *testing.T, addr, method, target, host string, lines ...string) *answer {
	t.Helper()
	env.app.Take()
	conn, err := lab.Dial("", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()                                     //nolint:errcheck // the exchange is over
	_ = conn.SetDeadline(time.Now().Add(40 * time.Second)) // HAProxy tries for long where nobody listens
	if _, err := io.WriteString(conn, lab.Request(method, target, host, lines...)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: no answer: %v", method, target, err)
	}
	defer resp.Body.Close() //nolint:errcheck // it is read to its end
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %d, and no body: %v", method, target, resp.StatusCode, err)
	}
	return &answer{resp, string(body), env.app.Take()}
}

// want checks the status, and whether the application saw the request.
func (a *answer) want(t *testing.T, status int, through bool) {
	t.Helper()
	if a.StatusCode != status || (len(a.hits) == 1) != through || len(a.hits) > 1 {
		t.Errorf("status %d, want %d; %d requests reached the application, want that: %v\n%v\n%.300s", a.StatusCode, status, len(a.hits),
			through, a.Header, a.body)
	}
}
