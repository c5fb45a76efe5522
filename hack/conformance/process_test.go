// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// A process is a program that was started.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

// start runs a program with a home of its own; env adds to the environment.
func start(log string, env []string, name string, args ...string) (*process, error) {
	if err := os.MkdirAll(filepath.Dir(log), 0o700); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close() //nolint:errcheck // the program has its own
	p := &process{cmd: exec.Command(name, args...), log: log, ended: make(chan struct{})}
	p.cmd.Dir = filepath.Dir(log)
	p.cmd.Env = append(os.Environ(), "HOME="+p.cmd.Dir, "XDG_CONFIG_HOME="+p.cmd.Dir, "XDG_DATA_HOME="+p.cmd.Dir)
	p.cmd.Env = append(p.cmd.Env, env...)
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
	for range 400 {
		if ok() {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s: %s has ended:\n%s", what, filepath.Base(p.cmd.Path), p.tail())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s: not there after 20 s:\n%s", what, p.tail())
}

// tail is the end of what the program has written.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// runs tells whether the program has not ended.
func (p *process) runs() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// stop asks the program to end, and insists after a while.
func (p *process) stop() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.ended:
	case <-time.After(25 * time.Second):
		_ = p.cmd.Process.Kill() // as above
		<-p.ended
	}
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

// program finds one that must be there; variable may name another.
func program(variable string, names ...string) (string, error) {
	if name := os.Getenv(variable); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is neither installed nor named by %s: %w", names[0], variable, errors.ErrUnsupported)
}
