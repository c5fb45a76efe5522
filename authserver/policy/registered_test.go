// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// platform has the namespace ops for the operators'.
var platform = Terms{Console: []string{"ops"}}

// clientAt is a client with an object, "namespace/name", for policies of the namespaces; "*": all.
func clientAt(object, id string, namespaces ...string) RegisteredClient {
	namespace, name, _ := strings.Cut(object, "/")
	c := RegisteredClient{Source: Source{Namespace: namespace, Name: name},
		OAuthClient: OAuthClient{ID: id, Name: object, RedirectURIs: []string{"https://" + name + "." + namespace + ".test/cb"}}}
	if slices.Equal(namespaces, []string{"*"}) {
		c.Everywhere = true
	} else {
		c.Namespaces = namespaces
	}
	return c
}

// atHX is where the policy of listing is.
var atHX, _ = NewTarget("h.x", "/")

// listing is a policy a/p that lists a client, beside clients that have objects.
func listing(id string, all ...RegisteredClient) Input {
	p := of("a", "p", 1, Allow, []string{"h.x"})
	p.OAuth = &OAuth{Clients: []OAuthClient{{ID: id, Name: "list", RedirectURIs: []string{"https://list.test/cb"}}}}
	return Input{Policies: CompileAll([]Policy{p}), OAuthClients: NewOAuthClients(platform, all...)}
}

// registeredMistakes are those of clients that have objects, of the first in each list.
func registeredMistakes() map[Code][]RegisteredClient {
	return map[Code][]RegisteredClient{
		"oauth-client-namespaces": {clientAt("a/cli", "cli", "b")},
		"oauth-client-document":   {clientAt("a/cli", "https://ide.example.com/client.json")},
		"oauth-client-twice":      {clientAt("a/cli", "cli"), clientAt("a/other", "cli")},
		"oauth-client-taken":      {clientAt("a/cli", "cli"), clientAt("ops/ide", "cli", "a")},
	}
}

// TestRegisteredClients: whose a client_id is at the application a/p, whatever order the objects
// come in; who has it not, and is told so, naming both. "-": it is nobody's, "!": it can be used
// by nobody. (THREATS I18)
func TestRegisteredClients(t *testing.T) {
	broken := clientAt("ops/broken", "cli", "*")
	broken.RedirectURIs = []string{"javascript:alert(1)"}
	const document = "https://ide.example.com/client.json"
	for name, c := range map[string]struct {
		id    string
		list  []RegisteredClient
		want  string
		wrong string // whose objects say that something is wrong, sorted
		told  bool   // the policy is
	}{
		"nobody's":                      {"other", nil, "-", "", false},
		"the policy's own":              {"cli", nil, "list", "", false},
		"the team's":                    {"mine", []RegisteredClient{clientAt("a/mine", "mine")}, "a/mine", "", false},
		"another team's":                {"mine", []RegisteredClient{clientAt("b/mine", "mine")}, "-", "", false},
		"another team's of one id":      {"mine", []RegisteredClient{clientAt("a/x", "mine"), clientAt("b/x", "mine")}, "a/x", "", false},
		"the operators'":                {"ide", []RegisteredClient{clientAt("ops/ide", "ide", "a", "b")}, "ops/ide operators", "", false},
		"for everybody":                 {"ide", []RegisteredClient{clientAt("ops/ide", "ide", "*")}, "ops/ide operators", "", false},
		"for others":                    {"ide", []RegisteredClient{clientAt("ops/ide", "ide", "b")}, "-", "", false},
		"of operators, for their own":   {"ide", []RegisteredClient{clientAt("ops/ide", "ide")}, "-", "", false},
		"of no operator, for everybody": {"ide", []RegisteredClient{clientAt("b/ide", "ide", "*")}, "-", "b/ide", false},
		"of no operator, for the policy": {"ide", []RegisteredClient{clientAt("b/ide", "ide", "a")}, "-", "b/ide",
			false},
		"of no operator, for their own and more": {"ide", []RegisteredClient{clientAt("a/ide", "ide", "a", "b")}, "!", "a/ide", false},
		"the operators' before the team's": {"ide", []RegisteredClient{clientAt("a/ide", "ide"), clientAt("ops/ide", "ide", "a")},
			"ops/ide operators", "a/ide", false},
		"the team's, where the operators' is for others": {"ide", []RegisteredClient{clientAt("a/ide", "ide"),
			clientAt("ops/ide", "ide", "b")}, "a/ide", "", false},
		"an object before the list":      {"cli", []RegisteredClient{clientAt("a/cli", "cli")}, "a/cli", "", true},
		"the operators' before the list": {"cli", []RegisteredClient{clientAt("ops/cli", "cli", "*")}, "ops/cli operators", "", true},
		"two of a team":                  {"cli", []RegisteredClient{clientAt("a/x", "cli"), clientAt("a/y", "cli")}, "!", "a/x a/y", true},
		"two of the operators'": {"cli", []RegisteredClient{clientAt("ops/x", "cli", "a"), clientAt("ops/y", "cli", "*")},
			"!", "ops/x ops/y", true},
		"two of the operators', for a and b": {"cli", []RegisteredClient{clientAt("ops/x", "cli", "a"), clientAt("ops/y", "cli", "b")},
			"ops/x operators", "", true},
		"with a mistake: before the list":     {"cli", []RegisteredClient{broken}, "!", "ops/broken", true},
		"with a mistake: before the team's":   {"cli", []RegisteredClient{broken, clientAt("a/cli", "cli")}, "!", "a/cli ops/broken", true},
		"a document's address, of a team":     {document, []RegisteredClient{clientAt("a/x", document)}, "!", "a/x", false},
		"a document's address, of operators'": {document, []RegisteredClient{clientAt("ops/x", document, "a")}, "ops/x operators", "", false},
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
			all := NewOAuthClients(platform, c.list...)
			var wrong []string
			for i := range c.list {
				s := c.list[i].Source
				for _, issue := range all.Issues(s.Namespace, s.Name) {
					wrong = append(wrong, s.name())
					coded(t, []Issue{issue})
					if (issue.Code == codeClientTwice || issue.Code == codeClientTaken) && !namesAnother(c.list, s, issue.Message) {
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
// object says or the policy, and never of another team's. What an object's removal leaves is
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
			c := clientAt(pick("a", "b", "ops", "ops")+"/"+fmt.Sprint(i), pick("x", "y"))
			if r.IntN(2) == 0 {
				c.Namespaces = strings.Split(pick("a", "b", "a b", "ops"), " ")
			}
			c.Everywhere = len(c.Namespaces) == 0 && r.IntN(4) == 0
			list = append(list, c)
		}
		a.SetOAuthClients(NewOAuthClients(platform, list...))
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
	var operators, team []string
	for _, c := range list {
		far := c.Everywhere || len(c.Namespaces) > 0
		switch ops := c.Source.Namespace == "ops"; {
		case c.ID != id:
		case far && ops && (c.Everywhere || slices.Contains(c.Namespaces, "a")):
			operators = append(operators, c.Name)
			// Two that meet elsewhere are out of use here, too: nobody knows which is meant.
			for _, o := range list {
				if o.Source != c.Source && o.ID == id && o.Source.Namespace == "ops" && (o.Everywhere || len(o.Namespaces) > 0) &&
					(c.Everywhere || o.Everywhere || slices.ContainsFunc(c.Namespaces, func(n string) bool { return slices.Contains(o.Namespaces, n) })) {
					operators = append(operators, o.Name)
				}
			}
		case !ops && c.Source.Namespace == "a":
			if team = append(team, c.Name); far {
				team = append(team, "a mistake")
			}
		}
	}
	switch {
	case len(operators) == 1:
		return operators[0] + " operators"
	case len(operators) > 1 || len(team) > 1:
		return "!"
	case len(team) == 1:
		return team[0]
	case id == "x":
		return "list"
	}
	return "-"
}

// TestManyClients: however many objects have one client_id, each names one other.
func TestManyClients(t *testing.T) {
	var list []RegisteredClient
	for i := range 3000 {
		list = append(list, clientAt(fmt.Sprintf("a/x%d", i), "cli"), clientAt(fmt.Sprintf("ops/x%d", i), "cli", "a"),
			clientAt(fmt.Sprintf("n%d/x", i), "cli"))
	}
	all := NewOAuthClients(platform, list...)
	for _, c := range list {
		want := map[string]int{"a": 2, "ops": 1}[c.Source.Namespace]
		if got := all.Issues(c.Source.Namespace, c.Source.Name); len(got) != want {
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
		"own":        func(c *RegisteredClient) { c.Namespaces = nil },
		"object":     func(c *RegisteredClient) { c.Source.Name = "y" },
		"namespace":  func(c *RegisteredClient) { c.Source.Namespace = "b" },
		"mistake":    func(c *RegisteredClient) { c.Defects = []Issue{{}} },
	} {
		c := clientAt("ops/x", "x", "a")
		change(&c)
		table, _ := Build(Input{OAuthClients: NewOAuthClients(platform, c)})
		if other, twice := seen[table.Revision()]; twice {
			t.Errorf("%s and %s are one revision", name, other)
		}
		seen[table.Revision()] = name
	}
	none, _ := Build(Input{})
	if empty, _ := Build(Input{OAuthClients: NewOAuthClients(platform)}); empty.Revision() != none.Revision() || seen[none.Revision()] != "" {
		t.Error("none is not none")
	}
}
