// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry"
)

// An unanswered is a condition that never has an answer.
type unanswered struct{}

func (unanswered) Text() string        { return "x" }
func (unanswered) Problem() string     { return "" }
func (unanswered) Cost() uint64        { return 1 }
func (unanswered) Looks() policy.Looks { return policy.Looks{Request: true} }
func (unanswered) Holds(*policy.Facts) (bool, error) {
	return false, errors.New("no such thing\nverdict=allow")
}

// TestExpressionFailures: all are counted, and the log has one line a minute of a policy,
// be decisions logged or not.
func TestExpressionFailures(t *testing.T) {
	at := time.Unix(1e9, 0)
	w := newWorld(t, func(c *Config) { c.DecisionLog, c.Now = telemetry.LogOff, func() time.Time { return at } })
	in := policy.Input{}
	for _, name := range []string{"a", "b"} {
		in.Policies = append(in.Policies, policy.Compile(&policy.Policy{Source: policy.Source{Namespace: "ns", Name: name},
			Hosts: []string{"app.example.com"}, Paths: []policy.Path{{Value: "/" + name}}, Rules: []policy.Rule{{Action: policy.Bypass,
				Include: []policy.Selector{{Property: policy.Expression, Condition: unanswered{}}}}}}))
	}
	table, _ := policy.Build(in)
	w.live.Publish(table)
	addr := w.authz(t)
	for _, path := range []string{"/a", "/a", "/b", "/a"} {
		get(t, addr, path)
	}
	at = at.Add(time.Minute)
	get(t, addr, "/a")
	lines := w.log.lines(t, "expression has no answer")
	var of []string
	for _, l := range lines {
		of = append(of, l["policy"].(string)) //nolint:forcetypeassert // or the test fails
		if l["failed"] != `spec.rules[0]: no such thing\nverdict=allow` || l["level"] != "WARN" {
			t.Errorf("%v", l)
		}
	}
	if !slices.Equal(of, []string{"ns/a", "ns/b", "ns/a"}) {
		t.Errorf("%q", of)
	}
	families, err := w.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "ostiary_expression_failures_total" && f.GetMetric()[0].GetCounter().GetValue() == 5 {
			return
		}
	}
	t.Error("not counted")
}
