// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestStepUps: what can go wrong about each, and at which field; a table learns of those that are
// in order, and of a provider that is to be used.
func TestStepUps(t *testing.T) {
	long := func(n int) []string { return strings.Split(strings.Repeat("a,", n-1)+"a", ",") }
	for name, c := range map[string]struct {
		list []StepUp
		at   string
	}{
		"none": {nil, ""},
		"all": {[]StepUp{{Method: "mfa", ACRValues: long(8), MaxAge: time.Minute, Login: true}, {Method: "b"},
			{Method: "c"}, {Method: "d"}}, ""},
		"a method of 64":     {[]StepUp{{Method: strings.Repeat("m", 64)}}, ""},
		"of 65":              {[]StepUp{{Method: strings.Repeat("m", 65)}}, "stepUp[0].authMethod"},
		"without":            {[]StepUp{{ACRValues: long(1)}}, "stepUp[0].authMethod"},
		"of two words":       {[]StepUp{{Method: "b"}, {Method: "m fa"}}, "stepUp[1].authMethod"},
		"with a quote":       {[]StepUp{{Method: `m"`}}, "stepUp[0].authMethod"},
		"twice":              {[]StepUp{{Method: "mfa"}, {Method: "mfa"}}, "stepUp[1].authMethod"},
		"nine values":        {[]StepUp{{Method: "mfa", ACRValues: long(9)}}, "stepUp[0].acrValues"},
		"a value of two":     {[]StepUp{{Method: "mfa", ACRValues: []string{"gold", "a b"}}}, "stepUp[0].acrValues"},
		"an empty value":     {[]StepUp{{Method: "mfa", ACRValues: []string{""}}}, "stepUp[0].acrValues"},
		"half a second":      {[]StepUp{{Method: "mfa", MaxAge: 1500 * time.Millisecond}}, "stepUp[0].maxAge"},
		"before it happened": {[]StepUp{{Method: "mfa", MaxAge: -time.Second}}, "stepUp[0].maxAge"},
		"five":               {[]StepUp{{Method: "a"}, {Method: "b"}, {Method: "c"}, {Method: "d"}, {Method: "e"}}, "stepUp"},
	} {
		p := corp()
		p.StepUp = c.list
		r, issues := Read(&p)
		at := ""
		if len(issues) == 1 && issues[0].Code == codeStepUp {
			at = issues[0].Field
		}
		if at != c.at || len(issues) > 1 || Usable(issues) != (c.at == "") {
			t.Errorf("%s: %+v", name, issues)
		}
		var want []string
		for _, s := range c.list {
			want = append(want, s.Method)
		}
		if got := r.Known("corp").StepUp; c.at == "" && !slices.Equal(got, want) {
			t.Errorf("%s: a table knows %q", name, got)
		}
	}
	p := corp()
	p.StepUp = []StepUp{{Method: "mfa", Login: true}, {Method: "otp"}}
	if by := p.StepUpBy("otp"); by != &p.StepUp[1] || p.StepUpBy("") != nil || p.StepUpBy("hwk") != nil {
		t.Errorf("by %+v", by)
	}
	d := p.Clone()
	d.StepUp[0].Method = "hwk"
	if p.StepUp[0].Method != "mfa" {
		t.Error("a copy shares its list")
	}
}
