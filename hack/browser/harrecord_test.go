// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"bytes"
	"cmp"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// An archive records what a tab asks for as Chromium's own DevTools would export it:
// the same events, put together in the same way.
type archive struct {
	mu    sync.Mutex
	hops  []*hop
	last  map[network.RequestID]*hop // the newest of each request
	count map[network.RequestID]int  // of hops
	// What came over the wire is told apart from the rest, and for each hop of a request in turn.
	sent map[network.RequestID][]*network.EventRequestWillBeSentExtraInfo
	got  map[network.RequestID][]*network.EventResponseReceivedExtraInfo
}

// A hop is a request, and each that a redirect leads to is one.
type hop struct {
	id        network.RequestID
	number    int
	began     time.Time
	method    string
	url       string
	page      string
	kind      network.ResourceType
	initiator *network.Initiator
	headers   network.Headers
	response  *network.Response
	failed    string
	cached    bool
	extra     bool // the response has extra info
}

// record begins to record what a tab does.
func record(t *tab) *archive {
	a := &archive{
		last: map[network.RequestID]*hop{}, count: map[network.RequestID]int{},
		sent: map[network.RequestID][]*network.EventRequestWillBeSentExtraInfo{},
		got:  map[network.RequestID][]*network.EventResponseReceivedExtraInfo{},
	}
	chromedp.ListenTarget(t.ctx, a.see)
	return a
}

func (a *archive) add(id network.RequestID, h *hop) {
	h.id, h.number = id, a.count[id]
	a.count[id]++
	a.last[id] = h
	a.hops = append(a.hops, h)
}

func (a *archive) see(event any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if before := a.last[e.RequestID]; before != nil && e.RedirectResponse != nil {
			before.response, before.extra = e.RedirectResponse, e.RedirectHasExtraInfo
		}
		a.add(e.RequestID, &hop{
			began: e.WallTime.Time(), method: e.Request.Method, url: e.Request.URL, page: e.DocumentURL, kind: e.Type, initiator: e.Initiator,
			headers: e.Request.Headers,
		})
	case *network.EventRequestWillBeSentExtraInfo:
		a.sent[e.RequestID] = append(a.sent[e.RequestID], e)
	case *network.EventResponseReceived:
		if h := a.last[e.RequestID]; h != nil {
			h.response, h.extra, h.kind = e.Response, e.HasExtraInfo, e.Type
		}
	case *network.EventResponseReceivedExtraInfo:
		a.got[e.RequestID] = append(a.got[e.RequestID], e)
	case *network.EventRequestServedFromCache:
		if h := a.last[e.RequestID]; h != nil {
			h.cached = true
		}
	case *network.EventLoadingFailed:
		if h := a.last[e.RequestID]; h != nil {
			h.failed, h.kind = e.ErrorText, e.Type
		}
	default:
		a.socket(event)
	}
}

// socket is see for WebSockets.
func (a *archive) socket(event any) {
	switch e := event.(type) {
	case *network.EventWebSocketCreated:
		a.add(e.RequestID, &hop{began: time.Now(), method: "GET", url: e.URL, kind: network.ResourceTypeWebSocket, initiator: e.Initiator})
	case *network.EventWebSocketWillSendHandshakeRequest:
		if h := a.last[e.RequestID]; h != nil {
			h.headers = e.Request.Headers
		}
	case *network.EventWebSocketHandshakeResponseReceived:
		if h := a.last[e.RequestID]; h != nil {
			h.response = &network.Response{Status: e.Response.Status, StatusText: e.Response.StatusText, Headers: e.Response.Headers}
		}
	case *network.EventWebSocketFrameError:
		if h := a.last[e.RequestID]; h != nil {
			h.failed = e.ErrorMessage
		}
	}
}

type fields = map[string]any

// har is the export. Without sensitive data, Chrome leaves out what it does.
func (a *archive) har(sensitive bool) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	pages, entries := []fields{}, []fields{}
	refs := map[string]string{}
	for _, h := range a.hops {
		if strings.HasPrefix(h.url, "data:") || strings.HasPrefix(h.url, "chrome") || h.url == "about:blank" {
			continue
		}
		e := a.entry(h, sensitive)
		if h.page != "" && refs[h.page] == "" {
			refs[h.page] = "page_" + string(rune('1'+len(pages)))
			pages = append(pages, fields{"startedDateTime": stamp(h.began), "id": refs[h.page], "title": h.page, "pageTimings": fields{}})
		}
		if ref := refs[h.page]; ref != "" {
			e["pageref"] = ref
		}
		entries = append(entries, e)
	}
	var b bytes.Buffer
	b.WriteString(`{"log": {"version": "1.2", "creator": {"name": "WebInspector", "version": "537.36"}, "pages": ` + line(pages) + `, "entries": [`)
	for i, e := range entries {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n" + line(e))
	}
	b.WriteString("\n]}}\n")
	text := b.Bytes()
	return sealed.ReplaceAll(text, []byte("$1=x"))
}

func line(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // these are strings and numbers
	}
	return string(text)
}

// sealed are values in addresses of a sign-in, which are good for this server alone.
var sealed = regexp.MustCompile(`\b(attempt|ticket|state|nonce|code|code_challenge)=[^&"\\]+`)

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (a *archive) entry(h *hop, sensitive bool) fields {
	sent, got := h.headers, network.Headers{}
	status, remote, worker := int64(0), "", false
	if list := a.sent[h.id]; h.number < len(list) {
		sent = list[h.number].Headers
	}
	if r := h.response; r != nil {
		got, status, remote, worker = r.Headers, r.Status, r.RemoteIPAddress, r.FromServiceWorker
		h.cached = h.cached || r.FromDiskCache
	}
	if list := a.got[h.id]; h.number < len(list) && !h.cached {
		got, status = list[h.number].Headers, list[h.number].StatusCode
	}
	kind := strings.ToLower(string(h.kind))
	response := fields{
		"status": status, "statusText": "", "httpVersion": "http/2.0", "headers": headerList(got, sensitive), "cookies": []fields{},
		"content": fields{"size": 0, "mimeType": header(got, "content-type")}, "redirectURL": header(got, "location"), "headersSize": -1,
		"bodySize": -1, "_transferSize": 0, "_error": nil, "_fetchedViaServiceWorker": worker,
	}
	if h.failed != "" {
		response["_error"] = h.failed
	}
	e := fields{
		"_initiator": initiatorOf(h.initiator), "_priority": "High", "_resourceType": cmp.Or(kind, "other"), "cache": fields{},
		"request": fields{
			"method": h.method, "url": h.url, "httpVersion": "http/2.0", "headers": headerList(sent, sensitive), "queryString": []fields{},
			"cookies": []fields{}, "headersSize": -1, "bodySize": 0,
		},
		"response": response, "serverIPAddress": remote, "startedDateTime": stamp(h.began), "time": 1, "timings": fields{},
	}
	if h.cached {
		e["_fromCache"] = "disk"
	}
	return e
}

func initiatorOf(i *network.Initiator) fields {
	if i == nil {
		return nil
	}
	out := fields{"type": i.Type}
	if i.URL != "" {
		out["url"] = i.URL
	}
	if i.RequestID != "" {
		out["requestId"] = i.RequestID
	}
	return out
}

// headerList is what the export has of headers. No value of a cookie is kept: they are
// sessions of this very server, and the files stay.
func headerList(h network.Headers, sensitive bool) []fields {
	out := []fields{}
	for name, value := range h {
		text, _ := value.(string)
		switch strings.ToLower(name) {
		case "cookie", "authorization":
			if !sensitive {
				continue
			}
			text = blanked(text, "; ")
		case "set-cookie":
			if !sensitive {
				continue
			}
			lines := strings.Split(text, "\n")
			for i := range lines {
				pair, rest, _ := strings.Cut(lines[i], ";")
				lines[i] = blanked(pair, "; ") + ";" + rest
			}
			text = strings.Join(lines, "\n")
		}
		out = append(out, fields{"name": name, "value": text})
	}
	return out
}

// blanked has every value of a list of pairs replaced, and keeps how long it is.
func blanked(text, separator string) string {
	pairs := strings.Split(text, separator)
	for i, pair := range pairs {
		if name, value, ok := strings.Cut(pair, "="); ok {
			pairs[i] = name + "=" + strings.Repeat("x", min(len(value), 20))
		}
	}
	return strings.Join(pairs, separator)
}

func header(h network.Headers, name string) string {
	for n, v := range h {
		if strings.EqualFold(n, name) {
			text, _ := v.(string)
			return text
		}
	}
	return ""
}
