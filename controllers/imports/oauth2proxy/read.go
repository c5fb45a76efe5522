// SPDX-License-Identifier: Apache-2.0

package oauth2proxy

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/ostiary/ostiary/controllers/imports/draft"
	"github.com/ostiary/ostiary/controllers/imports/tree"
)

// settings are those of one oauth2-proxy, by the names of flags. Each is a list of texts.
type settings struct {
	*draft.Draft
	*tree.Node
	ingresses []*tree.Object
}

// Read makes a draft of files.
func Read(d *draft.Draft, files []tree.File) error {
	s := &settings{Draft: d, Node: &tree.Node{File: files[0].Name, Line: 1, Kind: tree.Map}}
	for _, f := range files {
		if err := s.read(f); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	s.write()
	return nil
}

var manifest = regexp.MustCompile(`(?m)^("?kind"?|"?apiVersion"?|  *"kind"):|^\s*[{\[]`)

func (s *settings) read(f tree.File) error {
	text := string(f.Text)
	switch first := strings.TrimSpace(text); {
	case first == "":
		s.Say(draft.Left, &tree.Node{File: f.Name}, "", "the file is empty")
		return nil
	case manifest.MatchString(text) && !strings.HasPrefix(first, "--"), strings.HasPrefix(first, "---\n"):
		return s.manifests(f)
	case strings.HasPrefix(first, "-"), strings.HasSuffix(strings.Fields(first)[0], "oauth2-proxy"):
		for i, line := range strings.Split(text, "\n") {
			s.flags(strings.Fields(line), &tree.Node{File: f.Name, Line: i + 1})
		}
		return nil
	default:
		return s.config(f.Name, text, 1)
	}
}

// set adds a value of a setting.
func (s *settings) set(name, value string, at *tree.Node) {
	name = canonical(name)
	list := s.Peek(name)
	if list == nil {
		list = &tree.Node{File: at.File, Line: at.Line, Kind: tree.List}
		s.Node.Set(name, list)
	}
	list.Add(&tree.Node{File: at.File, Line: at.Line, Kind: tree.Text, Value: value})
}

// canonical is the name of a flag. In files and in the environment lists have a plural.
func canonical(name string) string {
	name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	if one, many := strings.CutSuffix(name, "s"); many && lists[one] {
		return one
	}
	return name
}

// flags reads a command line.
func (s *settings) flags(words []string, at *tree.Node) {
	for i := 0; i < len(words); i++ {
		word := strings.Trim(words[i], `\"'`)
		flag := strings.TrimLeft(word, "-")
		if flag == word || flag == "" {
			if flag != "" && !strings.HasSuffix(flag, "oauth2-proxy") {
				s.Say(draft.Left, at, "", "%q is no flag", word)
			}
			continue
		}
		name, value, has := strings.Cut(flag, "=")
		if !has {
			value = "true"
			if i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") && !strings.HasPrefix(words[i+1], `\`) {
				i++
				value = words[i]
			}
		}
		s.set(name, strings.Trim(value, `"'`), at)
	}
}

var (
	assignment = regexp.MustCompile(`^\s*([A-Za-z0-9_-]+)\s*=\s*(.*)$`)
	quoted     = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s,\[\]"']+)`)
)

// config reads a configuration file.
func (s *settings) config(file, text string, first int) error {
	name, open := "", false
	for i, line := range strings.Split(text, "\n") {
		at := &tree.Node{File: file, Line: first + i}
		line = withoutComment(line)
		if !open {
			if strings.TrimSpace(line) == "" {
				continue
			}
			m := assignment.FindStringSubmatch(line)
			if m == nil {
				return fmt.Errorf("line %d: it is neither a setting (name = value) nor a flag (--name=value), nor a manifest", at.Line)
			}
			name, line = m[1], m[2]
			open = strings.HasPrefix(line, "[")
		}
		for _, m := range quoted.FindAllStringSubmatch(line, -1) {
			s.set(name, strings.ReplaceAll(m[1], `\\`, `\`)+m[2]+m[3], at)
		}
		open = open && !strings.HasSuffix(strings.TrimSpace(line), "]")
	}
	if open {
		return fmt.Errorf("the list %s has no end", name)
	}
	return nil
}

// withoutComment cuts a line at the first # outside of quotes.
func withoutComment(line string) string {
	quote := rune(0)
	for i, c := range line {
		switch {
		case quote == 0 && c == '#':
			return line[:i]
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		}
	}
	return line
}

// manifests reads workloads, ConfigMaps and Ingresses.
func (s *settings) manifests(f tree.File) error {
	objects, err := tree.Objects([]tree.File{f}, func(n *tree.Node) { s.Say(draft.Left, n, "", "it is no object of Kubernetes") })
	if err != nil {
		return err
	}
	for i := range objects {
		o := &objects[i]
		switch o.Kind {
		case "Ingress":
			s.ingresses = append(s.ingresses, o)
			continue
		case "ConfigMap":
			data := o.Get("data")
			if data != nil && data.Kind == tree.Map {
				for _, key := range data.Keys {
					if err := s.config(f.Name, data.Get(key).Text(), data.Peek(key).Line+1); err != nil && strings.HasSuffix(key, ".cfg") {
						return err
					}
				}
			}
		case "Deployment", "StatefulSet", "DaemonSet", "Pod":
			s.containers(o.Node)
		default:
			s.Say(draft.Noted, o.Node, o.Of, "it is not read")
		}
		o.Known()
	}
	return nil
}

// containers are those of a workload that run oauth2-proxy.
func (s *settings) containers(o *tree.Node) {
	spec := o.Get("spec")
	if template := spec.Get("template", "spec"); template != nil {
		spec = template
	}
	for _, c := range spec.Get("containers").List() {
		if !strings.Contains(c.Get("image").Text()+c.Get("name").Text(), "oauth2-proxy") {
			continue
		}
		for _, key := range []string{"command", "args"} {
			for _, arg := range c.Get(key).List() {
				s.flags([]string{arg.Text()}, arg)
			}
		}
		for _, env := range c.Get("env").List() {
			name, ours := strings.CutPrefix(env.Get("name").Text(), "OAUTH2_PROXY_")
			if !ours {
				continue
			}
			if env.Get("valueFrom") != nil {
				s.set(name, "(kept elsewhere)", env)
				continue
			}
			for value := range strings.SplitSeq(env.Get("value").Text(), ",") {
				s.set(name, value, env)
			}
		}
	}
}
