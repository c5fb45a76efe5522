// SPDX-License-Identifier: Apache-2.0

// Command bench measures what a decision costs: CPU time (user and system) per
// request of the authz listener, as a ratio to a bare net/http handler that
// answers the same request with 200, in the same run. The machine's own speed
// moves, so only the ratios carry.
//
// Servers run on CPU 0 and the load on CPU 1: 64 keep-alive connections on
// loopback, closed loop, a fixed time. It ends by itself.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/credential"
)

// A target is a request, the answer that it must get, and the ratio wanted.
type target struct {
	name   string
	status string
	wanted float64
	lines  []string // beside those that every request has
	method string
}

func main() {
	log.SetFlags(0)
	if len(os.Args) > 1 && os.Args[1] == "null" {
		log.Fatal(null(os.Args[2]))
	}
	rounds := flag.Int("rounds", 3, "how often every target is measured")
	length := flag.Duration("time", 4*time.Second, "how long each measurement takes")
	conns := flag.Int("conns", 64, "keep-alive connections")
	policies := flag.Int("policies", 1000, "how many policies the table holds")
	flag.Parse()
	if err := run(*rounds, *conns, *policies, *length); err != nil {
		log.Fatal(err)
	}
}

// null is the floor: what net/http costs by itself.
func null(addr string) error {
	srv := &http.Server{Addr: addr, ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })}
	return srv.ListenAndServe()
}

func run(rounds, conns, policies int, length time.Duration) error {
	dir, err := os.MkdirTemp("", "ostiary-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	nullServer, err := start(ctx, dir, self, "null", "127.0.0.1:17001")
	if err != nil {
		return err
	}
	server, err := startOstiary(ctx, dir, policies)
	if err != nil {
		return err
	}
	cookie, err := session(filepath.Join(dir, "keys"))
	if err != nil {
		return err
	}
	ratios, costs := map[string][]float64{}, map[string][]float64{}
	all := targets(cookie)
	for range rounds {
		for _, t := range all {
			base, err := measure(nullServer, "127.0.0.1:17001", t, "200", conns, length)
			if err != nil {
				return err
			}
			cost, err := measure(server, "127.0.0.1:17002", t, t.status, conns, length)
			if err != nil {
				return err
			}
			ratios[t.name] = append(ratios[t.name], cost/base)
			costs[t.name] = append(costs[t.name], cost)
		}
	}
	fmt.Printf("CPU per request against a bare net/http handler given the same request; %d rounds of %s, %d connections, %d policies\n\n",
		rounds, length, conns, policies)
	fmt.Printf("%-34s %10s %18s %8s\n", "request", "µs", "ratio [min-max]", "wanted")
	for _, t := range all {
		r := ratios[t.name]
		fmt.Printf("%-34s %10.1f %5.2f [%.2f-%.2f] %8s\n", t.name, median(costs[t.name]), median(r), slices.Min(r), slices.Max(r),
			fmt.Sprintf("≤ %.2f", t.wanted))
	}
	return anonymousMemory(server, all[1], conns, length)
}

// anonymousMemory shows that requests without a session leave nothing behind.
func anonymousMemory(server *exec.Cmd, t target, conns int, length time.Duration) error {
	before := rss(server.Process.Pid)
	n, err := load("127.0.0.1:17002", t.request(), t.status, conns, 3*length)
	if err != nil {
		return err
	}
	fmt.Printf("\nmemory: %.1f MiB before and %.1f MiB after %d further anonymous requests\n", before, rss(server.Process.Pid), n)
	return nil
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

// measure returns CPU microseconds per request.
func measure(server *exec.Cmd, addr string, t target, status string, conns int, length time.Duration) (float64, error) {
	if _, err := load(addr, t.request(), status, conns, length/8); err != nil { // warm up
		return 0, fmt.Errorf("%s: %w", t.name, err)
	}
	before := cpu(server.Process.Pid)
	n, err := load(addr, t.request(), status, conns, length)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", t.name, err)
	}
	return float64((cpu(server.Process.Pid) - before).Microseconds()) / float64(n), nil
}

func targets(cookie string) []target {
	fetch := []string{"Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"}
	forged := cookie[:len(cookie)-20] + "AAAAAAAAAAAAAAAAAAAA"
	header, rest, _ := strings.Cut(cookie, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	other := "A" + payload[1:]
	return []target{
		{"preflight, answered (401 to nginx)", "401", 1.15, []string{"Origin: https://app1.example.com", "Access-Control-Request-Method: GET",
			"Access-Control-Request-Headers: content-type"}, "OPTIONS"},
		{"no session, 401", "401", 1.15, fetch, "GET"},
		{"session seen before, 200", "200", 1.25, append(slices.Clone(fetch), "Cookie: theme=dark; __Host-ostiary="+cookie), "GET"},
		{"forged payload, 401", "401", 1.50, append(slices.Clone(fetch), "Cookie: theme=dark; __Host-ostiary="+header+"."+other+"."+signature),
			"GET"},
		{"garbage cookie, 401", "401", 1.50, append(slices.Clone(fetch), "Cookie: theme=dark; __Host-ostiary="+strings.Repeat("x", 700)), "GET"},
		{"own payload, forged signature, 401", "401", 1.50, append(slices.Clone(fetch), "Cookie: theme=dark; __Host-ostiary="+forged), "GET"},
	}
}

// request is what an ingress-nginx forwards: about 20 headers, 0.8 kB.
func (t target) request() []byte {
	lines := append([]string{
		"GET " + contract.NginxPrefix + t.method + "/app500.example.com/orders/42?page=3 HTTP/1.1",
		"Host: ostiary-authz.ostiary-system.svc.cluster.local", "X-Request-ID: 882f6de75d19d517926e3b09e48996fe",
		"X-Original-URL: https://app500.example.com/orders/42?page=3", "X-Original-Method: " + t.method,
		"X-Sent-From: nginx-ingress-controller", "X-Real-IP: 203.0.113.7", "X-Forwarded-For: 203.0.113.7",
		"X-Auth-Request-Redirect: /orders/42?page=3", "Accept: application/json, text/plain, */*",
		"Accept-Language: en-GB,en;q=0.9,nl;q=0.8", "Accept-Encoding: gzip, deflate, br, zstd",
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
		"Sec-CH-UA: \"Chromium\";v=\"156\", \"Not.A/Brand\";v=\"24\"", "Sec-CH-UA-Mobile: ?0", "Sec-CH-UA-Platform: \"Linux\"",
		"Sec-Fetch-Site: same-site", "Referer: https://app1.example.com/",
	}, t.lines...)
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n")
}

func session(dir string) (string, error) {
	folder, err := credential.OpenFolder(dir, time.Now())
	if err != nil {
		return "", err
	}
	return folder.Ring().Mint(credential.Claims{
		Issuer: "https://ostiary.invalid", Audience: []string{"bench/app500"}, ID: "ann", Email: "ann@example.com",
		Groups: []string{"staff", "engineering", "oncall"}, Lifetime: time.Hour,
	}, time.Now())
}
