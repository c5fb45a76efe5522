// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package main

import "syscall"

// attributes returns nil: on a system other than Linux the servers share the
// terminal's signals with this program, and outlive it when it is killed.
func attributes() *syscall.SysProcAttr { return nil }
