// SPDX-License-Identifier: Apache-2.0

// Package har tells from a browser's export of its requests (HTTP Archive 1.2) why requests
// across origins failed, and which field changes it. Browsers do not show that to the page,
// and put it into the console in words that hide the cause.
//
// It judges by the Fetch standard, as the browser did, and never guesses beyond what the
// export holds. An export is full of secrets: what cannot help is dropped while it is read,
// so that no output can show it (redact.go).
package har
