// SPDX-License-Identifier: Apache-2.0

package userlist

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/idp/config"
)

const (
	key      = "users.yaml" // of the Secret
	maxFile  = 4 << 20      // a Secret of 1 MiB in base64, and what stands around it
	provider = "users"      // no message says it
)

// A list is the users of a file, and what stands around them there.
type list struct {
	users *yaml.Node // a sequence
	// root and text are of the manifest of a Secret: its document, and the node that
	// holds the users as text. Nil: the file is the list itself.
	root, text *yaml.Node
	encoded    bool // text is in base64
}

// parse reads a list or a Secret; nothing is a list of nobody yet.
func parse(text []byte) (*list, error) {
	root, err := document(text)
	if err != nil {
		return nil, err
	}
	if root == nil {
		return &list{users: &yaml.Node{Kind: yaml.SequenceNode}}, nil
	}
	if root.Content[0].Kind != yaml.MappingNode {
		return listOf(root)
	}
	if kind := at(root.Content[0], "kind"); kind == nil || kind.Value != "Secret" {
		return nil, command.Mistake("the file is neither a list of users nor the manifest of a Secret")
	}
	l := &list{root: root}
	for _, field := range []string{"stringData", "data"} { // the API server reads them in this order
		if l.text = at(at(root.Content[0], field), key); l.text != nil {
			l.encoded = field == "data"
			break
		}
	}
	if l.text == nil {
		return nil, command.Mistake("the Secret has no %s", key)
	}
	return l, l.decode()
}

// decode reads the users out of the text that a Secret has.
func (l *list) decode() (err error) {
	inner := []byte(l.text.Value)
	if l.encoded {
		if inner, err = base64.StdEncoding.DecodeString(strings.TrimSpace(l.text.Value)); err != nil {
			return command.Mistake("the %s of the Secret is not in base64", key)
		}
	}
	doc, err := document(inner)
	switch {
	case err != nil:
		return err
	case doc == nil:
		return command.Mistake("the %s of the Secret is empty", key)
	}
	of, err := listOf(doc)
	if err != nil {
		return err
	}
	l.users = of.users
	return nil
}

// document returns the only document of a text; nil: it has none. No error quotes it.
func document(text []byte) (*yaml.Node, error) {
	var doc yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil //nolint:nilnil // there is none
	case err != nil:
		return nil, command.Mistake("the file is no YAML")
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, command.Mistake("the file has more than one document: keep the users in a file of their own")
	}
	return &doc, nil
}

func listOf(doc *yaml.Node) (*list, error) {
	if doc.Content[0].Kind != yaml.SequenceNode {
		return nil, command.Mistake("the file is neither a list of users nor the manifest of a Secret")
	}
	return &list{users: doc.Content[0]}, nil
}

// at returns the value of a key in a mapping; nil: there is none.
func at(node *yaml.Node, key string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// known reads the users as the server does.
func (l *list) known() (*config.UserList, []config.Issue, error) {
	text, err := marshal(l.users)
	if err != nil {
		return nil, nil, err
	}
	r, issues := config.Read(&config.Provider{Name: provider, Type: config.Users, Users: text})
	return r.Users, issues, nil
}

// find returns the entry of a user by their name or address.
func (l *list) find(name string) (*config.User, error) {
	users, _, err := l.known()
	if err != nil {
		return nil, err
	}
	if users != nil {
		if one := users.Find(name); one != nil {
			return one, nil
		}
	}
	return nil, command.Mistake("there is no user %q in the list", name)
}

// set writes fields of an entry of the list; one of "" is left as it is.
func set(entry *yaml.Node, fields ...string) {
	for pair := range slices.Chunk(fields, 2) {
		name, value := pair[0], pair[1]
		if value == "" {
			continue
		}
		node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Style: yaml.DoubleQuotedStyle}
		if old := at(entry, name); old != nil {
			node.LineComment, node.HeadComment, node.FootComment = old.LineComment, old.HeadComment, old.FootComment
			*old = *node
			continue
		}
		entry.Content = append(entry.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, node)
	}
}

// write returns the file with the users as they are now, if the server would take all that
// it took before, and the user of that name; empty: nobody in particular.
func (l *list) write(name string) ([]byte, error) {
	users, issues, err := l.known()
	if err != nil {
		return nil, err
	}
	if users == nil || name != "" && users.Find(name) == nil {
		var why []string
		for _, i := range issues {
			why = append(why, i.Message)
		}
		return nil, command.Mistake("nothing is written: %s", strings.Join(why, "; "))
	}
	text, err := marshal(l.users)
	if err != nil || l.root == nil {
		return text, err
	}
	if l.encoded {
		l.text.Value = base64.StdEncoding.EncodeToString(text)
	} else {
		l.text.Value, l.text.Style = string(text), yaml.LiteralStyle
	}
	return marshal(l.root)
}

func marshal(node *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(node), e.Close()); err != nil {
		return nil, command.Failed(err)
	}
	return b.Bytes(), nil
}

// load reads the list of a file; one that is not there is empty, where it may be made.
func load(path string, mayBeNew bool) (*list, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, os.ErrNotExist) && mayBeNew:
		return parse(nil)
	case err != nil:
		return nil, command.Failed(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, command.Failed(err)
	}
	if len(text) > maxFile {
		return nil, command.Mistake("%s is longer than %d bytes", path, maxFile)
	}
	return parse(text)
}

// save replaces a file at once: a server that watches it reads the old or the new one.
// A new one is for its owner alone.
func save(path string, text []byte) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	mode := os.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".users-*")
	if err != nil {
		return command.Failed(err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // it may be gone
		return command.Failed(fmt.Errorf("%s is as it was: %w", path, err))
	}
	return nil
}
