// SPDX-License-Identifier: Apache-2.0

package console

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"

	"github.com/ostiary/ostiary/authserver/clientjs"
	"github.com/ostiary/ostiary/authserver/public"
)

func (h *Handler) script(x *public.Exchange) {
	h.file(x, "text/javascript; charset=utf-8", clientjs.Script())
}

func (h *Handler) scriptTypes(x *public.Exchange) {
	h.file(x, "text/plain; charset=utf-8", clientjs.Types())
}

// file serves a part of the program. Browsers ask again each time, and are told
// that nothing has changed.
func (h *Handler) file(x *public.Exchange, contentType string, content []byte) {
	if !h.Get(x) {
		return
	}
	sum := sha256.Sum256(content)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	x.W.Header().Set("Content-Type", contentType)
	x.W.Header().Set("Cache-Control", "no-cache")
	x.W.Header().Set("ETag", tag)
	if x.R.Header.Get("If-None-Match") == tag {
		x.W.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = x.W.Write(content) // the client has gone; nothing is left to tell it
}
