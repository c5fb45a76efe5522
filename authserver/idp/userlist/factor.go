// SPDX-License-Identifier: Apache-2.0

package userlist

import (
	"encoding/base64"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/idp/factor"
)

// resetFactor takes away what a user has set up besides the password. A record that cannot be
// read goes as well.
func (o *flags) resetFactor(c *cobra.Command, name string) error {
	switch {
	case !o.factor || o.provider == "":
		return command.Mistake("name the identity provider, as in: ostiary user reset ann --second-factor --provider people --file factors.yaml")
	case o.stdin:
		return command.Mistake("--second-factor leaves the password as it is")
	}
	if err := o.check(true); err != nil {
		return err
	}
	id, ok := config.Canonical(strings.TrimSpace(name))
	if !ok {
		return command.Mistake("%q is nobody's name", name)
	}
	text, err := readFactors(o.file)
	if err != nil {
		return err
	}
	edited, err := withoutFactors(text, o.provider+"/"+id, time.Now())
	if err != nil {
		return err
	}
	if err := save(o.file, edited); err != nil {
		return err
	}
	if o.output == "json" {
		return command.WriteJSON(c.OutOrStdout(), result{Version: 1, Done: "second-factor-reset", Name: id, File: o.file})
	}
	_, err = io.WriteString(c.OutOrStdout(), id+": second factor reset\n")
	return err
}

func readFactors(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, command.Failed(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, command.Failed(err)
	case len(text) > maxFile:
		return nil, command.Mistake("%s is longer than %d bytes", path, maxFile)
	}
	return text, nil
}

// withoutFactors is a file of records, or the Secret of them, after a reset. No error quotes it.
func withoutFactors(text []byte, user string, now time.Time) ([]byte, error) {
	root, err := document(text)
	if err != nil {
		return nil, err
	}
	if root != nil && len(root.Content) == 1 {
		if kind := at(root.Content[0], "kind"); kind != nil && kind.Value == "Secret" {
			return secretWithout(root, user, now)
		}
	}
	all, err := factor.ReadFile(text)
	if err != nil {
		return nil, command.Mistake("the file is neither a Secret of second factors nor a file of them: it %s", err)
	}
	record, ok := all[factor.Key(user)]
	if !ok {
		return nil, noFactor(user)
	}
	if all[factor.Key(user)], err = resetRecord(user, record, now); err != nil {
		return nil, err
	}
	edited, err := factor.WriteFile(all)
	if err != nil {
		return nil, command.Failed(err)
	}
	return edited, nil
}

func noFactor(user string) error {
	return command.Mistake("%s has no second factor in the file", user)
}

// secretWithout edits the manifest of a Secret.
func secretWithout(root *yaml.Node, user string, now time.Time) ([]byte, error) {
	node := at(at(root.Content[0], "data"), factor.Key(user))
	if node == nil {
		return nil, noFactor(user)
	}
	record, err := base64.StdEncoding.DecodeString(strings.TrimSpace(node.Value))
	if err != nil {
		record = nil // it goes in any case
	}
	if record, err = resetRecord(user, record, now); err != nil {
		return nil, err
	}
	node.Value = base64.StdEncoding.EncodeToString(record)
	return marshal(root)
}

// resetRecord is a record with nothing in it but what was done, for the person to read.
func resetRecord(user string, record []byte, now time.Time) ([]byte, error) {
	e, err := factor.Decode(user, record)
	if err != nil {
		e = factor.Enrolled{}
	}
	e.TOTP, e.Passkeys = nil, nil
	e.Note(factor.ResetByOperator, now, "")
	text, err := factor.Encode(user, &e)
	if err != nil {
		return nil, command.Failed(err)
	}
	return text, nil
}
