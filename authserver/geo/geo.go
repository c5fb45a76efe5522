// SPDX-License-Identifier: Apache-2.0

package geo

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/prometheus/client_golang/prometheus"
)

// Countries tells where addresses are, by the last good content of a file. Make one
// with Open.
type Countries struct {
	file    string
	log     *slog.Logger
	opened  look
	current atomic.Pointer[database]
	fails   prometheus.Counter
}

// Open reads a database. While the file cannot be read, no country is known: Follow
// reads it once it can be.
func Open(file string, log *slog.Logger, metrics prometheus.Registerer) *Countries {
	c := &Countries{file: file, log: log}
	c.fails = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "ostiary_geoip_reload_failures_total",
		Help: "How often the GeoIP database could not be read. The one before stays in use.",
	})
	c.opened = c.look()
	c.Reload()
	if metrics == nil {
		return c
	}
	built := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ostiary_geoip_build_timestamp_seconds",
		Help: "When the GeoIP database in use was built, as its publisher says; 0: none could be read yet.",
	}, func() float64 { return float64(c.Built().Unix()) })
	for _, m := range []prometheus.Collector{c.fails, built} {
		if err := metrics.Register(m); err != nil {
			log.Error("there are no metrics of the GeoIP database", "error", err)
		}
	}
	return c
}

// Country returns the code of an address's country (ISO 3166-1 alpha-2, upper case);
// empty: it is not known. It allocates nothing.
func (c *Countries) Country(a netip.Addr) string {
	if d := c.current.Load(); d != nil {
		return d.country(a)
	}
	return ""
}

// Built returns when the database in use was built, as its publisher says; the start
// of Unix time if there is none.
func (c *Countries) Built() time.Time {
	if d := c.current.Load(); d != nil {
		return d.built()
	}
	return time.Unix(0, 0)
}

func (c *Countries) use(d *database) {
	c.current.Store(d)
	m := &d.reader.Metadata
	c.log.Info("the GeoIP database is in use", "file", c.file, "type", m.DatabaseType, "built", d.built().UTC().Format(time.RFC3339))
}

// pause is how long a file has to be left alone before it is read: who copies it
// writes for a while.
const pause = time.Second

// Follow reads the file again whenever it changes, until ctx is done. A broken one
// changes nothing, and is told of. It looks once a minute as well: not every file
// system tells.
func (c *Countries) Follow(ctx context.Context) {
	var events chan fsnotify.Event // nil: nobody tells
	var overflows chan error
	if w, err := fsnotify.NewWatcher(); err == nil {
		defer w.Close() //nolint:errcheck // nothing is wanted of it any more
		if w.Add(filepath.Dir(c.file)) == nil {
			events, overflows = w.Events, w.Errors
		}
	}
	every := time.NewTicker(time.Minute)
	defer every.Stop()
	soon := time.NewTimer(pause)
	defer soon.Stop()
	seen := c.opened // what changed since is seen
	for {
		select {
		case <-ctx.Done():
			return
		case <-events:
			soon.Reset(pause)
			continue
		case <-overflows: //nolint:errcheck // something changed, and no telling what
			soon.Reset(pause)
			continue
		case <-every.C: // however much goes on beside the file
		case <-soon.C:
		}
		if now := c.look(); now != seen {
			seen = now
			c.Reload()
		}
	}
}

// A look is what tells one content of a file from the next without reading it. The
// name may be a link, as in a volume of Kubernetes.
type look struct {
	size int64
	time time.Time
	real string
}

func (c *Countries) look() (l look) {
	l.real, _ = filepath.EvalSymlinks(c.file)
	if info, err := os.Stat(c.file); err == nil {
		l.size, l.time = info.Size(), info.ModTime()
	}
	return l
}

// Reload reads the file. If it is broken, what was read before stays in use.
func (c *Countries) Reload() {
	d, err := read(c.file)
	if err != nil {
		c.fails.Inc()
		in := "no country is known"
		if c.current.Load() != nil {
			in = "the one before stays in use, built " + c.Built().UTC().Format(time.RFC3339)
		}
		c.log.Error("the GeoIP database cannot be read; "+in, "file", c.file, "error", err)
		return
	}
	c.use(d)
}
