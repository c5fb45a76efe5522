// SPDX-License-Identifier: Apache-2.0

package command

import (
	"errors"
	"strings"
	"testing"
)

func TestWriteJSON(t *testing.T) {
	var b strings.Builder
	if err := WriteJSON(&b, map[string]string{"a": "<&>\u202e\x1b[2J", "b": "é"}); err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"a\": \"<&>\\u202e\\u001b[2J\",\n  \"b\": \"é\"\n}\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	if err := WriteJSON(&b, func() {}); err == nil {
		t.Error("a function is written")
	}
	if err := WriteJSON(full{}, 1); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
