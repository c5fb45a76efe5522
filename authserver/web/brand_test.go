// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/web"
)

func picture(kind, data string) string {
	return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString([]byte(data))
}

const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><circle cx="2" cy="2" r="2" fill="#c60"/></svg>`

// TestBrand: the pages are the organisation's, and the policy allows just what they hold.
func TestBrand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "brand.yaml")
	text := fmt.Sprintf("name: Example & Co\nfooter: IT <desk>, room 7\nhelpURL: https://help.example.com/?a=b&c\n"+
		"passwordURL: https://help.example.com/new\nlogo: %s\nfavicon: %s\naccent: '#7a1f5c'\naccentDark: '#f0a6d8'\n",
		picture("image/svg+xml", svg), picture("image/png", "\x89PNG\r\n\x1a\n0"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := web.ReadBrand(file)
	if err != nil {
		t.Fatal(err)
	}
	l := web.NewLook(b)
	html := string(l.Render(web.Render(web.NothingHere.Page("app.example.com")), "de"))
	for _, want := range []string{
		"Example &amp; Co</title>", "<p dir=\"auto\">IT &lt;desk&gt;, room 7</p>", `href="https://help.example.com/?a=b&amp;c"`, ">Hilfe<",
		`<img class="mark" src="data:image/svg&#43;xml;base64,`, `<link rel="icon" href="data:image/png;base64,`,
		"--accent:#7a1f5c", "--accent:#f0a6d8", "--on-accent:#ffffff",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("%s is not on the page:\n%s", want, html)
		}
	}
	form := string(l.Render(web.Login(web.LoginView{}), "de"))
	if !strings.Contains(form, `<a href="https://help.example.com/new">Passwort vergessen?</a>`) {
		t.Error(form)
	}
	if strings.Contains(html, "<svg") {
		t.Error("two logos")
	}
	csp := l.CSP("'self'")
	if !strings.HasSuffix(csp, "; img-src data:") || l.CSP() == web.Plain().CSP() {
		t.Errorf("%s: the style is another one, and pictures are within the page", csp)
	}
	got := web.WithImages(csp, "https://cdn.example.com")
	if !strings.HasSuffix(got, "; img-src data: https://cdn.example.com") || strings.Count(got, "img-src") != 1 {
		t.Error(got)
	}
	if none, err := web.ReadBrand(""); err != nil || none != (web.Brand{}) {
		t.Errorf("%v, %v", none, err)
	}
}

// TestBrandMistakes: each is named, with what to write, and all at once.
func TestBrandMistakes(t *testing.T) {
	big := picture("image/png", "\x89PNG\r\n\x1a\n"+strings.Repeat("a", 64<<10))
	for text, want := range map[string]string{
		"colour: red":                             "colour: no such setting",
		"- a":                                     "not a list of settings",
		"name: [a]":                               "not a list of settings",
		`name: "a\nb"`:                            "name: one line",
		"footer: " + strings.Repeat("a", 121):     "footer: one line",
		"passwordURL: javascript:alert(1)":        "passwordURL: write an https, http or mailto address",
		"helpURL: javascript:alert(1)":            "helpURL: write an https, http or mailto address",
		"accent: red":                             `accent: "red": write a colour like #0d5c63`,
		"accent: '#ffff00'":                       "accent: #ffff00 can't be read on #ffffff",
		"accentDark: '#101010'":                   "accentDark: #101010 can't be read on #1b2024",
		"accent: '#000;}'":                        "accent: \"#000;}\"",
		"logo: https://x/logo.png":                "logo: write the picture as data:",
		"logo: data:text/html;base64,PGI+":        "logo: write the picture as data:",
		"logo: data:image/png;base64,%%%":         "logo: write the picture as data:",
		"logo: " + picture("image/png", "GIF89a"): "logo: it is no image/png",
		"logo: " + big:                            "logo: 65544 bytes: at most 64 KiB",
		"favicon: data:image/svg+xml,<svg/>":      "favicon: write the picture as data:",
		"accent: red\nlogo: x\nname: \"\\x00\"":   "accent: \"red\": write a colour like #0d5c63\nlogo: write",
	} {
		if _, err := web.ParseBrand([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
	for _, good := range []string{"", "name: Ostiary", "accent: '#0d5c63'", "accentDark: '#7fcbd0'", "helpURL: mailto:it@example.com",
		"logo: " + picture("image/svg+xml", "\ufeff\n<?xml version='1.0'?>"+svg)} {
		if _, err := web.ParseBrand([]byte(good)); err != nil {
			t.Errorf("%.60q: %v", good, err)
		}
	}
	if _, err := web.ReadBrand(filepath.Join(t.TempDir(), "none.yaml")); err == nil {
		t.Error("a file that is not there is read")
	}
}
