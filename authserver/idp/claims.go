// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/oidc"
)

// claims are what a provider says about somebody, by their exact names. Numbers
// are json.Number.
type claims map[string]any

func decodeClaims(what string, text []byte) (claims, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var c claims
	err := d.Decode(&c)
	if _, end := d.Token(); err != nil || c == nil || !errors.Is(end, io.EOF) { // More takes a bracket for an end
		return nil, oidc.Fail(ErrRejected, "%s holds no claims", what)
	}
	return c, nil
}

// lookup returns what is at a path such as realm_access.roles. A claim's name may
// hold dots itself: https://example.com/groups. The longer name comes first.
func lookup(c map[string]any, path string) (any, bool) {
	if v, ok := c[path]; ok {
		return v, v != nil
	}
	for at := strings.LastIndexByte(path, '.'); at > 0; at = strings.LastIndexByte(path[:at], '.') {
		if inner, ok := c[path[:at]].(map[string]any); ok {
			if v, ok := lookup(inner, path[at+1:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

// time returns a NumericDate (RFC 7519 §2).
func (c claims) time(name string) (time.Time, bool) {
	n, ok := c[name].(json.Number)
	if !ok {
		return time.Time{}, false
	}
	seconds, err := n.Float64()
	// Until the year 9999, so that adding to it does not overflow.
	if err != nil || math.IsNaN(seconds) || seconds < 0 || seconds > 253402300799 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// texts returns a string, or the strings of a list; what else there is does not
// count.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		all := make([]string, 0, len(v))
		for _, e := range v {
			if s, ok := e.(string); ok {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}
