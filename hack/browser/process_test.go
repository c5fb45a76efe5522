// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// A process is a program that was started.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

func start(log, name string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close() //nolint:errcheck // the program has its own
	p := &process{cmd: exec.Command(name, args...), log: log, ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "CADDY_ADMIN="+freeAddress()) // Caddy's own is one for all of a machine
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in its log
		close(p.ended)
	}()
	return p, nil
}

// wait waits until the program can do its work.
func (p *process) wait(what string, ok func() bool) error {
	for range 300 {
		if ok() {
			return nil
		}
		select {
		case <-p.ended:
			text, err := os.ReadFile(p.log)
			return errors.Join(fmt.Errorf("%s has ended:\n%s", p.cmd.Path, text), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	text, err := os.ReadFile(p.log)
	return errors.Join(fmt.Errorf("%s: not there after 15 s:\n%s", what, text), err)
}

// stop asks the program to end, and insists after a while.
func (p *process) stop() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		p.kill()
	}
}

// kill ends the program as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // as above
	<-p.ended
}

func accepts(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was sent
	return true
}

// lastPort is the one that freeAddress gave last: it gives none twice. They stay
// below those that the system hands out for connections.
var lastPort = 10000 + rand.IntN(15000)

// freeAddress returns an address that nobody listens at.
func freeAddress() string {
	for {
		lastPort++
		addr := fmt.Sprintf("127.0.0.1:%d", lastPort)
		l, err := net.Listen("tcp", addr)
		if err == nil {
			_ = l.Close() // it was only tried
			return addr
		}
	}
}
