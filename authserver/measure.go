// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"io"
	"time"

	"github.com/ostiary/ostiary/authserver/telemetry"
)

// measure has what a Service holds be read when metrics are.
func (s *Service) measure(log io.Writer) {
	if s.Metrics == nil {
		return
	}
	telemetry.Gauge(s.Metrics, "ostiary_signing_key_active_timestamp_seconds",
		"From when on the key signs that signs sessions now; 0: there is none yet.", func() float64 {
			since := s.ring.Load().SigningSince(time.Now())
			if since.IsZero() {
				return 0
			}
			return float64(since.Unix())
		})
	telemetry.Counter(s.Metrics, "ostiary_session_cache_hits_total",
		"Sessions that were presented and known from before, so that no signature had to be verified.", func() float64 {
			hits, _ := s.verifier.Lookups()
			return float64(hits)
		})
	telemetry.Counter(s.Metrics, "ostiary_session_cache_misses_total",
		"Sessions that were presented whose signature had to be verified.", func() float64 {
			_, misses := s.verifier.Lookups()
			return float64(misses)
		})
	if w, ok := log.(*telemetry.LogWriter); ok {
		telemetry.Counter(s.Metrics, "ostiary_log_lines_dropped_total",
			"Log lines that were lost, as whatever reads the log is too slow.", func() float64 { return float64(w.Dropped()) })
		telemetry.Counter(s.Metrics, "ostiary_log_lines_left_out_total",
			"Log lines that were left out, as there were more than --log-rate allows; the log says of which kind.",
			func() float64 { return float64(w.LeftOut()) })
	}
}
