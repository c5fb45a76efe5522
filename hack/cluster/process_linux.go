// SPDX-License-Identifier: Apache-2.0

package main

import "syscall"

// attributes puts the child in a process group of its own, so that Ctrl-C on the
// terminal reaches only this program, which then stops the servers in order; and
// has the kernel kill it when this program dies without doing so.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
