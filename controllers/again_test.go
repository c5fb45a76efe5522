// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/ostiary/ostiary/authserver/policy"
)

// TestRunAgain: an API server that is not there is waited for, and until then
// there is no table: requests are refused.
func TestRunAgain(t *testing.T) {
	var live policy.Live
	logged := make(chan string, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- RunAgain(ctx, Options{
			Config: &rest.Config{Host: "https://127.0.0.1:1"}, Live: &live, Namespace: "default", Metrics: prometheus.NewRegistry(),
			Log: funcr.New(func(_, args string) { logged <- args }, funcr.Options{}),
		})
	}()
	timeout := time.After(time.Minute)
	for started := 0; started < 2; { // twice: the second one finds its metrics registered
		select {
		case line := <-logged:
			if strings.Contains(line, "started again") {
				started++
			}
		case err := <-done:
			t.Fatalf("it gave up: %v", err)
		case <-timeout:
			t.Fatal("it did not try again")
		}
	}
	if live.Table() != nil {
		t.Error("a table, out of nothing")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
