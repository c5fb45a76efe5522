// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A recorder is a hash that keeps what is hashed.
type recorder struct {
	hash.Hash
	bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) { return r.Buffer.Write(p) }
func (r *recorder) Reset()                      { r.Buffer.Reset() }

// hashed returns what a digest is made of.
func hashed(write func(d *digest)) []byte {
	r := &recorder{Hash: sha256.New()}
	d := &digest{h: r}
	write(d)
	d.sum()
	return r.Bytes()
}

// A reader reads what digests are made of, knowing nothing but the types.
type reader struct {
	t    *testing.T
	rest []byte
}

func (r *reader) num() int {
	n, size := binary.Varint(r.rest)
	if size <= 0 {
		r.t.Fatalf("no number in %q", r.rest)
	}
	r.rest = r.rest[size:]
	return int(n)
}

func (r *reader) str() string {
	n := r.num()
	if n < 0 || n > len(r.rest) {
		r.t.Fatalf("a text of %d bytes in %q", n, r.rest)
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

func (r *reader) is() bool {
	n := r.num()
	if n != 0 && n != 1 {
		r.t.Fatalf("%d is neither true nor false", n)
	}
	return n == 1
}

func (r *reader) time() time.Time { return time.Unix(int64(r.num()), int64(r.num())).UTC() }

// readList reads a list; an empty one is nil.
func readList[T any](r *reader, one func() T) (out []T) {
	n := r.num()
	if n < 0 || n > len(r.rest) {
		r.t.Fatalf("a list of %d in %q", n, r.rest)
	}
	for range n {
		out = append(out, one())
	}
	return out
}

// readIf reads what may not be there; then it is nil.
func readIf[T any](r *reader, one func() T) *T {
	if !r.is() {
		return nil
	}
	out := one()
	return &out
}

func (r *reader) strs() []string { return readList(r, r.str) }
func (r *reader) source() Source { return Source{r.str(), r.str(), r.str()} }
func (r *reader) path() Path     { return Path{r.str(), r.is()} }
func (r *reader) grant() Grant   { return Grant{r.str(), r.str()} }
func (r *reader) user() User     { return User{r.str(), r.str()} }
func (r *reader) issue() Issue {
	return Issue{r.source(), IssueReason(r.str()), Code(r.str()), r.str()}
}

func (r *reader) policy() (p Policy) {
	p.Source, p.Since, p.Hosts = r.source(), r.time(), r.strs()
	p.Paths = readList(r, r.path)
	p.AllowEncodedSlashes, p.Salvaged, p.AllowCrossSite = r.is(), r.is(), r.is()
	p.CORS = readIf(r, r.cors)
	p.Rules = readList(r, r.rule)
	p.IdentityProviders = r.strs()
	p.Session.Duration, p.Session.RevokedBefore = time.Duration(r.num()), r.time()
	p.Session.Cookie = Cookie{SameSite(r.num()), r.is(), r.is(), r.is()}
	p.Session.PolicyNamespaces, p.Session.Idle = r.strs(), time.Duration(r.num())
	p.Unauthenticated, p.Denied = Unauthenticated(r.num()), Denied{r.str(), r.str()}
	p.Launcher = Launcher{r.is(), r.str(), r.str(), r.strs()}
	p.Exempt, p.DryRun = r.strs(), DryRun(r.num())
	p.UpstreamHeaders = readList(r, r.upstreamHeader)
	p.OAuth = readIf(r, r.oauth)
	p.Defects = readList(r, r.issue)
	return p
}

func (r *reader) oauth() OAuth {
	return OAuth{r.str(), r.str(), r.strs(), time.Duration(r.num()), time.Duration(r.num()), readList(r, func() OAuthClient {
		return OAuthClient{r.str(), r.str(), r.strs()}
	})}
}

func (r *reader) cors() (c CORS) {
	c.BypassPreflight, c.AllowAllOrigins, c.AllowAllMethods, c.AllowAllHeaders = r.is(), r.is(), r.is(), r.is()
	c.AllowCredentials, c.AllowPrivateNetwork, c.Tokens, c.ManageResponses = r.is(), r.is(), r.is(), r.is()
	c.AllowedOrigins, c.AllowedMethods, c.AllowedHeaders, c.ExposedHeaders = r.strs(), r.strs(), r.strs(), r.strs()
	c.MaxAge = r.num()
	return c
}

func (r *reader) rule() (out Rule) {
	out.Name, out.Action, out.Methods = r.str(), Action(r.num()), r.strs()
	out.Include, out.Require, out.Exclude = readList(r, r.selector), readList(r, r.selector), readList(r, r.selector)
	out.SessionDuration = time.Duration(r.num())
	return out
}

func (r *reader) selector() (s Selector) {
	s.Property, s.Value = Property(r.num()), r.str()
	s.Networks = readList(r, func() netip.Prefix {
		out, err := netip.ParsePrefix(r.str())
		if err != nil {
			r.t.Fatal(err)
		}
		return out
	})
	s.Countries = r.strs()
	if text := readIf(r, r.str); text != nil {
		s.Condition = &tiny{text: *text}
	}
	s.Certificate = CertificateNames{r.str(), r.str(), r.str()}
	s.JWT = readIf(r, func() TokenMatch {
		return TokenMatch{r.str(), r.str(), readList(r, func() ClaimMatch { return ClaimMatch{r.str(), r.strs()} })}
	})
	s.Claim = readIf(r, func() ClaimValue { return ClaimValue{r.str(), r.str(), r.str()} })
	s.Evaluation = readIf(r, func() Evaluation { return Evaluation{URL: r.str(), KeysURL: r.str()} })
	return s
}

func (r *reader) upstreamHeader() (h UpstreamHeader) {
	h.Name, h.Claim, h.Separator = r.str(), r.str(), r.str()
	h.From, h.Groups, h.Encoding = Fact(r.num()), r.strs(), Encoding(r.num())
	return h
}

func (r *reader) group() Group {
	name := r.str()
	return Group{Source{Name: name}, readList(r, r.selector), readList(r, r.selector), readList(r, r.selector), readList(r, r.issue)}
}

func (r *reader) terms() (t Terms) {
	t.Grants, t.Reservations = readList(r, r.grant), readList(r, r.grant)
	t.GrantedOnly, t.NoCountries, t.AllEvaluations = r.is(), r.is(), r.is()
	t.TeamHost, t.PathPrefix = r.str(), r.str()
	known := r.is()
	if t.UpstreamHeaders = r.strs(); known && t.UpstreamHeaders == nil {
		t.UpstreamHeaders = []string{}
	}
	t.EvaluationOrigins, t.Console, t.AnyConsole = r.strs(), r.strs(), r.is()
	return t
}

func (r *reader) provider() Provider {
	return Provider{r.str(), r.is(), readList(r, r.user), r.strs()}
}

func (r *reader) tokenIssuer() TokenIssuer {
	return TokenIssuer{r.str(), r.str(), r.strs(), r.is(), r.strs()}
}

func (r *reader) serviceToken() ServiceToken {
	s := ServiceToken{Source: r.source(), ClientID: r.str()}
	s.Secrets = readList(r, func() TokenSecret { return TokenSecret{[sha256.Size]byte([]byte(r.str())), r.time()} })
	s.PolicyNamespaces, s.ExpiresAt, s.Disabled = r.strs(), r.time(), r.is()
	return s
}

func (r *reader) binding() Binding {
	if tag := r.num(); tag != tagBinding {
		r.t.Errorf("a binding begins with %d", tag)
	}
	return Binding{r.str(), r.str()}
}

// readBack holds that a value can be read from what its digest is made of, so that no other
// value has the same digest.
func readBack[T any](t *testing.T, path string, v T, write func(d *digest, v *T), read func(r *reader) T) {
	t.Helper()
	r := reader{t: t, rest: hashed(func(d *digest) { write(d, &v) })}
	if got, want := spelled(reflect.ValueOf(read(&r))), spelled(reflect.ValueOf(v)); got != want || len(r.rest) > 0 {
		t.Errorf("%s: what is hashed says\n%s, with %q left, of\n%s", path, got, r.rest, want)
	}
}

// readAllBack holds it with all that is set, with a change at every place, and with nothing
// set.
func readAllBack[T any](t *testing.T, v T, write func(d *digest, v *T), read func(r *reader) T) {
	t.Helper()
	check := func(path string) {
		t.Helper()
		readBack(t, path, v, write, read)
	}
	name := reflect.TypeFor[T]().Name()
	check(name)
	eachChange(t, name, reflect.ValueOf(&v).Elem(), check)
	v = *new(T)
	check(name + ", nothing set")
}

// spelled writes a value out, what pointers point to included.
func spelled(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return "none"
		}
		return spelled(v.Elem())
	case reflect.Slice:
		if v.IsNil() {
			return "none"
		}
		var parts []string
		for i := range v.Len() {
			parts = append(parts, spelled(v.Index(i)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Struct, reflect.Interface:
		return spelledFields(v)
	default:
		return fmt.Sprintf("%#v", v.Interface())
	}
}

func spelledFields(v reflect.Value) string {
	switch is := v.Interface().(type) {
	case time.Time:
		return is.UTC().Format(time.RFC3339Nano)
	case netip.Prefix:
		return is.String()
	case Condition:
		return strconv.Quote(is.Text())
	case nil:
		return "none"
	}
	var parts []string
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() { // else it is made of the others
			parts = append(parts, f.Name+": "+spelled(v.Field(i)))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// TestDigestsCanBeReadBack: no two inputs have one revision, however their fields and lists
// run into each other.
func TestDigestsCanBeReadBack(t *testing.T) {
	all := full()
	readAllBack(t, all, (*digest).policy, (*reader).policy)
	readAllBack(t, Terms{
		Grants: []Grant{{"a.x", "n"}}, Reservations: []Grant{{"b.x", "m"}}, GrantedOnly: true, TeamHost: "team.x", PathPrefix: "/.o",
		NoCountries: true, UpstreamHeaders: []string{"X-A"}, EvaluationOrigins: []string{"https://e.x"}, AllEvaluations: true, Console: []string{"own"}, AnyConsole: true,
	}, func(d *digest, v *Terms) { (&terms{Terms: *v}).digest(d) }, (*reader).terms)
	readBack(t, "no header listed", Terms{UpstreamHeaders: []string{}}, func(d *digest, v *Terms) { (&terms{Terms: *v}).digest(d) }, (*reader).terms)
	readAllBack(t, Provider{"people", true, []User{{"ann", "ann@x"}}, []string{"mfa"}}, (*digest).provider, (*reader).provider)
	readAllBack(t, TokenIssuer{"ci", "https://ci.x", []string{"app"}, true, []string{"n"}}, (*digest).tokenIssuer, (*reader).tokenIssuer)
	readAllBack(t, Binding{"n/i", "n/p"}, (*digest).binding, (*reader).binding)
	for _, s := range append(tokens(), ServiceToken{}) {
		s.ExpiresAt = s.ExpiresAt.UTC()
		readBack(t, "service token "+s.Source.String(), s, (*digest).serviceToken, (*reader).serviceToken)
	}
	ru := all.Rules[0]
	for name, g := range map[string]Group{
		"all":     {Source{Name: "g"}, ru.Include, ru.Require, ru.Exclude, all.Defects},
		"require": {Source: Source{Name: "g"}, Require: append(ru.Require, ru.Require...)},
		"exclude": {Source: Source{Name: "g"}, Exclude: ru.Exclude},
		"defects": {Source: Source{Name: "g"}, Defects: append(all.Defects, all.Defects...)},
	} {
		readBack(t, "a group, "+name, g, (*digest).group, (*reader).group)
	}
	// What is long is hashed piece by piece.
	for _, n := range []int{1, 100, 10_000} {
		all.Hosts = slices.Repeat([]string{"a.x", strings.Repeat("b", n)}, 1000)
		readBack(t, "many hosts", all, (*digest).policy, (*reader).policy)
	}
}

// TestRevisionTellsWhatIsKnown: that there is none of a kind is another revision than that it
// is not known, and none of one kind another than none of another.
func TestRevisionTellsWhatIsKnown(t *testing.T) {
	seen := map[string]string{}
	for name, in := range map[string]Input{
		"nothing":          {},
		"no provider":      {Providers: NewProviders()},
		"no issuer":        {TokenIssuers: NewTokenIssuers()},
		"none of either":   {Providers: NewProviders(), TokenIssuers: NewTokenIssuers()},
		"a group":          {Groups: CompileGroups([]Group{groupOf("g", everyone(), nil, nil)})},
		"a service token":  {Tokens: tokens()[:1]},
		"a revocation":     {Revocations: []Revocation{{User: "ann"}}},
		"a binding":        {Bindings: []Binding{{"n/i", "n/p"}}},
		"no header listed": {Terms: Terms{UpstreamHeaders: []string{}}},
	} {
		table, _ := Build(in)
		if other, ok := seen[table.Revision()]; ok {
			t.Errorf("%s is the same as %s", name, other)
		}
		seen[table.Revision()] = name
	}
}
