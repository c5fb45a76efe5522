// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"cmp"
	_ "embed" // the icon
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"math"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// A Brand is whose pages they are. The zero Brand is Ostiary's own.
type Brand struct {
	Name    string // of the organisation: in titles, and beside the logo
	Footer  string
	HelpURL string // https, http or mailto
	// PasswordURL is where people get a new password of the built-in users; empty: no link.
	PasswordURL string // likewise
	// Logo and Favicon are data: URLs of pictures.
	Logo, Favicon template.URL
	// Accent is the colour of links and buttons on light pages, AccentDark on dark ones:
	// "#rrggbb".
	Accent, AccentDark string
}

// BrandUsage describes the flag that names a file with a brand.
const BrandUsage = "`FILE` (YAML) with the name, logo, colours, footer and help link of the pages that people see; read at the start " +
	"(default: Ostiary's own)"

// Bounds of a brand.
const (
	maxBrandFile = 512 << 10 // bytes
	maxPicture   = 64 << 10  // bytes, decoded
	maxLine      = 120       // characters
	minContrast  = 4.5       // WCAG 2.2, 1.4.3
)

// The colours of the pages that a brand's colours are seen on: --card and --paper of
// style.css, light and dark.
var lightPapers, darkPapers = []string{"#ffffff", "#f4f5f6", "#f0f5f5"}, []string{"#1b2024", "#121518", "#20292c"}

// ReadBrand reads a brand of a file.
func ReadBrand(file string) (Brand, error) {
	if file == "" {
		return Brand{}, nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return Brand{}, err
	}
	if info.Size() > maxBrandFile {
		return Brand{}, fmt.Errorf("%s is longer than %d KiB", file, maxBrandFile>>10)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return Brand{}, err
	}
	b, err := ParseBrand(text)
	if err != nil {
		return Brand{}, fmt.Errorf("%s: %w", file, err)
	}
	return b, nil
}

// ParseBrand reads a brand. The error holds all that is wrong.
func ParseBrand(text []byte) (Brand, error) {
	var raw map[string]string
	if err := yaml.Unmarshal(text, &raw); err != nil {
		return Brand{}, fmt.Errorf("not a list of settings and their texts: %w", err)
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		check := brandKeys[key]
		if check == nil {
			check = func(string) error {
				return fmt.Errorf("no such setting: there are %s", strings.Join(slices.Sorted(maps.Keys(brandKeys)), ", "))
			}
		}
		if err := check(raw[key]); err != nil && (raw[key] != "" || brandKeys[key] == nil) {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	return Brand{
		Name: raw["name"], Footer: raw["footer"], HelpURL: raw["helpURL"], PasswordURL: raw["passwordURL"],
		Accent: raw["accent"], AccentDark: raw["accentDark"],
		Logo: template.URL(raw["logo"]), Favicon: template.URL(raw["favicon"]), //nolint:gosec // checkPicture
	}, errors.Join(errs...)
}

// brandKeys are the settings, and say what is wrong with one that is not empty.
var brandKeys = map[string]func(string) error{
	"name": checkLine, "footer": checkLine, "helpURL": checkHelp, "passwordURL": checkHelp, "logo": checkPicture, "favicon": checkPicture,
	"accent":     func(c string) error { return checkColour(c, lightPapers) },
	"accentDark": func(c string) error { return checkColour(c, darkPapers) },
}

func checkLine(s string) error {
	if utf8.RuneCountInString(s) > maxLine || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("one line of at most %d printable characters", maxLine)
	}
	return nil
}

func checkHelp(s string) error {
	if u, err := url.Parse(s); err != nil || !slices.Contains([]string{"https", "http", "mailto"}, u.Scheme) {
		return errors.New("write an https, http or mailto address")
	}
	return nil
}

// pictures are the kinds that a page shows, by how their bytes begin. As the source of an
// img, none of them runs a script.
var pictures = map[string][]byte{
	"image/png": []byte("\x89PNG\r\n\x1a\n"), "image/jpeg": {0xff, 0xd8, 0xff}, "image/webp": []byte("RIFF"), "image/svg+xml": []byte("<"),
}

func checkPicture(s string) error {
	kind, data, ok := strings.Cut(strings.TrimPrefix(s, "data:"), ";base64,")
	begin, known := pictures[kind]
	raw, err := base64.StdEncoding.DecodeString(data)
	switch {
	case !ok || !known || !strings.HasPrefix(s, "data:") || err != nil:
		return errors.New("write the picture as data:image/svg+xml;base64,... (or png, jpeg, webp)")
	case len(raw) > maxPicture:
		return fmt.Errorf("%d bytes: at most %d KiB", len(raw), maxPicture>>10)
	case !bytes.HasPrefix(bytes.TrimLeft(raw, "\ufeff \t\r\n"), begin):
		return fmt.Errorf("it is no %s", kind)
	}
	return nil
}

var isColour = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`).MatchString

func checkColour(c string, on []string) error {
	if !isColour(c) {
		return fmt.Errorf("%q: write a colour like #0d5c63", c)
	}
	for _, paper := range on {
		if r := contrast(c, paper); r < minContrast {
			return fmt.Errorf("%s can't be read on %s: its contrast is %.1f:1, and people need 4.5:1 (WCAG 2.2, 1.4.3)", c, paper, r)
		}
	}
	return nil
}

// contrast is the ratio of WCAG 2.2.
func contrast(x, y string) float64 {
	a, b := luminance(x), luminance(y)
	return (max(a, b) + .05) / (min(a, b) + .05)
}

func luminance(colour string) (sum float64) {
	for i, weight := range []float64{.2126, .7152, .0722} {
		n, _ := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		v := float64(n) / 255
		if v <= .04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

//go:embed icon.svg
var mark []byte

// icon is the page's icon, which every page has: browsers ask the application's host for
// /favicon.ico otherwise, and are refused.
func (b *Brand) icon() template.URL {
	own := template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(mark)) //nolint:gosec // ours
	return cmp.Or(b.Favicon, own)
}

// css sets the colours.
func (b *Brand) css() string {
	out := ""
	if b.Accent != "" {
		out += ":root{" + colours(b.Accent) + "}\n"
	}
	if dark := b.AccentDark; dark != "" {
		out += "@media (prefers-color-scheme: dark){:root{" + colours(dark) + "}}\n"
	} else if b.Accent != "" { // what can be read on light paper cannot on dark
		out += "@media (prefers-color-scheme: dark){:root{--accent:#7fcbd0;--accent-hover:#a0dbdf;--on-accent:#0c2427}}\n"
	}
	return out
}

func colours(accent string) string {
	on := "#ffffff"
	if contrast(accent, "#000000") > contrast(accent, on) {
		on = "#000000"
	}
	return "--accent:" + accent + ";--accent-hover:" + accent + ";--on-accent:" + on
}
