// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestRawRequests sends what no client library would.
func TestRawRequests(t *testing.T) {
	addr := newWorld(t, nil).authz(t)
	const open, shut = authzGET + "/public HTTP/1.1\r\n", authzGET + "/x HTTP/1.1\r\n"
	const host = "Host: authz\r\n"
	big := strings.Repeat("a", 100<<10)
	orig := "GET /authz/v1/nginx HTTP/1.1\r\n" + host
	const toOpen, toShut = "X-Original-URL: https://app.example.com/public\r\n", "X-Original-URL: https://app.example.com/x\r\n"
	const method = "X-Original-Method: GET\r\n"
	for name, c := range map[string]struct {
		request string
		never   bool // no answer may be a 200
		want    []int
	}{
		"plain":                   {request: open + host + "\r\n", want: []int{200}},
		"pipelined":               {request: open + host + "\r\n" + shut + host + "\r\n" + open + host + "\r\n", want: []int{200, 401, 200}},
		"HTTP/1.0":                {request: authzGET + "/public HTTP/1.0\r\n\r\n", want: []int{200}},
		"HTTP/1.0 refused":        {request: authzGET + "/x HTTP/1.0\r\n\r\n", never: true, want: []int{401}},
		"HTTP/0.9":                {request: authzGET + "/public\r\n\r\n", never: true},
		"HTTP/2 preface":          {request: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", never: true},
		"HTTP/9.9":                {request: authzGET + "/x HTTP/9.9\r\n" + host + "\r\n", never: true},
		"TLS":                     {request: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", never: true},
		"garbage":                 {request: "garbage\r\n\r\n", never: true},
		"absolute-form":           {request: "GET http://app.example.com/authz/v1/nginx/GET/app.example.com/public HTTP/1.1\r\n" + host + "\r\n", never: true},
		"no such endpoint":        {request: "GET /authz/v1/nginxx/GET/app.example.com/public HTTP/1.1\r\n" + host + "\r\n", never: true, want: []int{404}},
		"endpoint with dots":      {request: "GET /authz/v1/x/../nginx/GET/app.example.com/public HTTP/1.1\r\n" + host + "\r\n", never: true, want: []int{404}},
		"endpoint, two slashes":   {request: "GET //authz/v1/nginx/GET/app.example.com/public HTTP/1.1\r\n" + host + "\r\n", never: true, want: []int{404}},
		"endpoint, encoded":       {request: "GET /authz/v1/ngin%78/GET/app.example.com/public HTTP/1.1\r\n" + host + "\r\n", never: true, want: []int{404}},
		"metrics":                 {request: "GET /metrics HTTP/1.1\r\n" + host + "\r\n", never: true, want: []int{404}},
		"pprof":                   {request: "GET /debug/pprof/ HTTP/1.1\r\n" + host + "\r\n", never: true, want: []int{404}},
		"two Hosts":               {request: open + host + "Host: app.example.com\r\n\r\n", never: true},
		"NUL in the target":       {request: authzGET + "/public\x00 HTTP/1.1\r\n" + host + "\r\n", never: true},
		"NUL in a header":         {request: shut + host + "X-A: \x00\r\n\r\n", never: true},
		"raw space in the target": {request: authzGET + "/public/x y HTTP/1.1\r\n" + host + "\r\n", never: true},
		"tab in the target":       {request: authzGET + "/public/x\ty HTTP/1.1\r\n" + host + "\r\n", never: true},
		"bare LF":                 {request: strings.ReplaceAll(shut+host+"\r\n", "\r\n", "\n"), never: true},
		"bare CR":                 {request: shut + host + "X-A: b\rX-C: d\r\n\r\n", never: true},
		"obs-fold":                {request: orig + method + "X-Original-URL: https://app.example.com\r\n /public\r\n\r\n", never: true},
		"space before the colon":  {request: orig + method + toShut + "X-Original-URL : https://app.example.com/public\r\n\r\n", never: true},
		"colon missing":           {request: orig + method + toShut + "X-Original-URL\r\n\r\n", never: true},
		"two targets":             {request: orig + method + toOpen + toShut + "\r\n", never: true, want: []int{400}},
		"two targets, cases":      {request: orig + method + toShut + "x-original-url: https://app.example.com/public\r\n\r\n", never: true, want: []int{400}},
		"two equal targets":       {request: orig + method + toOpen + toOpen + "\r\n", never: true, want: []int{400}},
		"underscores":             {request: orig + method + toShut + "X_Original_URL: https://app.example.com/public\r\n\r\n", never: true, want: []int{401}},
		"target in a trailer": {request: orig + method + "Transfer-Encoding: chunked\r\nTrailer: X-Original-URL\r\n\r\n0\r\n" + toOpen + "\r\n",
			never: true},
		"unannounced trailer": {request: orig + method + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + toOpen + "\r\n", never: true, want: []int{403}},
		"huge header":         {request: open + host + "X-A: " + big + "\r\n\r\n", never: true},
		"huge name":           {request: open + host + big + ": x\r\n\r\n", never: true},
		"huge target":         {request: authzGET + "/public/" + big + " HTTP/1.1\r\n" + host + "\r\n", never: true},
		"long target":         {request: authzGET + "/public/" + big[:9<<10] + " HTTP/1.1\r\n" + host + "\r\n", never: true, want: []int{403}},
		"2000 headers":        {request: open + host + strings.Repeat("X-A: "+big[:100]+"\r\n", 2000) + "\r\n", never: true},
		"endless":             {request: open + host + "X-A: " + strings.Repeat(big, 20), never: true},
		"body":                {request: "POST" + open[3:] + host + "Content-Length: 5\r\n\r\nhello" + shut + host + "\r\n", want: []int{200, 401}},
		"chunked body":        {request: "POST" + open[3:] + host + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + shut + host + "\r\n", want: []int{200, 401}},
		"too large a body":    {request: "POST" + shut[3:] + host + "Content-Length: 99999999\r\n\r\n" + big, never: true},
		"body of a GET":       {request: shut + host + "Content-Length: 5\r\n\r\nhello" + shut + host + "\r\n", never: true, want: []int{401, 401}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := statuses(raw(t, addr, c.request))
			if c.never && slices.Contains(got, 200) {
				t.Errorf("a 200: %v", got)
			}
			if c.want != nil && !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// TestExpectContinue: nobody is told to go on with what will be refused, and
// the connection does not lose its step.
func TestExpectContinue(t *testing.T) {
	addr := newWorld(t, nil).authz(t)
	got := statuses(raw(t, addr, "POST /authz/v1/nginx/GET/app.example.com/x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"+
		authzGET+"/public HTTP/1.1\r\nHost: a\r\n\r\n"))
	if got = slices.DeleteFunc(got, func(s int) bool { return s == 100 }); len(got) == 0 || got[0] != 401 || len(got) > 1 && got[1] != 200 {
		t.Errorf("%v", got)
	}
}

// TestSmuggling: what one reader takes for a body and another for a request
// ends the connection, or is read as the standard says (RFC 9112 §6.3).
func TestSmuggling(t *testing.T) {
	addr := newWorld(t, nil).authz(t)
	const shut, host = "POST /authz/v1/nginx/GET/app.example.com/x HTTP/1.1\r\n", "Host: authz\r\n"
	const hidden = authzGET + "/public HTTP/1.1\r\nHost: authz\r\n\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(hidden)+5)
	for name, framing := range map[string]string{
		"CL.TE":             length + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"TE.CL":             "Transfer-Encoding: chunked\r\n" + length + "\r\n0\r\n\r\n",
		"TE twice":          "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n" + length + "\r\n0\r\n\r\n",
		"TE unknown":        "Transfer-Encoding: xchunked\r\n" + length + "\r\n0\r\n\r\n",
		"TE list":           "Transfer-Encoding: gzip, chunked\r\n" + length + "\r\n0\r\n\r\n",
		"TE space":          "Transfer-Encoding : chunked\r\n" + length + "\r\n0\r\n\r\n",
		"TE tab":            "Transfer-Encoding:\tchunked\r\n" + length + "\r\n0\r\n\r\n",
		"TE folded":         "Transfer-Encoding:\r\n chunked\r\n" + length + "\r\n0\r\n\r\n",
		"CL twice":          length + "Content-Length: 0\r\n\r\n",
		"CL twice, other":   "Content-Length: 0\r\n" + length + "\r\n",
		"CL list":           "Content-Length: 0, 10\r\n\r\n",
		"CL signed":         "Content-Length: +0\r\n\r\n",
		"CL negative":       "Content-Length: -1\r\n\r\n",
		"CL hexadecimal":    "Content-Length: 0x0\r\n\r\n",
		"CL space":          "Content-Length: 0 0\r\n\r\n",
		"chunk size signed": "Transfer-Encoding: chunked\r\n\r\n-0\r\n\r\n",
		"chunk size hex":    "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := raw(t, addr, shut+host+framing+hidden)
			got := statuses(answers)
			// The first is a no. A second one may only come where there is no
			// doubt about where the first ends.
			if len(got) > 0 && got[0] == 200 {
				t.Errorf("%v", got)
			}
			if len(got) > 1 && strings.Contains(framing, "Transfer-Encoding") && strings.Contains(framing, "Content-Length") {
				t.Errorf("%v: the connection lives on after a request with two lengths", got)
			}
			if len(got) > 1 && name != "TE tab" && !strings.Contains(framing, "Transfer-Encoding") {
				t.Errorf("%v: the connection lives on after a length that can be misread", got)
			}
		})
	}
}
