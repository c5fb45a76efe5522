// SPDX-License-Identifier: Apache-2.0

// Package compare finds the requests that two tables decide differently. It looks for
// them among the rules, and has policy.Table decide about each: what it reports, it has
// seen. To opens and closes belongs only what passes, or does so no more; what is refused
// in another way is a change.
//
// Hosts whose policies say the same are not looked at. Of the others, every part that
// claims tell apart is a place, and every two policies that decide somewhere, before and
// after, are a pair. Of a pair, the explorer asks one question after the other that the
// rules of either need an answer to (who is it, from where, in which group), and follows
// every answer that could make a difference.
package compare
