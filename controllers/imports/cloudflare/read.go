// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/ostiary/ostiary/controllers/imports/draft"
	"github.com/ostiary/ostiary/controllers/imports/tree"
)

// A kind is what an object at Cloudflare is.
type kind int

const (
	other kind = iota
	application
	accessPolicy
	accessGroup
	serviceToken
	provider
	list
)

var kindNames = [...]string{"object", "application", "policy", "group", "service token", "identity provider", "list"}

// An item is an object of the input.
type item struct {
	kind kind
	ids  []string // id, uid, address: others name it by one of these
	name string
	of   string // for people
	*tree.Node
}

// input is what was read.
type input struct {
	*draft.Draft
	items  []*item
	byID   map[string]*item
	module *module
}

// Read makes a draft of files.
func Read(d *draft.Draft, files []tree.File) error {
	in := &input{Draft: d, byID: map[string]*item{}, module: newModule()}
	for _, f := range files {
		if err := in.read(f); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	for _, r := range in.module.resources() {
		in.block(r)
	}
	if len(in.items) == 0 {
		d.Say(draft.Left, &tree.Node{File: files[0].Name}, "",
			"there is no application, policy, group, service token or identity provider in the input")
	}
	newTranslator(in).run()
	return nil
}

func (in *input) read(f tree.File) error {
	text := bytes.TrimSpace(bytes.TrimPrefix(f.Text, []byte("\ufeff")))
	switch {
	case len(text) == 0:
		return errors.New("the file is empty")
	case text[0] != '{' && text[0] != '[':
		return in.module.read(f.Name, f.Text)
	}
	n, err := tree.JSON(f.Name, f.Text)
	if err != nil {
		return err
	}
	switch {
	case n.Has("terraform_version") && n.Has("resources"):
		return in.state(n)
	case n.Peek("values").Has("root_module"):
		in.shown(n.Get("values").Get("root_module"))
		n.Known()
		return nil
	default:
		in.answer(n)
		return nil
	}
}

// state reads Terraform state, version 4.
func (in *input) state(n *tree.Node) error {
	if v, _ := n.Get("version").Number(); v != 4 {
		return fmt.Errorf("it is Terraform state of version %q: 4 is known", n.Peek("version").Text())
	}
	for _, r := range n.Get("resources").List() {
		mode, of := r.Get("mode").Text(), r.Get("type").Text()
		for _, instance := range r.Get("instances").List() {
			if attributes := instance.Get("attributes"); mode == "managed" && attributes != nil {
				in.resource(of, "", attributes)
			}
		}
	}
	return nil
}

// shown reads what `terraform show -json` prints.
func (in *input) shown(module *tree.Node) {
	for _, r := range module.Get("resources").List() {
		if values := r.Get("values"); values != nil && r.Get("mode").Text() == "managed" {
			in.resource(r.Get("type").Text(), r.Get("address").Text(), values)
		}
	}
	for _, child := range module.Get("child_modules").List() {
		in.shown(child)
	}
}

// block takes a block of Terraform configuration.
func (in *input) block(n *tree.Node) {
	block, of, address := n.Get("\x00block").Text(), n.Get("\x00type").Text(), n.Get("\x00address").Text()
	switch block {
	case "resource":
		in.resource(of, address, n)
	case "module":
		in.Say(draft.Left, n, "module "+address, "modules are not read: import the state, or what terraform show -json prints")
	case "data":
		in.Say(draft.Noted, n, "data "+address, "what is looked up when Terraform runs has no value here")
	}
}

// resource takes a resource of Terraform.
func (in *input) resource(of, address string, n *tree.Node) {
	short := strings.TrimPrefix(strings.TrimPrefix(of, "cloudflare_"), "zero_trust_")
	k := map[string]kind{
		"access_application": application, "access_policy": accessPolicy, "access_group": accessGroup,
		"access_service_token": serviceToken, "access_identity_provider": provider, "teams_list": list, "list": list,
	}[short]
	if k == other {
		if strings.HasPrefix(of, "cloudflare_") && (strings.Contains(of, "access") || strings.Contains(of, "zero_trust")) {
			in.Say(draft.Left, n, of, "a resource of this type is not read")
		}
		return
	}
	in.add(k, address, n)
}

// answer takes what the API answers: objects, lists of them, and both in envelopes.
func (in *input) answer(n *tree.Node) {
	switch {
	case n.Kind == tree.List:
		for _, item := range n.List() {
			in.answer(item)
		}
	case n.Kind != tree.Map:
		in.Say(draft.Left, n, "", "an object is wanted here, and this is %s", n.Kind)
	case n.Peek("result") != nil:
		in.envelope(n)
	case kindOf(n) != other:
		in.add(kindOf(n), "", n)
	default:
		in.named(n)
	}
}

// named takes an object that has others under names of people's own.
func (in *input) named(n *tree.Node) {
	found := false
	for _, key := range n.Keys {
		if v := n.Peek(key); v.Kind == tree.List || v.Kind == tree.Map {
			found = true
			in.answer(n.Get(key))
		}
	}
	if !found {
		in.Say(draft.Left, n, "", "it is no object of Access that is known")
	}
}

func (in *input) envelope(n *tree.Node) {
	if !n.Get("success").Flag(true, false) || !n.Peek("errors").Empty() {
		in.Say(draft.Left, n.Get("errors").Known(), "", "Cloudflare answered with an error: the objects are not all here")
	}
	info := n.Get("result_info")
	pages, _ := info.Get("total_pages").Number()
	if page, ok := info.Get("page").Number(); ok && pages > 1 {
		in.Say(draft.Noted, info, "", "this is page %d of %d: name a file of each", page, pages)
	}
	n.Get("result_info").Known()
	n.Get("messages").Known()
	if result := n.Get("result"); result != nil {
		in.answer(result)
	}
}

// kindOf tells an object by its fields.
func kindOf(n *tree.Node) kind {
	has := func(keys ...string) bool {
		for _, key := range keys {
			if n.Peek(key) == nil {
				return false
			}
		}
		return true
	}
	switch {
	case has("decision"):
		return accessPolicy
	case has("include"):
		return accessGroup
	case has("domain"), has("destinations"), has("aud"), has("self_hosted_domains"), has("type", "policies"):
		return application
	case has("client_id", "duration"), has("client_id", "expires_at"):
		return serviceToken
	case has("type", "config"):
		return provider
	case has("type", "items"), has("type", "list_count"), has("type", "count"):
		return list
	}
	return other
}

// add adds an object. One that was read already is not read again.
func (in *input) add(k kind, address string, n *tree.Node) {
	it := &item{kind: k, Node: n, name: n.Get("name").Text()}
	for _, key := range []string{"id", "uid", "uuid"} {
		if id := n.Get(key).Text(); id != "" {
			it.ids = append(it.ids, id)
		}
	}
	if address != "" {
		it.ids = append(it.ids, address)
	}
	it.of = kindNames[k] + fmt.Sprintf(" %q", cmp.Or(it.name, append(it.ids, "without a name")[0]))
	for _, id := range it.ids {
		if before := in.byID[id]; before != nil && before.kind == k {
			in.Say(draft.Noted, n, it.of, "it stands twice in the input: the first counts")
			return
		}
	}
	for _, id := range it.ids {
		in.byID[id] = it
	}
	in.items = append(in.items, it)
}

// find is the object of a kind that an id names.
func (in *input) find(k kind, id string) *item {
	if it := in.byID[id]; it != nil && it.kind == k {
		return it
	}
	return nil
}
