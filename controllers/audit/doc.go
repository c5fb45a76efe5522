// SPDX-License-Identifier: Apache-2.0

// Package audit is the command that says what reaches protected hosts around their
// policies: a cluster or manifests → plan and coverage → report, judged by what the
// installation decided. It writes nothing.
package audit
