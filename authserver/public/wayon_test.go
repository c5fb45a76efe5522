// SPDX-License-Identifier: Apache-2.0

package public

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// No page that a step shows, and none at an address that nothing answers for, is a dead end:
// each leads to the application, or where there is none to the start page; and before there
// are policies, to the address itself. None leads to a host that a client made up.
func TestEveryPageLeadsOn(t *testing.T) {
	notices := []web.Notice{web.DamagedAddress, web.CrossSite, web.GetOnly, web.NothingHere, web.NotReady, web.Broken, web.NoApplication,
		web.NotConfigured, web.NoPermittedProvider, web.AttemptExpired, web.TicketUsed, web.AnswerTooLarge, web.NotRevoked}
	for _, table := range []*policy.Table{build(t), nil} {
		s, _ := newSite(t, "https://login.example.com", table)
		s.Home = "https://login.example.com/"
		for _, n := range notices {
			h := s.Handler(func(*http.Request) string { return "id" }, func(w http.ResponseWriter, r *http.Request, id string) bool {
				return s.Serve(w, r, id, router(func(x *Exchange) { s.Fail(x, n) }))
			})
			for _, host := range []string{"app.example.com", "login.example.com", "evil.example.net", "app.example.com:8443"} {
				for _, path := range []string{"/.access/x", "/.access/x?%zz", "/.access/nothing", "/"} {
					for _, method := range []string{"GET", "POST", "DELETE"} {
						r := httptest.NewRequest(method, path, nil)
						r.Host = host
						w := httptest.NewRecorder()
						h.ServeHTTP(w, r)
						_, link, found := strings.Cut(w.Body.String(), `<a class="button" href="`)
						link, _, _ = strings.Cut(link, `"`)
						own := "https://" + strings.TrimSuffix(host, ":8443") + "/"
						if !found || link != s.Home && (!strings.HasPrefix(link, own) || host == "evil.example.net" && table != nil) {
							t.Errorf("%s %s%s, %q: %d, leads to %q", method, host, path, n.Title, w.Code, link)
						}
					}
				}
			}
		}
	}
}
