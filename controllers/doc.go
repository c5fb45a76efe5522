// SPDX-License-Identifier: Apache-2.0

// Package controllers watches objects in a cluster, and keeps the table in
// force equal to them: list → translate → build → publish → report. It is the
// only package that talks to the API server. Every replica computes and
// publishes; the leader alone writes. While the API server is away the last
// table decides, and a metric tells since when (Contact). It knows of the
// authserver just the table, and of keys just bytes.
package controllers
