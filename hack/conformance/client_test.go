// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/hack/lab"
)

// An answer is what the client got, and what the applications saw meanwhile.
type answer struct {
	lab.Answer
	hits []hit
}

// dump shows the exchange, for failures.
func (a *answer) dump() string {
	if len(a.hits) == 0 {
		return a.String() + "--- nothing reached an application"
	}
	var all []string
	for _, h := range a.hits {
		all = append(all, h.String())
	}
	return a.String() + "--- reached " + strings.Join(all, "; ")
}

// request writes a request of HTTP/1.1 with exactly these lines.
func request(method, target, host string, lines ...string) string {
	return lab.Request(method, target, host, lines...)
}

// withBody adds one, whose length is told.
func withBody(method, target, host, body string, lines ...string) string {
	return request(method, target, host, append(slices.Clip(lines), fmt.Sprintf("Content-Length: %d", len(body)))...) + body
}

// exchange sends bytes and reads one answer.
func exchange(from, addr, raw string) *answer {
	return &answer{Answer: *lab.Exchange(from, addr, raw)}
}

// cp is a CORS preflight, as CORS.md writes it.
func cp(origin, method string, more ...string) []string {
	return append([]string{"Origin: " + origin, "Access-Control-Request-Method: " + method}, more...)
}

const (
	navigate = "Sec-Fetch-Mode: navigate"
	html     = "Accept: text/html,application/xhtml+xml"
	fetch    = "Sec-Fetch-Mode: cors"
	spa      = "Origin: https://spa.example.com"
)
