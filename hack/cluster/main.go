// SPDX-License-Identifier: Apache-2.0

// Command cluster runs an API server and its etcd on loopback, until it is
// interrupted: a place to apply the custom resources, the RBAC and the chart
// for real.
//
// Nothing else of Kubernetes runs. No controller manager: objects are not
// garbage-collected, a deleted namespace stays Terminating, and no service
// account is made in a new namespace. No scheduler and no kubelet: a Pod is
// stored, never started. RBAC does decide every request, so an identity can be
// tried with `kubectl --as`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// The kernel ends the servers when the thread that started them ends, so they
// are started from the main goroutine, and it is kept on the main thread.
func init() { runtime.LockOSThread() }

// options are the command's flags.
type options struct {
	assets     string
	kubeconfig string
	timeout    time.Duration
}

func main() {
	cache := os.Getenv("OSTIARY_CACHE")
	if cache == "" {
		cache = filepath.Join(".cache", "bin")
	}
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		assets = filepath.Join(cache, "envtest")
	}
	var o options
	flag.StringVar(&o.assets, "assets", assets, "folder with etcd and kube-apiserver")
	flag.StringVar(&o.kubeconfig, "kubeconfig", filepath.Join(cache, "cluster", "kubeconfig"),
		"file to write the administrator's kubeconfig to")
	flag.DurationVar(&o.timeout, "timeout", time.Minute, "how long each server may take to become ready")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// run starts the cluster, says how to reach it, and takes it down when ctx ends
// or a server does. Whatever happens, the data directory is removed.
func run(ctx context.Context, o options) (err error) {
	started := time.Now()
	data, err := os.MkdirTemp("", "ostiary-cluster-")
	if err != nil {
		return err
	}
	c := cluster{data: data, assets: o.assets, timeout: o.timeout}
	defer func() {
		c.stop()
		err = errors.Join(err, os.RemoveAll(data))
	}()
	if err := c.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // interrupted while starting: that is no failure
		}
		return err
	}
	kubeconfig, err := filepath.Abs(o.kubeconfig)
	if err != nil {
		return err
	}
	if err := writeKubeconfig(kubeconfig, c.url, c.pki); err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	defer func() {
		if e := os.Remove(kubeconfig); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}()

	fmt.Printf("# %s is ready after %.1f s; its data and logs are in %s\n", c.url, time.Since(started).Seconds(), data)
	fmt.Printf("export KUBECONFIG=%s\n", shellQuote(kubeconfig))
	fmt.Println("# Ctrl-C stops it.")
	return c.wait(ctx)
}
