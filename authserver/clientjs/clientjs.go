// SPDX-License-Identifier: Apache-2.0

package clientjs

import _ "embed"

//go:embed client.js
var script []byte

//go:embed client.d.ts
var types []byte

// Script returns the module, text/javascript.
func Script() []byte { return script }

// Types returns its TypeScript declarations.
func Types() []byte { return types }
