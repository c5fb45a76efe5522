// SPDX-License-Identifier: Apache-2.0

package har

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"
)

// maxEntries is how many requests are looked at, and maxKept how many bytes of them are
// kept. A page that has more has shown its fault before.
const (
	maxEntries = 20_000
	maxKept    = 64 << 20
)

var errFull = errors.New("no more is read")

// A rawEntry is what is read of an entry, before what may be a secret is dropped.
type rawEntry struct {
	Pageref, StartedDateTime, ServerIPAddress string
	Type                                      string               `json:"_resourceType"`
	Cache                                     string               `json:"_fromCache"`
	FetchType                                 string               `json:"_fetchType"` // Safari
	Initiator                                 struct{ URL string } `json:"_initiator"`
	Request                                   struct {
		Method, URL string
		Headers     []rawHeader
		Cookies     []struct{ Name string }
	}
	Response struct {
		Status      float64
		RedirectURL string
		Error       string `json:"_error"`
		Worker      bool   `json:"_fetchedViaServiceWorker"`
		Headers     []rawHeader
	}
}

// Read reads an export. Memory is bounded whatever it holds: long strings are cut, and so is
// the list of entries (Log.Full). The error is for what is no HTTP Archive.
func Read(r io.Reader) (*Log, error) {
	in := bufio.NewReader(r)
	if bom, _ := in.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		_, _ = in.Discard(3) // they are there
	}
	s := &shortener{r: in}
	s.more()
	f := &file{in: s, dec: json.NewDecoder(s), log: &Log{Sanitized: true}, pages: map[string]Address{}}
	found := false
	err := f.object(func(key string) error {
		if key != "log" {
			return f.skip()
		}
		found = true
		return f.object(f.member)
	})
	switch {
	case errors.Is(err, errFull): // the rest is not read
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errors.New("the file ends early: it is not a whole HTTP Archive (HAR)")
	case err != nil:
		return nil, fmt.Errorf("not an HTTP Archive (HAR): %w", err)
	case !found:
		return nil, errors.New("not an HTTP Archive (HAR): the file has no \"log\"")
	}
	f.finish()
	return f.log, nil
}

// A file is an export that is being read.
type file struct {
	in    *shortener
	dec   *json.Decoder
	log   *Log
	kept  int
	next  int // the index of the next entry
	pages map[string]Address
	refs  []string // of the entries: pages may come after them
}

// object reads a JSON object, member by member.
func (f *file) object(member func(key string) error) error {
	return f.each('{', func() error {
		key, err := f.dec.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string) // the decoder takes nothing else for a key
		return member(name)
	})
}

// each reads the members of an object or an array.
func (f *file) each(open json.Delim, next func() error) error {
	f.in.more()
	t, err := f.dec.Token()
	if err != nil {
		return err
	}
	if t != open {
		return fmt.Errorf("there is %v where %q has to be", describe(t), rune(open))
	}
	for f.dec.More() {
		f.in.more()
		if err := next(); err != nil {
			return err
		}
	}
	_, err = f.dec.Token()
	return err
}

// describe is a token in words that quote nothing of the file.
func describe(t json.Token) string {
	switch t := t.(type) {
	case json.Delim:
		return fmt.Sprintf("%q", rune(t))
	case string:
		return "a string"
	case nil:
		return "null"
	default:
		return fmt.Sprintf("a %T", t)
	}
}

func (f *file) skip() error {
	var value json.RawMessage
	return f.dec.Decode(&value)
}

func (f *file) member(key string) error {
	switch key {
	case "entries":
		return f.each('[', f.entry)
	case "pages":
		return f.each('[', f.page)
	case "creator":
		var c struct{ Name string }
		if err := f.decode(&c); err != nil {
			return err
		}
		if f.log.Creator = c.Name; len(c.Name) > 64 {
			f.log.Creator = c.Name[:64]
		}
		return nil
	default:
		return f.skip()
	}
}

// decode reads a value. What has another type than it should stays empty.
func (f *file) decode(into any) error {
	err := f.dec.Decode(into)
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		return nil
	}
	return err
}

func (f *file) page() error {
	var p struct{ ID, Title string }
	if err := f.decode(&p); err != nil {
		return err
	}
	if len(f.pages) < maxEntries {
		f.pages[p.ID] = parseAddress(p.Title)
	}
	return nil
}

func (f *file) entry() error {
	index := f.next
	f.next++
	if f.log.Full = len(f.log.Entries) == maxEntries || f.kept > maxKept; f.log.Full {
		return errFull
	}
	var raw rawEntry
	if err := f.decode(&raw); err != nil {
		return err
	}
	e := newEntry(&raw)
	if e.URL.Host == "" || e.Method == "" { // data: and blob: have nothing that could be refused
		if !strings.HasPrefix(raw.Request.URL, "data:") && !strings.HasPrefix(raw.Request.URL, "blob:") {
			f.log.Unread++
		}
		return nil
	}
	e.Index = index
	f.log.Entries, f.refs = append(f.log.Entries, e), append(f.refs, raw.Pageref)
	f.kept += e.size()
	if len(e.Cookies) > 0 || len(e.Set) > 0 {
		f.log.Sanitized = false
	}
	return nil
}

// cookies are the names of those that were sent: exports have a header, a list, or both.
func (raw *rawEntry) cookies() []string {
	out := cookieNames(first(raw.Request.Headers, "cookie"))
	if len(out) > 0 {
		return out
	}
	for _, c := range raw.Request.Cookies[:min(len(raw.Request.Cookies), maxHeaders)] {
		out = append(out, cookieName(c.Name))
	}
	return out
}

// newEntry keeps of an entry what is no secret.
func newEntry(raw *rawEntry) *Entry {
	e := &Entry{
		Method: raw.Request.Method, URL: parseAddress(raw.Request.URL), Type: strings.ToLower(raw.Type), Status: int(raw.Response.Status),
		Error: raw.Response.Error, Cached: raw.Cache != "" || strings.HasSuffix(raw.FetchType, " Cache"),
		Worker: raw.Response.Worker || raw.FetchType == "Service Worker", Remote: raw.ServerIPAddress,
		Request: keep(raw.Request.Headers, plainRequest), Response: keep(raw.Response.Headers, plainResponse),
		Set: setCookies(raw.Response.Headers), key: keyOf(raw.Request.URL),
		began: startedAt(raw.StartedDateTime),
	}
	for _, field := range []*string{&e.Method, &e.Type, &e.Error, &e.Remote} {
		if *field = plainValue(*field); len(*field) > 200 {
			*field = (*field)[:200]
		}
	}
	e.Cookies = raw.cookies()
	e.authorized = first(raw.Request.Headers, "authorization") != ""
	to := relative(raw.Request.URL, cmp.Or(raw.Response.RedirectURL, first(raw.Response.Headers, "location")))
	e.Redirect, e.to = parseAddress(to), keyOf(to)
	for _, from := range []string{first(raw.Request.Headers, "referer"), raw.Initiator.URL} {
		if page := parseAddress(from); e.Page.Host == "" {
			e.Page = page
		}
	}
	for i := range e.Set {
		e.Set[i].at = e.began
	}
	if e.mode() == "navigate" {
		e.csp = parseCSP(raw.Response.Headers)
	}
	e.extension = strings.HasSuffix(parseAddress(raw.Initiator.URL).Scheme, "-extension")
	return e
}

// seed makes keys of addresses, which are told apart and not kept.
var seed = maphash.MakeSeed()

func keyOf(url string) uint64 {
	url, _, _ = strings.Cut(url, "#")
	return maphash.String(seed, url)
}

// size is about how many bytes an entry takes.
func (e *Entry) size() int {
	n := 1024 + len(e.URL.Path)
	for _, h := range []Headers{e.Request, e.Response} {
		for name, values := range h {
			n += 64 + len(name) + len(strings.Join(values, " "))
		}
	}
	return n + 128*(len(e.Cookies)+len(e.Set))
}

// finish joins entries to their pages, and puts them in the order in which they began.
func (f *file) finish() {
	for i, e := range f.log.Entries {
		if page := f.pages[f.refs[i]]; e.Page.Host == "" && e.mode() != "navigate" {
			e.Page = page
		}
	}
	if !slices.ContainsFunc(f.log.Entries, func(e *Entry) bool { return e.began.IsZero() }) {
		slices.SortStableFunc(f.log.Entries, func(x, y *Entry) int { return x.began.Compare(y.began) })
	}
}
