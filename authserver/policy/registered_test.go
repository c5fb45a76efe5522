// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// clientAt is a client with an object, for policies of the namespaces; none: for all.
func clientAt(name, id string, namespaces ...string) RegisteredClient {
	return RegisteredClient{Source: Source{Name: name}, Everywhere: len(namespaces) == 0, Namespaces: namespaces,
		OAuthClient: OAuthClient{ID: id, Name: name, RedirectURIs: []string{"https://" + name + ".test/cb"}}}
}

// atHX is where the policy of listing is.
var atHX, _ = NewTarget("h.x", "/")

// listing is a policy a/p that lists a client, beside clients that have objects.
func listing(id string, all ...RegisteredClient) Input {
	p := of("a", "p", 1, Allow, []string{"h.x"})
	p.OAuth = &OAuth{Clients: []OAuthClient{{ID: id, Name: "list", RedirectURIs: []string{"https://list.test/cb"}}}}
	return Input{Policies: CompileAll([]Policy{p}), OAuthClients: NewOAuthClients(all...)}
}

// registeredMistakes are those of clients that have objects, of the first in each list.
func registeredMistakes() map[Code][]RegisteredClient {
	many := clientAt("cli", "cli", "b")
	many.Everywhere = true
	return map[Code][]RegisteredClient{
		"oauth-client-namespaces": {many},
		"oauth-client-twice":      {clientAt("cli", "cli"), clientAt("other", "cli")},
	}
}

// TestRegisteredClients: whose a client_id is at the application a/p, whatever order the objects
// come in; who has it not, and is told so, naming both. "-": it is nobody's, "!": it can be used
// by nobody. (THREATS I18)
func TestRegisteredClients(t *testing.T) {
	broken := clientAt("broken", "cli")
	broken.RedirectURIs = []string{"javascript:alert(1)"}
	const document = "https://ide.example.com/client.json"
	for name, c := range map[string]struct {
		id    string
		list  []RegisteredClient
		want  string
		wrong string // whose objects say that something is wrong, sorted
		told  bool   // the policy is
	}{
		"nobody's":                {"other", nil, "-", "", false},
		"the policy's own":        {"cli", nil, "list", "", false},
		"for it and others":       {"ide", []RegisteredClient{clientAt("ide", "ide", "a", "b")}, "ide operators", "", false},
		"for everybody":           {"ide", []RegisteredClient{clientAt("ide", "ide")}, "ide operators", "", false},
		"for others":              {"ide", []RegisteredClient{clientAt("ide", "ide", "b")}, "-", "", false},
		"before the list":         {"cli", []RegisteredClient{clientAt("cli", "cli")}, "cli operators", "", true},
		"the list, by others":     {"cli", []RegisteredClient{clientAt("cli", "cli", "b")}, "list", "", false},
		"two":                     {"cli", []RegisteredClient{clientAt("x", "cli", "a"), clientAt("y", "cli")}, "!", "x y", true},
		"two, for a and b":        {"cli", []RegisteredClient{clientAt("x", "cli", "a"), clientAt("y", "cli", "b")}, "x operators", "", true},
		"two, elsewhere":          {"cli", []RegisteredClient{clientAt("x", "cli", "b"), clientAt("y", "cli", "c", "b")}, "list", "x y", false},
		"two of which one meets":  {"cli", []RegisteredClient{clientAt("x", "cli", "a", "b"), clientAt("y", "cli", "b")}, "!", "x y", true},
		"with a mistake":          {"cli", []RegisteredClient{broken}, "!", "broken", true},
		"with a mistake, and one": {"cli", []RegisteredClient{broken, clientAt("cli", "cli", "a")}, "!", "broken cli", true},
		"a document's address":    {document, []RegisteredClient{clientAt("x", document, "a")}, "x operators", "", false},
	} {
		for range 4 {
			rand.Shuffle(len(c.list), func(i, j int) { c.list[i], c.list[j] = c.list[j], c.list[i] })
			table, issues := Build(listing("cli", c.list...))
			agency, ok := table.Agency(atHX)
			if !ok {
				t.Fatal("no agency")
			}
			if got := belongs(&agency, c.id); got != c.want {
				t.Errorf("%s: it is %s, want %s", name, got, c.want)
			}
			all := NewOAuthClients(c.list...)
			var wrong []string
			for i := range c.list {
				s := c.list[i].Source
				for _, issue := range all.Issues(s.Name) {
					wrong = append(wrong, s.Name)
					coded(t, []Issue{issue})
					if issue.Code == codeClientTwice && !namesAnother(c.list, s, issue.Message) {
						t.Errorf("%s: which other one? %s", name, issue.Message)
					}
				}
			}
			slices.Sort(wrong)
			if got := strings.Join(slices.Compact(wrong), " "); got != c.wrong {
				t.Errorf("%s: wrong are %q, want %q", name, got, c.wrong)
			}
			if told := slices.ContainsFunc(issues, func(i Issue) bool { return i.Code == codeClientListed }); told != c.told {
				t.Errorf("%s: the policy is told: %v: %v", name, told, issues)
			}
		}
	}
}

func namesAnother(list []RegisteredClient, s Source, message string) bool {
	return slices.ContainsFunc(list, func(o RegisteredClient) bool { return o.Source != s && strings.Contains(message, o.Source.name()) })
}

// belongs says whose a client_id is.
func belongs(a *Agency, id string) string {
	c, ok := a.Client(id)
	switch {
	case !ok:
		return "-"
	case c.Unusable:
		return "!"
	case c.Operators:
		return c.Name + " operators"
	}
	return c.Name
}

// TestOneClientOneAnswer: of whatever objects there are, a client_id is at an application what one
// object says or the policy. What an object's removal leaves is
// what there would be without it; edit by edit it is what Build makes. (THREATS I18)
func TestOneClientOneAnswer(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	var a Assembler
	in := listing("x")
	a.Set("p", in.Policies[0])
	for range 5000 {
		var list []RegisteredClient
		for i := range r.IntN(5) {
			c := clientAt(fmt.Sprint(i), pick("x", "y"))
			if r.IntN(3) > 0 {
				c.Namespaces, c.Everywhere = strings.Split(pick("a", "b", "a b", "c"), " "), false
			}
			list = append(list, c)
		}
		a.SetOAuthClients(NewOAuthClients(list...))
		table, _ := Build(listing("x", list...))
		if a.Table().Revision() != table.Revision() {
			t.Fatalf("edit by edit there is another revision: %+v", list)
		}
		agency, _ := a.Table().Agency(atHX)
		for _, id := range []string{"x", "y"} {
			got := belongs(&agency, id)
			if want := ownerOf(list, id); got != want {
				t.Fatalf("%s is %s, want %s, of %+v", id, got, want, list)
			}
		}
	}
}

// ownerOf is whose a client_id is at a/p, written apart from the code.
func ownerOf(list []RegisteredClient, id string) string {
	reach := func(c RegisteredClient) []string {
		if c.Everywhere {
			return []string{"a", "b", "c"}
		}
		return c.Namespaces
	}
	var here []string
	for i, c := range list {
		if c.ID != id || !slices.Contains(reach(c), "a") {
			continue
		}
		here = append(here, c.Name)
		// Two that meet elsewhere are out of use here, too: nobody knows which is meant.
		for k, o := range list {
			if k != i && o.ID == id && slices.ContainsFunc(reach(o), func(n string) bool { return slices.Contains(reach(c), n) }) {
				here = append(here, o.Name)
			}
		}
	}
	switch {
	case len(here) == 1:
		return here[0] + " operators"
	case len(here) > 1:
		return "!"
	case id == "x":
		return "list"
	}
	return "-"
}

// TestManyClients: however many objects have one client_id, each names one other.
func TestManyClients(t *testing.T) {
	var list []RegisteredClient
	for i := range 3000 {
		list = append(list, clientAt(fmt.Sprintf("x%d", i), "cli"), clientAt(fmt.Sprintf("y%d", i), "cli", "a"))
	}
	all := NewOAuthClients(list...)
	for _, c := range list {
		if got := all.Issues(c.Source.Name); len(got) != 1 {
			t.Fatalf("%s: %d", c.Source.name(), len(got))
		}
	}
}

// TestClientsInRevision: whatever is said of a client makes another table.
func TestClientsInRevision(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*RegisteredClient){
		"as it is":   func(*RegisteredClient) {},
		"id":         func(c *RegisteredClient) { c.ID = "y" },
		"name":       func(c *RegisteredClient) { c.Name = "y" },
		"redirect":   func(c *RegisteredClient) { c.RedirectURIs = []string{"https://y.test/"} },
		"reach":      func(c *RegisteredClient) { c.Namespaces = []string{"b"} },
		"everywhere": func(c *RegisteredClient) { c.Namespaces, c.Everywhere = nil, true },
		"object":     func(c *RegisteredClient) { c.Source.Name = "y" },
		"mistake":    func(c *RegisteredClient) { c.Defects = []Issue{{}} },
	} {
		c := clientAt("x", "x", "a")
		change(&c)
		table, _ := Build(Input{OAuthClients: NewOAuthClients(c)})
		if other, twice := seen[table.Revision()]; twice {
			t.Errorf("%s and %s are one revision", name, other)
		}
		seen[table.Revision()] = name
	}
	none, _ := Build(Input{})
	if empty, _ := Build(Input{OAuthClients: NewOAuthClients()}); empty.Revision() != none.Revision() || seen[none.Revision()] != "" {
		t.Error("none is not none")
	}
}
