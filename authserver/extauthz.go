// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"net"
	"net/netip"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	grpcpeer "google.golang.org/grpc/peer"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry/span"
)

// authorization is envoy.service.auth.v3.Authorization.
type authorization struct{ server *Server }

// Check never fails: Envoy can be told to let a request through when it does
// (failure_mode_allow). Even a panic is a no.
func (a authorization) Check(ctx context.Context, r *authv3.CheckRequest) (resp *authv3.CheckResponse, _ error) {
	s := a.server
	x := s.begin()
	defer s.end(x)
	defer func() {
		if p := recover(); p != nil {
			x.answer.Reset()
			x.answer.Set("X-Request-Id", s.panicked(p, &x.ask))
			x.answer.Set(contract.ReasonHeader, internalError)
			resp = denied(&x.answer)
		}
	}()
	if s.Tracer != nil {
		x.ask.TraceParent, x.ask.TraceState = traceOf(ctx)
	}
	v := checkView{r.GetAttributes()}
	d := dialect.Dialect(&s.grpc)
	if r.GetAttributes() == unreadable {
		d = unreadableCheck
	} else if wrong := v.malformed(); wrong != nil {
		d = wrong
	}
	s.handle(d, v, callerOf(ctx), x)
	if x.answer.Admitted && x.answer.Status == 200 {
		return admitted(&x.answer, s.Identity), nil
	}
	return denied(&x.answer), nil
}

func callerOf(ctx context.Context) netip.Addr {
	if p, ok := grpcpeer.FromContext(ctx); ok {
		if a, ok := p.Addr.(*net.TCPAddr); ok {
			return a.AddrPort().Addr()
		}
	}
	return netip.Addr{}
}

// traceOf returns the trace context of Envoy's own span of the question. That of the
// application's client is among the headers of its request.
func traceOf(ctx context.Context) (parent, state string) {
	lines := metadata.ValueFromIncomingContext(ctx, strings.ToLower(span.ParentHeader))
	if len(lines) != 1 {
		return "", ""
	}
	return lines[0], strings.Join(metadata.ValueFromIncomingContext(ctx, strings.ToLower(span.StateHeader)), ",")
}

// Only what asks can be wrong in these ways: Envoy writes the names in lower case,
// and never both forms of headers.
var (
	// A visitor can cause it, with a byte in the path that is not UTF-8.
	unreadableCheck = refusing{&dialect.Refusal{Status: 403, Reason: policy.BadRequest, Message: "the auth request is not a CheckRequest, or has bytes that are not UTF-8"}}

	noHTTP     = refusing{&dialect.Refusal{Status: 400, Reason: policy.BadRequest, Operator: true, Message: "attributes.request.http is missing: this is for Envoy's HTTP filter ext_authz"}}
	twoForms   = refusing{&dialect.Refusal{Status: 400, Reason: policy.BadRequest, Operator: true, Message: "both headers and header_map are set in attributes.request.http: which of them are the request's?"}}
	upperNames = refusing{&dialect.Refusal{Status: 400, Reason: policy.BadRequest, Operator: true, Message: "a header's name in attributes.request.http is not in lower case"}}
)

// checkView is a dialect.View of attributes.request.http.
type checkView struct {
	a *authv3.AttributeContext // one pointer: more would be an allocation for each question
}

func (v checkView) http() *authv3.AttributeContext_HttpRequest { return v.a.GetRequest().GetHttp() }

// Extension returns a context extension, which Envoy's configuration alone can set.
func (v checkView) Extension(name string) (value string, ok bool) {
	value, ok = v.a.GetContextExtensions()[name]
	return value, ok
}

// malformed says what no proxy should have sent. A header that is looked for by
// another name than the application's would be one that nobody sees.
func (v checkView) malformed() dialect.Dialect {
	switch {
	case v.http() == nil:
		return noHTTP
	case len(v.http().GetHeaders()) > 0 && len(v.http().GetHeaderMap().GetHeaders()) > 0:
		return twoForms
	}
	for name := range v.names {
		if hasUpper(name) {
			return upperNames
		}
	}
	return nil
}

// names yields the name of every header.
func (v checkView) names(yield func(string) bool) {
	for name := range v.http().GetHeaders() {
		if !yield(name) {
			return
		}
	}
	for _, f := range v.http().GetHeaderMap().GetHeaders() {
		if !yield(f.GetKey()) {
			return
		}
	}
}

func hasUpper(s string) bool {
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' {
			return true
		}
	}
	return false
}

func (v checkView) Method() string        { return v.http().GetMethod() }
func (v checkView) RequestTarget() string { return v.http().GetPath() }
func (v checkView) Host() string          { return v.http().GetHost() }

// Header counts the lines. In the map form Envoy has joined them with commas: a
// comma in what cannot hold one is a second line.
func (v checkView) Header(name string) (value string, lines int) {
	var room [64]byte
	key := lower(append(room[:0], name...))
	for _, f := range v.http().GetHeaderMap().GetHeaders() {
		if f.GetKey() == string(key) {
			if lines++; lines == 1 {
				value = text(f)
			}
		}
	}
	if joined, ok := v.http().GetHeaders()[string(key)]; ok {
		value, lines = joined, 1
		switch name {
		case "Origin", "Access-Control-Request-Method", "Sec-Fetch-Mode", "Sec-Fetch-Site":
			lines += strings.Count(joined, ",")
		}
	}
	return value, lines
}

func (v checkView) Joined(name string) string {
	value, lines := v.Header(name)
	if lines < 2 || len(v.http().GetHeaders()) > 0 {
		return value
	}
	key, all := strings.ToLower(name), make([]string, 0, lines)
	for _, f := range v.http().GetHeaderMap().GetHeaders() {
		if f.GetKey() == key {
			all = append(all, text(f))
		}
	}
	return strings.Join(all, ",")
}

// text is a header's value. The message is garbage collected, and never written
// again: its bytes can be lent as a string.
func text(f *corev3.HeaderValue) string {
	if raw := f.GetRawValue(); len(raw) > 0 {
		return view(raw)
	}
	return f.GetValue()
}

func lower(b []byte) []byte {
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}

// admitted lets a request through. Every identity header is set, and those that are
// empty are removed as well, as are other spellings: the application sees none of a
// client's.
func admitted(a *dialect.Answer, set dialect.IdentityHeaders) *authv3.CheckResponse {
	ok := &authv3.OkHttpResponse{Headers: make([]*corev3.HeaderValueOption, 0, len(a.Fields())), HeadersToRemove: set.Underscored()}
	var metadata *structpb.Struct
	for _, f := range a.Fields() {
		switch {
		case f.Name == contract.ManagedHeader: // for what Envoy is configured to do with the application's answer
			metadata = &structpb.Struct{Fields: map[string]*structpb.Value{strings.ToLower(f.Name): structpb.NewStringValue(f.Value)}}
			continue
		case !set.Has(f.Name):
			ok.ResponseHeadersToAdd = append(ok.ResponseHeadersToAdd, addition(f))
			continue
		case f.Value == "":
			ok.HeadersToRemove = append(ok.HeadersToRemove, strings.ToLower(f.Name))
		}
		ok.Headers = append(ok.Headers, option(f))
	}
	return &authv3.CheckResponse{
		Status:          &rpcstatus.Status{Code: int32(codes.OK)},
		HttpResponse:    &authv3.CheckResponse_OkResponse{OkResponse: ok},
		DynamicMetadata: metadata,
	}
}

// denied has Envoy send the answer to the client. That a preflight is answered
// with 200 lets nothing through: Envoy goes by the code beside it. It is never an
// error_response, which failure_mode_allow would make a yes. A gRPC client gets the same
// HTTP status: Envoy makes that 200, and keeps our grpc-status; without one it would go
// by gRPC's own mapping (401 is 16, 403 is 7, 503 is 14, a redirect is unknown).
func denied(a *dialect.Answer) *authv3.CheckResponse {
	code, reason := codes.PermissionDenied, ""
	switch a.Status {
	case 302, 401:
		code = codes.Unauthenticated
	case 500:
		code = codes.Internal
	case 503:
		code = codes.Unavailable
	}
	headers := make([]*corev3.HeaderValueOption, 0, len(a.Fields()))
	for _, f := range a.Fields() {
		if f.Name == contract.ReasonHeader {
			reason = f.Value
		}
		headers = append(headers, option(f))
	}
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{Code: int32(code), Message: reason},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status:  &typev3.HttpStatus{Code: typev3.StatusCode(a.Status)}, //nolint:gosec // a status has three digits
			Headers: headers,
			Body:    strings.ToValidUTF8(string(a.Body), "\uFFFD"),
		}},
	}
}

// option is a header for Envoy, which overwrites what is there. Cookies get a line each:
// with append, Envoy would join them. A message holds UTF-8 alone; one that does not
// cannot be sent, and would be an error.
func option(f dialect.Field) *corev3.HeaderValueOption {
	o := &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: strings.ToLower(f.Name), Value: strings.ToValidUTF8(f.Value, "\uFFFD")},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		Append:       overwriting, //nolint:staticcheck // see appending
	}
	if f.Name == "Set-Cookie" {
		o.AppendAction = corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD
		o.Append = nil //nolint:staticcheck // see appending
	}
	return o
}

// addition is a header of the application's answer, where Vary adds to its own. Not so
// in a denied_response: what is to be appended there, most Envoys leave out.
func addition(f dialect.Field) *corev3.HeaderValueOption {
	o := option(f)
	if f.Name == "Vary" {
		o.AppendAction = corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD
		o.Append = appending //nolint:staticcheck // see appending
	}
	return o
}

// Envoys before append_action go by append, newer ones as well where it is set, and
// the next ones will not know it.
var appending, overwriting = wrapperspb.Bool(true), wrapperspb.Bool(false)
