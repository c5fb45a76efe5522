// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"bytes"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry"
	"github.com/ostiary/ostiary/authserver/telemetry/decisionlog"
)

// TestLinesAreRead: whatever is written about a decision is read again, and those lines are
// denials that are written where only denials are wanted.
func TestLinesAreRead(t *testing.T) {
	table, _ := policy.Build(policy.Input{})
	target, err := policy.ParseTarget("https://app.example.com/a%20b")
	if err != nil {
		t.Fatal(err)
	}
	ask := dialect.Ask{RequestID: "r1", Request: policy.Request{Target: target, Method: "PUT", Origin: "https://other.example.com",
		Address: netip.MustParseAddr("192.0.2.1"), Subject: &policy.Subject{ID: "u1", Email: "ann@example.com", Provider: "corp"}}}
	source := policy.Source{Namespace: "shop", Name: "app", Field: "spec.rules[0]"}
	verdicts := []policy.Verdict{policy.Deny, policy.Challenge, policy.Admit, policy.AnswerPreflight}
	for _, verdict := range verdicts {
		for _, would := range verdicts {
			for _, dry := range []policy.DryRun{policy.DryRunNone, policy.DryRunOpen} {
				for _, status := range []int{200, 204, 401, 403} {
					for _, machine := range []*policy.Machine{nil, {Name: "service:shop/ci", ID: "abc.access"}} {
						d := policy.Decision{Verdict: verdict, Reason: policy.NoRuleMatched, Source: source, Rule: "staff", DryRun: dry,
							Machine: machine, Would: policy.Would{Verdict: would, Reason: policy.Blocked, Source: source}}
						for _, client := range []string{"", "https://agent.example/client.json"} {
							ask.Subject.Client = client
							check(t, &ask, &d, status, table)
						}
					}
				}
			}
		}
	}
}

func check(t *testing.T, ask *dialect.Ask, d *policy.Decision, status int, table *policy.Table) {
	t.Helper()
	var all, refused bytes.Buffer
	for wanted, b := range map[telemetry.DecisionLog]*bytes.Buffer{telemetry.LogAll: &all, telemetry.LogRefused: &refused} {
		telemetry.New(telemetry.Options{Log: slog.New(slog.NewJSONHandler(b, nil)), Wanted: wanted}).
			Decided("envoy", ask, d, status, table, time.Millisecond)
	}
	got, err := decisionlog.Parse(all.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if is, want := got.Denied(), refused.Len() > 0; is != want {
		t.Errorf("denied: %v, want %v: %s", is, want, &all)
	}
	if time.Since(got.Time) > time.Minute || string(got.Text) != string(bytes.TrimSpace(all.Bytes())) {
		t.Errorf("%s of %s", got.Text, got.Time)
	}
	want := decisionlog.Entry{Time: got.Time, Kind: decisionlog.Decision, Verdict: d.Verdict.String(), Reason: d.Reason.String(),
		Status: status, Dialect: "envoy", Method: "PUT", Host: "app.example.com", Path: "/a b", Origin: "https://other.example.com",
		Policy: "shop/app", Field: "spec.rules[0]",
		Rule: "staff", User: "u1", Email: "ann@example.com", Provider: "corp", ClientID: ask.Subject.Client, Address: "192.0.2.1",
		Revision: table.Revision(), RequestID: "r1"}
	if d.Machine != nil {
		want.User, want.Email, want.Provider, want.ClientID = d.Machine.Name, "", "", d.Machine.ID
	}
	if d.DryRun != policy.DryRunNone {
		want.DryRun, want.Would = "Open", d.Would.String()
	}
	got.Text = nil
	if !same(got, want) {
		t.Errorf("%+v\nwant\n%+v", got, want)
	}
}

// same compares what can be compared: Text is left out by both.
func same(a, b decisionlog.Entry) bool {
	a.Time, b.Time = time.Time{}, time.Time{}
	return slog.AnyValue(a).String() == slog.AnyValue(b).String()
}

// TestRefusedLinesAreRead: a question that could not be read is a denial, and what is shown
// later is none.
func TestRefusedLinesAreRead(t *testing.T) {
	var b bytes.Buffer
	d := telemetry.New(telemetry.Options{Log: slog.New(slog.NewJSONHandler(&b, nil)), Wanted: telemetry.LogRefused})
	ask := &dialect.Ask{RequestID: "r2", OwnRequestID: true}
	d.Refused("nginx", ask, &dialect.Refusal{Status: 403, Reason: policy.AmbiguousPath, Message: "the path leads above the root"})
	first, err := decisionlog.Parse(b.Bytes())
	if err != nil || !first.Denied() || first.Kind != decisionlog.Refused || first.Why != "the path leads above the root" ||
		first.RequestID != "r2" {
		t.Errorf("%+v %v", first, err)
	}
	b.Reset()
	d.Refused("render", ask, &dialect.Refusal{Status: 403, Reason: policy.AmbiguousPath})
	if shown, err := decisionlog.Parse(b.Bytes()); err != nil || shown.Denied() || shown.Kind != decisionlog.Shown ||
		shown.RequestID != "r2" {
		t.Errorf("%+v %v", shown, err)
	}
	other, err := decisionlog.Parse([]byte(`ostiary-1 {"msg":"started","status":"well","policy":{}}`))
	if err != nil || other.Denied() || other.Kind != "started" {
		t.Errorf("%+v %v", other, err)
	}
}
