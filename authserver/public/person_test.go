// SPDX-License-Identifier: Apache-2.0

package public

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// TestPerson: all that is known of somebody arrives, but for what is said of a credential.
func TestPerson(t *testing.T) {
	ofCredential := []string{"Audience", "Host", "AuthorizedParty", "PathScoped", "Client", "GrantedAt", "ExpiresAt", "Token", "Bind"}
	at := time.Unix(1769860800, 0).UTC()
	s := &policy.Subject{ID: "1", User: "ann", Email: "ann@example.com", Groups: []string{"staff"}, AMR: []string{"pwd"}, Asked: "x",
		Claims:      []policy.IdentityClaim{{Name: "level", Values: []string{"3"}}},
		Evaluations: []string{"https://a.example/"}, Provider: "corp", SignedInAt: at, IssuedAt: at.Add(time.Hour)}
	text, err := json.Marshal(PersonOf(s))
	var p Person
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	got := p.Subject()
	if err != nil || !reflect.DeepEqual(got, s) {
		t.Fatalf("%v: %+v, want %+v", err, got, s)
	}
	for v, i := reflect.ValueOf(*s), 0; i < v.NumField(); i++ {
		name := v.Type().Field(i).Name
		if v.Field(i).IsZero() && !slices.Contains(ofCredential, name) {
			t.Errorf("%s: is it of a person? This test does not say", name)
		}
	}
}
