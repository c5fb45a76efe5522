// SPDX-License-Identifier: Apache-2.0

// Package optin gives routes that name a policy what their proxies need, and takes it
// back from those that no longer do: watch → plan → server-side apply → report, and
// release. The leader writes; if it is away, others do what cannot wait. It takes no
// field from anybody, and removes only what carries our label.
package optin
