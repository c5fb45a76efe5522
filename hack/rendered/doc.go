// SPDX-License-Identifier: Apache-2.0

// Package rendered tests what `ostiary config` prints and what migration.md
// shows: with the real proxies in front of a real ostiary where there are any, and
// by the code that decides.
package rendered
