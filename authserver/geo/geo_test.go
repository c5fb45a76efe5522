// SPDX-License-Identifier: Apache-2.0

package geo_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ostiary/ostiary/authserver/geo"
	"github.com/ostiary/ostiary/authserver/geo/geotest"
)

// A journal is a log that can be read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

var some = []geotest.Network{
	geotest.In("192.0.2.0/24", "NL"), geotest.In("192.0.2.128/25", "DE"), geotest.In("198.51.100.0/24", ""),
	geotest.In("2001:db8::/32", "NL"), geotest.In("2001:db8:1::/48", "FR"), geotest.In("203.0.113.0/24", "nl"),
}

func put(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, data []byte) (c *geo.Countries, file string, log *journal, metrics *prometheus.Registry) {
	t.Helper()
	file, log, metrics = filepath.Join(t.TempDir(), "countries.mmdb"), &journal{}, prometheus.NewRegistry()
	if data != nil {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return geo.Open(file, slog.New(slog.NewJSONHandler(log, nil)), metrics), file, log, metrics
}

func TestCountry(t *testing.T) {
	c, _, _, _ := open(t, geotest.Database(some...))
	for address, want := range map[string]string{
		"192.0.2.1": "NL", "192.0.2.127": "NL", "192.0.2.128": "DE", "192.0.2.255": "DE", "192.0.3.0": "", "198.51.100.7": "", "10.0.0.1": "",
		"2001:db8::1": "NL", "2001:db8:1::1": "FR", "2001:db9::": "", "::1": "", "::ffff:192.0.2.1": "NL", "0.0.0.0": "", "255.255.255.255": "",
		"203.0.113.1": "", // no code that a policy could name
	} {
		if got := c.Country(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
	if got := c.Country(netip.Addr{}); got != "" {
		t.Errorf("no address: %q", got)
	}
}

func TestCountryAllocatesNothing(t *testing.T) {
	c, _, _, _ := open(t, geotest.Database(some...))
	for _, a := range []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8:1::1"), netip.MustParseAddr("10.0.0.1")} {
		if n := testing.AllocsPerRun(100, func() { c.Country(a) }); n != 0 {
			t.Errorf("%s: %v allocations", a, n)
		}
	}
}

func BenchmarkCountry(b *testing.B) {
	c, _, _, _ := open(b, geotest.Database(some...))
	a := netip.MustParseAddr("192.0.2.200")
	b.ReportAllocs()
	for b.Loop() {
		if c.Country(a) != "DE" {
			b.Fatal()
		}
	}
}

// TestReload: a good file takes the place of the one before, and a broken one does not.
func TestReload(t *testing.T) {
	c, file, log, metrics := open(t, geotest.Database(geotest.In("192.0.2.0/24", "NL")))
	where := netip.MustParseAddr("192.0.2.1")
	good := geotest.Database(geotest.In("192.0.2.0/24", "BE"))
	broken := map[string][]byte{
		"empty": {}, "text": []byte("NL"), "half": good[:len(good)/2], "without its tree": good[40:],
		"no country in it": geotest.Database(geotest.In("192.0.2.0/24", "")), "no network in it": geotest.Database(),
	}
	fails := 0.0
	for name, data := range broken {
		put(t, file, data)
		c.Reload()
		fails++
		if got := c.Country(where); got != "NL" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if c.Reload(); c.Country(where) != "NL" {
		t.Error("it is gone with the file")
	}
	if got := strings.Count(log.String(), "the one before stays in use, built 2026-01-02T03:04:05Z"); got != len(broken)+1 {
		t.Errorf("%d lines say so:\n%s", got, log)
	}
	want := `# HELP ostiary_geoip_build_timestamp_seconds When the GeoIP database in use was built, as its publisher says; 0: none could be read yet.
# TYPE ostiary_geoip_build_timestamp_seconds gauge
ostiary_geoip_build_timestamp_seconds 1.767323045e+09
# HELP ostiary_geoip_reload_failures_total How often the GeoIP database could not be read. The one before stays in use.
# TYPE ostiary_geoip_reload_failures_total counter
ostiary_geoip_reload_failures_total 7
`
	if err := testutil.GatherAndCompare(metrics, strings.NewReader(want)); err != nil || fails != 6 {
		t.Error(err)
	}
	put(t, file, good)
	if c.Reload(); c.Country(where) != "BE" {
		t.Error("a good file is not read")
	}
}

// TestFollow: it starts without a file, and reads what comes, under its name or under
// what a link leads to, as in a volume of Kubernetes.
func TestFollow(t *testing.T) {
	c, file, log, metrics := open(t, nil)
	where := netip.MustParseAddr("192.0.2.1")
	if got := c.Country(where); got != "" || !strings.Contains(log.String(), "no country is known") {
		t.Errorf("%q\n%s", got, log)
	}
	if n, err := testutil.GatherAndCount(metrics); err != nil || n != 2 {
		t.Errorf("%d metrics: %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { c.Follow(ctx); close(done) }()
	dir := filepath.Dir(file)
	if err := os.Symlink("..data/countries.mmdb", file); err != nil {
		t.Fatal(err)
	}
	for i, country := range []string{"NL", "BE"} {
		folder := []string{"..1", "..2"}[i]
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, folder, "countries.mmdb"), geotest.Database(geotest.In("192.0.2.0/24", country)))
		if err := os.Symlink(folder, filepath.Join(dir, "..new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(30 * time.Second); c.Country(where) != country; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%q, and not %s\n%s", c.Country(where), country, log)
			}
		}
	}
	cancel()
	<-done
}

func FuzzDatabase(f *testing.F) {
	good := geotest.Database(some...)
	f.Add(good, []byte{192, 0, 2, 1})
	f.Add(good[:len(good)-1], []byte{10, 0, 0, 1})
	f.Fuzz(func(t *testing.T, data, address []byte) {
		c, _, _, _ := open(t, data)
		a, _ := netip.AddrFromSlice(address)
		if code := c.Country(a); code != "" && (len(code) != 2 || strings.ToUpper(code) != code) {
			t.Fatalf("%q", code)
		}
	})
}
