// SPDX-License-Identifier: Apache-2.0

// Package installation is what was decided where Ostiary runs: flags that several
// commands share, and the settings that an installation publishes, so that every
// command that looks at its cluster judges as it does.
package installation
