// SPDX-License-Identifier: Apache-2.0

// Package draft is what importers write: objects of ours, and notes on what is not in them.
// It holds the one rule that all importers share: what cannot be expressed makes a policy
// admit fewer, and never more. A rule that admits loses what cannot be included, and is not
// written at all where something that narrowed it is missing; a rule that blocks goes the other
// way. What is written passes `ostiary check`; an object that does not is closed.
package draft
