// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"fmt"
	"net/http"
	"sync/atomic"
)

// probes are alive as long as the process, and ready once there is a table and
// a key to check sessions with.
func (s *Server) probes(stopping *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		switch {
		case stopping.Load():
			http.Error(w, "stopping", http.StatusServiceUnavailable)
		case s.Table() == nil:
			http.Error(w, "the policies have not been read yet", http.StatusServiceUnavailable)
		case !s.Ready():
			http.Error(w, "there are no keys yet", http.StatusServiceUnavailable)
		case s.Waits != nil && s.Waits():
			http.Error(w, "proxies may not know yet where preflights are led", http.StatusServiceUnavailable)
		default:
			fmt.Fprintln(w, "ok, table", s.Table().Revision())
		}
	})
	return mux
}
