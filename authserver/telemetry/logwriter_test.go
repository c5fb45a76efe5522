// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// TestLogIsPrintable: whatever a client sends, a line holds nothing that a terminal
// obeys or that cannot be seen, and says the same.
func TestLogIsPrintable(t *testing.T) {
	var all strings.Builder
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if utf8.ValidRune(r) && (r < 0x3000 || !unicode.IsPrint(r) && !unicode.Is(unicode.Cn, r) || r%997 == 0) {
			all.WriteRune(r)
		}
	}
	for _, text := range []string{all.String(), "/\u202e/gpj.exe", "a\u009b31mb\x7f", "\U000e0041\u200b", "é ü 你", "\xff\xfe"} {
		var out bytes.Buffer
		w := NewLogWriter(&out, WriterOptions{})
		slog.New(slog.NewJSONHandler(w, nil)).Info("x", "path", text)
		w.Close()
		line := strings.TrimSuffix(out.String(), "\n")
		for _, r := range line {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q: a raw %U", text[:min(len(text), 20)], r)
			}
		}
		var read struct{ Path string }
		if err := json.Unmarshal([]byte(line), &read); err != nil {
			t.Fatal(err)
		}
		if want := strings.ToValidUTF8(text, "\ufffd"); utf8.ValidString(text) && read.Path != want {
			t.Errorf("%.40q is read as %.40q", want, read.Path)
		}
	}
}
