// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/ostiary/ostiary/authserver/idp/config"
)

const horse = "correct horse"

var hashes sync.Map

func hash(t testing.TB, password string, cost int) string {
	t.Helper()
	key := fmt.Sprint(cost, password)
	if h, ok := hashes.Load(key); ok {
		return h.(string)
	}
	h, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		t.Fatal(err)
	}
	hashes.Store(key, string(h))
	return string(h)
}

func people(t testing.TB, text string) *Provider {
	t.Helper()
	s := New(Options{})
	problems := s.Update([]Config{{Name: "people", Type: TypeUsers, Users: []byte(strings.ReplaceAll(text, "HASH", hash(t, horse, 10)))}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	p := s.Find("people")
	known := map[string]error{}
	p.users.compare = func(hash, password []byte) error { // slow with -race: each pair once
		key := string(hash) + string(password)
		err, ok := known[key]
		if !ok && strings.HasPrefix(string(hash), string(nobody(10)[:29])) {
			return bcrypt.ErrMismatchedHashAndPassword
		}
		if !ok {
			err = bcrypt.CompareHashAndPassword(hash, password)
			known[key] = err
		}
		return err
	}
	return p
}

// TestPassword: THREATS F14.
func TestPassword(t *testing.T) {
	p := people(t, `
- {name: Ann, email: Ann@Example.com, groups: [staff, admins, staff], passwordHash: "HASH"}
- name: jörg
  passwordHash: HASH
- {name: bob@example.com, passwordHash: "`+strings.Replace(hash(t, "bob's", 10), "$2a$", "$2y$", 1)+`"}
- {name: 1234, passwordHash: "`+strings.Replace(hash(t, "\x00 ", 10), "$2a$", "$2b$", 1)+`", email: ""}
`)
	ann := Identity{Provider: "people", ID: "ann", Email: "Ann@Example.com", Name: "Ann", Groups: []string{"staff", "admins"}}
	for _, c := range []struct{ name, password, want string }{
		{"Ann", horse, "ann"}, {"ann", horse, "ann"}, {"ANN", horse, "ann"}, {"ann@example.com", horse, "ann"}, {"ANN@EXAMPLE.COM", horse, "ann"},
		{"jörg", horse, "jörg"}, {"bob@example.com", "bob's", "bob@example.com"}, {"1234", "\x00 ", "1234"},
		{"ann ", horse, "ann"}, {" ann\u00a0", horse, "ann"}, {" Ann@example.com\n", horse, "ann"}, // as telephones write it
		{"an n", horse, ""}, {"ann\x00", horse, ""}, {"an\u200bn", horse, ""}, {"ann\u3164", horse, ""},
		{"jo\u0308rg", horse, "jörg"}, {"JÖRG", horse, "jörg"}, {"JO\u0308RG ", horse, "jörg"}, {"ａnn", horse, "ann"}, {"аnn", horse, ""},
		{"ann", "correct\u00a0horse", "ann"}, {"ann", "correct\u3000horse", "ann"}, {"ann", "correct\thorse", ""}, {"ann", "ｃorrect horse", ""},
		{"ann\u0308", horse, ""}, {"a\u0131n", horse, ""}, {"bob", "bob's", ""},
		{"", "", ""}, {"", horse, ""}, {"ann", "", ""}, {"ann", horse + " ", ""}, {"ann", "Correct horse", ""}, {"ann", horse[:12], ""}, {"ann", horse + "\x00", ""},
		{strings.Repeat("a", 1<<20), horse, ""}, {"ann", strings.Repeat("x", 1<<20), ""}, {"\xff", horse, ""}, {"1234", "\x00", ""},
	} {
		who, err := p.CheckPassword(t.Context(), Turn{}, c.name, c.password)
		if who.ID != c.want || (err == nil) != (c.want != "") || err != nil && (!errors.Is(err, ErrWrongPassword) || err.Error() != ErrWrongPassword.Error()) {
			t.Errorf("%.40q, %.40q: %+v, %v", c.name, c.password, who, err)
		}
		if who.ID == "ann" && (who.Provider != ann.Provider || who.Email != ann.Email || who.Name != ann.Name || !slices.Equal(who.Groups, ann.Groups)) {
			t.Errorf("%+v", who)
		}
	}
	for id, want := range map[string]bool{"ann": true, "Ann": false, "ann@example.com": false, "eve": false, "": false, "jörg": true} {
		if p.Knows(id) != want {
			t.Errorf("Knows(%q) is %v", id, !want)
		}
	}
	if _, err := p.AuthCodeURL(t.Context(), start()); !errors.Is(err, ErrRejected) {
		t.Error(err)
	}
	if _, err := p.Exchange(t.Context(), Callback{}); !errors.Is(err, ErrRejected) {
		t.Error(err)
	}
}

// TestLongPassword: bcrypt reads 72 bytes, and would take what begins with them.
func TestLongPassword(t *testing.T) {
	long := strings.Repeat("x", 72)
	p := people(t, `[{name: ann, passwordHash: "`+hash(t, long, 10)+`"}]`)
	if _, err := p.CheckPassword(t.Context(), Turn{}, "ann", long); err != nil {
		t.Error(err)
	}
	for _, password := range []string{long + "x", long + "\x00", long[:71]} {
		if _, err := p.CheckPassword(t.Context(), Turn{}, "ann", password); !errors.Is(err, ErrWrongPassword) {
			t.Errorf("%d bytes: %v", len(password), err)
		}
	}
}

// TestSameTime: THREATS F17. Whoever it is, the work is that of the highest cost.
func TestSameTime(t *testing.T) {
	p := people(t, `
- {name: ann, passwordHash: "HASH"}
- {name: bob, passwordHash: "`+strings.Replace(hash(t, horse, 10), "$10$", "$12$", 1)+`"}
- {name: eve, passwordHash: "`+strings.Replace(hash(t, horse, 10), "$10$", "$11$", 1)+`"}
`)
	work := 0
	p.users.compare = func(hash, password []byte) error {
		cost, err := bcrypt.Cost(hash)
		if err != nil {
			t.Error(err)
		}
		work += 1 << cost
		if string(password) != horse || string(hash) == string(nobody(cost)) {
			return bcrypt.ErrMismatchedHashAndPassword
		}
		return nil
	}
	for _, name := range []string{"ann", "bob", "eve", "nobody", "", "\x00"} {
		for _, password := range []string{horse, "wrong", "", strings.Repeat("x", 100)} {
			work = 0
			_, err := p.CheckPassword(t.Context(), Turn{}, name, password)
			if work != 1<<12 || (err == nil) != (p.Knows(name) && password == horse) {
				t.Errorf("%q, %q: work %d, %v", name, password, work, err)
			}
		}
	}
	list := Config{Name: "people", Type: TypeUsers, Users: fmt.Appendf(nil, "- {name: x, passwordHash: %q}", nobody(10))}
	if issues := config.Check(&list); len(issues) > 0 {
		t.Error(issues)
	}
	// The hash of nobody takes as long as a real one: it is not found to be none
	// before it is compared.
	if err := bcrypt.CompareHashAndPassword(nobody(10), []byte("x")); !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		t.Error(err)
	}
}

func TestUsersFile(t *testing.T) {
	good := `- {name: good, passwordHash: "HASH"}`
	for name, c := range map[string]struct {
		text, want string
		refused    bool // all of it
	}{
		"empty":                 {"", "must be a list", true},
		"comment":               {"# nobody yet", "must be a list", true},
		"empty list":            {"[]", "must be a list", true},
		"a map":                 {"ann: HASH", "must be a list", true},
		"no YAML":               {"- {name: \"HASH", "no YAML", true},
		"tab":                   {"- name: x\n\tpasswordHash: HASH", "see line 2", true},
		"two documents":         {good + "\n---\n" + good, "something follows", true},
		"too long":              {good + "\n#" + strings.Repeat("x", 1<<20), "longer than", true},
		"too many":              {strings.Repeat("- {}\n", 10_001), "more than 10000", true},
		"a string":              {good + "\n- ann", "entry 2 (line 2): it must have", false},
		"no name":               {good + "\n- {passwordHash: \"HASH\"}", "entry 2 (line 2): it has no name", false},
		"no hash":               {good + "\n\n- name: ann", "entry 2 (line 3): it has no passwordHash", false},
		"null name":             {good + "\n- {name: , passwordHash: \"HASH\"}", "the name is empty", false},
		"list as name":          {good + "\n- {name: [a], passwordHash: \"HASH\"}", "the name is", false},
		"alias":                 {good + "\n- &a {name: ann, passwordHash: \"HASH\"}\n- *a", "entry 3", false},
		"blank at the end":      {good + "\n- {name: 'ann ', passwordHash: \"HASH\"}", "blanks at the ends", false},
		"invisible":             {good + "\n- {name: \"a\\u200bnn\", passwordHash: \"HASH\"}", "cannot be seen", false},
		"filler":                {good + "\n- {name: \"ann\\u3164\", passwordHash: \"HASH\"}", "cannot be seen", false},
		"not NFC":               {good + "\n- {name: \"jo\\u0308rg\", passwordHash: \"HASH\"}", "NFC", false},
		"line end":              {good + "\n- {name: \"a\\nb\", passwordHash: \"HASH\"}", "cannot be seen", false},
		"no address":            {good + "\n- {name: ann, email: ann, passwordHash: \"HASH\"}", "not an address", false},
		"two addresses":         {good + "\n- {name: ann, email: [a@b.c], passwordHash: \"HASH\"}", "not an address", false},
		"unknown field":         {good + "\n- {name: ann, password: secret, passwordHash: \"HASH\"}", `"password" is not a field`, false},
		"merge key":             {good + "\n- {<<: {name: ann}, passwordHash: \"HASH\"}", `"<<" is not a field`, false},
		"field twice":           {good + "\n- {name: ann, name: bob, passwordHash: \"HASH\"}", `"name" comes twice`, false},
		"no hash at all":        {good + "\n- {name: ann, passwordHash: secret}", "not one of bcrypt", false},
		"SHA hash":              {good + "\n- {name: ann, passwordHash: \"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\"}", "not one of bcrypt ($2a$, $2b$ or $2y$), but of SHA-1", false},
		"MD5 hash":              {good + "\n- {name: ann, passwordHash: \"$apr1$abcdefgh$0123456789abcdefghijkl\"}", "but of Apache's MD5: `ostiary user add` makes one", false},
		"argon2":                {good + "\n- {name: ann, passwordHash: \"$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA\"}", "but of argon2", false},
		"SHA-512 crypt":         {good + "\n- {name: ann, passwordHash: \"$6$salt$hash\"}", "but of SHA-512 crypt", false},
		"a line of htpasswd":    {good + "\n- {name: ann, passwordHash: \"ann:" + hash(t, horse, 10) + "\"}", "leave out the name and the colon", false},
		"cut hash":              {good + "\n- {name: ann, passwordHash: " + hash(t, horse, 10)[:59] + "}", "which have 60 characters, and it has 59: some are cut off", false},
		"bcrypt of version 1":   {good + "\n- {name: ann, passwordHash: " + strings.Replace(hash(t, horse, 10), "$2a$", "$1a$", 1) + "}", "not one of bcrypt", false},
		"bcrypt $2x$":           {good + "\n- {name: ann, passwordHash: " + strings.Replace(hash(t, horse, 10), "$2a$", "$2x$", 1) + "}", "not one of bcrypt", false},
		"cheap":                 {good + "\n- {name: ann, passwordHash: " + strings.Replace(hash(t, horse, 10), "$10$", "$09$", 1) + "}", "has cost 9", false},
		"dear":                  {good + "\n- {name: ann, passwordHash: " + strings.Replace(hash(t, horse, 10), "$10$", "$15$", 1) + "}", "has cost 15", false},
		"groups no list":        {good + "\n- {name: ann, groups: a, passwordHash: \"HASH\"}", "groups must be a list", false},
		"group a list":          {good + "\n- {name: ann, groups: [[a]], passwordHash: \"HASH\"}", "a group is", false},
		"group with line end":   {good + "\n- {name: ann, groups: [\"a\\nb\"], passwordHash: \"HASH\"}", "a group is", false},
		"same name":             {good + "\n- {name: ann, passwordHash: \"HASH\"}\n- {name: ANN, passwordHash: \"HASH\"}", "entry 3 (line 3) has the same name or address", false},
		"same address":          {good + "\n- {name: ann, email: a@b.c, passwordHash: \"HASH\"}\n- {name: bob, email: A@b.c, passwordHash: \"HASH\"}", "entry 2 (line 2) has the same name or address", false},
		"name is an address":    {good + "\n- {name: ann, email: a@b.c, passwordHash: \"HASH\"}\n- {name: a@B.c, passwordHash: \"HASH\"}", "has the same name or address", false},
		"groups and email null": {good + "\n- {name: ann, groups: , email: , passwordHash: \"HASH\"}\n- []", "entry 3", false},
	} {
		s := New(Options{})
		h := hash(t, horse, 10)
		problems := s.Update([]Config{{Name: "people", Type: TypeUsers, Users: []byte(strings.ReplaceAll(c.text, "HASH", h))}})
		p := s.Find("people")
		var all []string
		for _, problem := range problems {
			all = append(all, problem.String())
			if problem.Provider != "people" || problem.Field != "users" || problem.Partial == c.refused {
				t.Errorf("%s: %+v", name, problem)
			}
		}
		text := strings.Join(all, "\n")
		if !strings.Contains(text, c.want) || strings.Contains(text, h[29:40]) || strings.Contains(text, "secret") || (p == nil) != c.refused {
			t.Errorf("%s: %s", name, text)
		}
		if p == nil {
			continue
		}
		if !p.Knows("good") || (name != "alias" && name != "groups and email null") && (p.Knows("ann") || p.Knows("bob") || p.Knows("a@b.c")) {
			t.Errorf("%s: wrong users are known", name)
		}
	}
}
