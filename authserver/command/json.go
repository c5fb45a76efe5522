// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/ostiary/ostiary/authserver/policy"
)

// WriteJSON writes what -o json prints: indented, <, > and & as they are, and no character
// that a terminal would obey (policy.EscapeJSON).
func WriteJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(policy.EscapeJSON(b.Bytes()))
	return err
}
