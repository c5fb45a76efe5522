// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/crypto/bcrypt"

	"github.com/ostiary/ostiary/authserver/policy"
)

const (
	maxUserFile = 1 << 20 // what a Secret can hold
	maxUsers    = 10_000
	minCost     = 10
	maxCost     = 14 // about a second
)

// A UserList holds built-in users. They change only all at once.
type UserList struct {
	Cost  int              // the highest that a hash has
	byKey map[string]*User // by canonical name, and by canonical address
	// byFold finds them by any spelling; nil: that of several.
	byFold map[string]*User
}

// A User is one of them.
type User struct {
	Name   string // canonical; their ID
	Shown  string // as the file spells it
	Email  string
	Groups []string
	Hash   []byte // of bcrypt
	Cost   int    // of Hash
	entry  int    // in the file, from 1
	line   int
}

// Find returns the user of a name or address as somebody typed it: telephones add a blank
// and begin with a capital letter, and keyboards differ in how they write one letter. What
// is somebody's very name is theirs; a spelling that would do for several is nobody's.
func (u *UserList) Find(typed string) *User {
	if key, ok := Canonical(strings.TrimSpace(typed)); ok && u.byKey[key] != nil {
		return u.byKey[key]
	}
	if fold, ok := Folded(typed); ok {
		return u.byFold[fold]
	}
	return nil
}

// readUsers reads users.yaml. An entry with a mistake, and all of those that
// claim the same name or address, are left out: the others can sign in.
func readUsers(text []byte) (*UserList, []Issue) {
	refuse := func(format string, args ...any) (*UserList, []Issue) {
		return nil, []Issue{{Field: "users", Code: codeUsers, Message: fmt.Sprintf(format, args...)}}
	}
	if len(text) > maxUserFile {
		return refuse("the list is longer than %d bytes", maxUserFile)
	}
	var doc yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return refuse("the list is no YAML: %s", yamlError(err))
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return refuse("something follows the list: it must be alone in its document")
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.SequenceNode || len(doc.Content[0].Content) == 0 {
		return refuse("it must be a list of users, with a name and a passwordHash each")
	}
	list := doc.Content[0].Content
	if len(list) > maxUsers {
		return refuse("the list has more than %d users", maxUsers)
	}
	u := &UserList{byKey: map[string]*User{}, byFold: map[string]*User{}, Cost: minCost}
	var issues []Issue
	var all []*User
	for i, node := range list {
		one := &User{entry: i + 1, line: node.Line}
		if why := one.read(node); why != "" {
			issues = append(issues, one.issue(codeUser, why))
			continue
		}
		all = append(all, one)
	}
	return u, append(issues, u.add(all)...)
}

// yamlError words an error of the parser, which may quote the file: a hash.
func yamlError(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if where, _, ok := strings.Cut(text, ":"); ok && strings.HasPrefix(where, "line ") {
		return "see " + where
	}
	return "see its end"
}

func (u *User) issue(code policy.Code, why string) Issue {
	return Issue{Field: "users", Code: code, Partial: true, Message: fmt.Sprintf("entry %d (line %d): %s", u.entry, u.line, why)}
}

// add makes those users known that share neither name nor address with others.
func (u *UserList) add(all []*User) []Issue {
	claimed := map[string][]*User{}
	for _, one := range all {
		for _, key := range one.keys() {
			claimed[key] = append(claimed[key], one)
		}
	}
	var issues []Issue
	for _, one := range all {
		clash := ""
		for _, key := range one.keys() {
			for _, other := range claimed[key] {
				if other != one && clash == "" {
					clash = fmt.Sprintf("entry %d (line %d) has the same name or address, ignoring case: neither is used", other.entry, other.line)
				}
			}
		}
		if clash != "" {
			issues = append(issues, one.issue(codeUserTwice, clash))
			continue
		}
		for _, key := range one.keys() {
			u.byKey[key] = one
			u.spell(key, one)
		}
		u.Cost = max(u.Cost, one.Cost)
	}
	return issues
}

// spell makes a user found by all spellings of a key, unless another is.
func (u *UserList) spell(key string, one *User) {
	fold, ok := Folded(key)
	if !ok {
		return // no keyboard writes it in another way that is known
	}
	if other, taken := u.byFold[fold]; taken && other != one {
		one = nil
	}
	u.byFold[fold] = one
}

// ByID returns the user of an ID, which is their canonical name.
func (u *UserList) ByID(id string) *User {
	if one := u.byKey[id]; one != nil && one.Name == id {
		return one
	}
	return nil
}

// All returns the users in the order of their entries.
func (u *UserList) All() []*User {
	var out []*User
	for key, one := range u.byKey {
		if key == one.Name { // and not their address
			out = append(out, one)
		}
	}
	slices.SortFunc(out, func(a, b *User) int { return a.entry - b.entry })
	return out
}

// Entry returns which entry of the list the user is, from 1.
func (u *User) Entry() int { return u.entry }

// all returns the users as a table knows them.
func (u *UserList) all() []policy.User {
	out := make([]policy.User, 0, len(u.byKey))
	for key, one := range u.byKey {
		if key == one.Name { // and not their address
			out = append(out, policy.User{ID: one.Name, Email: one.Email})
		}
	}
	return out
}

// keys are what the user can sign in by, each once.
func (u *User) keys() []string {
	keys := []string{u.Name}
	if key, ok := Canonical(u.Email); ok && key != u.Name {
		keys = append(keys, key)
	}
	return keys
}

// read fills in the user from its entry, and says what is wrong with that.
func (u *User) read(node *yaml.Node) (why string) {
	if node.Kind != yaml.MappingNode {
		return "it must have name and passwordHash"
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i].Value, node.Content[i+1]
		if seen[key] {
			return fmt.Sprintf("%q comes twice", key)
		}
		seen[key] = true
		if why := u.set(key, value); why != "" {
			return why
		}
	}
	switch {
	case u.Name == "":
		return "it has no name"
	case u.Hash == nil:
		return "it has no passwordHash"
	}
	return ""
}

func (u *User) set(key string, value *yaml.Node) (why string) {
	switch key {
	case "name":
		return u.setName(value)
	case "email":
		return u.setEmail(value)
	case "groups":
		return u.setGroups(value)
	case "passwordHash":
		return u.setHash(value)
	}
	return fmt.Sprintf("%.40q is not a field: they are name, email, groups, passwordHash", key)
}

func isText(value *yaml.Node) bool {
	return value.Kind == yaml.ScalarNode && value.Tag != "!!null" && value.Tag != "!!binary"
}

func (u *User) setName(value *yaml.Node) (why string) {
	name, ok := Canonical(value.Value)
	if !isText(value) || !ok {
		return "the name is empty, longer than 255 bytes, not in Unicode's form NFC, " +
			"or holds blanks at the ends or characters that cannot be seen"
	}
	u.Name, u.Shown = name, value.Value
	return ""
}

func (u *User) setEmail(value *yaml.Node) (why string) {
	if value.Kind == yaml.ScalarNode && value.Value == "" || value.Tag == "!!null" {
		return ""
	}
	if _, ok := Canonical(value.Value); !isText(value) || !ok || !IsEmail(value.Value) {
		return "the email is not an address like ann@example.com"
	}
	u.Email = value.Value
	return ""
}

func (u *User) setHash(value *yaml.Node) (why string) {
	cost, err := bcrypt.Cost([]byte(value.Value))
	if !isText(value) || err != nil || !isBcrypt(value.Value) {
		return "the passwordHash is not one of bcrypt ($2a$, $2b$ or $2y$)" + otherHash(value.Value) + ": `ostiary user add` makes one"
	}
	if cost < minCost || cost > maxCost {
		return fmt.Sprintf("the passwordHash has cost %d: less than %d is guessed too easily, more than %d takes too long",
			cost, minCost, maxCost)
	}
	u.Hash, u.Cost = []byte(value.Value), cost
	return ""
}

// otherHash says what stands where a hash of bcrypt should, without quoting it.
func otherHash(hash string) string {
	_, pasted, _ := strings.Cut(hash, ":")
	switch {
	case isBcrypt(strings.TrimSpace(pasted)):
		return ", but the whole line that htpasswd prints: leave out the name and the colon"
	case strings.HasPrefix(hash, "$2") && len(hash) < 60:
		return fmt.Sprintf(", which have 60 characters, and it has %d: some are cut off", len(hash))
	}
	for _, kind := range [][2]string{{"$apr1$", "Apache's MD5"}, {"{SHA}", "SHA-1"}, {"{SSHA}", "SHA-1"}, {"$argon2", "argon2"},
		{"$5$", "SHA-256 crypt"},
		{"$6$", "SHA-512 crypt"}, {"$y$", "yescrypt"}, {"$7$", "scrypt"}, {"$scrypt$", "scrypt"}, {"$pbkdf2", "PBKDF2"}, {"$1$", "MD5"}} {
		if strings.HasPrefix(hash, kind[0]) {
			return ", but of " + kind[1]
		}
	}
	return ""
}

func (u *User) setGroups(value *yaml.Node) (why string) {
	if value.Tag == "!!null" {
		return ""
	}
	if value.Kind != yaml.SequenceNode || len(value.Content) > MaxGroups {
		return fmt.Sprintf("groups must be a list of at most %d names", MaxGroups)
	}
	for _, g := range value.Content {
		if !isText(g) || !IsName(g.Value) {
			return "a group is empty, too long, or holds characters that cannot be printed"
		}
		if !slices.Contains(u.Groups, g.Value) {
			u.Groups = append(u.Groups, g.Value)
		}
	}
	return ""
}

// isBcrypt checks what bcrypt.Cost leaves for the comparison to find out.
func isBcrypt(hash string) bool {
	const alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	return len(hash) == 60 && hash[0] == '$' && hash[1] == '2' && strings.IndexByte("aby", hash[2]) >= 0 && hash[3] == '$' &&
		hash[6] == '$' && strings.Trim(hash[7:], alphabet) == ""
}
