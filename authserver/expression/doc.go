// SPDX-License-Identifier: Apache-2.0

// Package expression compiles CEL (https://cel.dev) into policy.Condition: what the
// selector cel says. It declares the variables and functions that there are, refuses
// what does not check, what may cost too much, and what asks for groups that a session
// would not keep. It does no I/O and reads no clock: the same facts always have the same
// answer, on every replica.
package expression
