// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// patience is for a machine that does much else at the same time.
	patience = 40 * time.Second
	// lasts is how long a program may take to end when it is asked to.
	lasts = 25 * time.Second
	// shown is how much of a log a failure shows.
	shown = 4000
)

// A Command is a program that is to be started.
type Command struct {
	Path       string
	Args       []string
	Log        string   // the file that its output is appended to; its folder is the program's own
	Env        []string // beside what this process has
	Attributes *syscall.SysProcAttr
}

// A Process is a program that was started. A nil one has ended.
type Process struct {
	Log   string
	Ended <-chan struct{} // closed when it has

	cmd *exec.Cmd
	err error // to be read when it has ended
}

// Start runs a program whose output goes to a log; env adds to the environment.
func Start(log string, env []string, path string, args ...string) (*Process, error) {
	return Command{Path: path, Args: args, Log: log, Env: env}.Start()
}

// Start starts it. It has a home of its own, the folder of its log, and Caddy an
// address of its own for its settings.
func (c Command) Start() (*Process, error) {
	log, err := filepath.Abs(c.Log)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(log)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close() //nolint:errcheck // the program has its own
	if c.Path, err = exec.LookPath(c.Path); err == nil {
		c.Path, err = filepath.Abs(c.Path)
	}
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir, cmd.SysProcAttr = dir, c.Attributes
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir, "CADDY_ADMIN="+FreeAddress())
	cmd.Env = append(cmd.Env, c.Env...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	p := &Process{Log: log, Ended: ended, cmd: cmd}
	go func() {
		p.err = cmd.Wait()
		close(ended)
	}()
	return p, nil
}

// Wait waits until the program can do its work. It fails as soon as it ends.
func (p *Process) Wait(what string, ok func() bool) error {
	deadline := time.Now().Add(patience)
	for !ok() {
		select {
		case <-p.Ended:
			return fmt.Errorf("%s: %w", what, p.Failure())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not there after %s:\n%s", what, patience, p.Tail())
		}
	}
	return nil
}

// Failure says how the program ended, and what it last wrote.
func (p *Process) Failure() error {
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s has ended (%s):\n%s", filepath.Base(p.cmd.Path), how, p.Tail())
}

// Tail is the end of what the program has written. One that was never started has
// written nothing.
func (p *Process) Tail() string {
	if p == nil {
		return ""
	}
	text, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-shown):])
}

// Text is all that the program has written.
func (p *Process) Text() string {
	text, err := os.ReadFile(p.Log)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err.Error()
	}
	return string(text)
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Runs tells whether the program has not ended.
func (p *Process) Runs() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.Ended:
		return false
	default:
		return true
	}
}

// Stop asks the program to end, and insists after a while.
func (p *Process) Stop() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.Ended:
	case <-time.After(lasts):
		p.Kill()
	}
}

// Kill ends the program as a crash would.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // as above
	<-p.Ended
}

// Program finds one that must be there: the one that a variable names, or the first
// of the names.
func Program(variable string, names ...string) (string, error) {
	if name := os.Getenv(variable); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("%s is neither installed nor named by %s: %w", strings.Join(names, ", "), variable, errors.ErrUnsupported)
}
