// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/authserver/bearer"
	bearerconfig "github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/evaluation"
	"github.com/ostiary/ostiary/authserver/geo"
	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/idp/factor"
	"github.com/ostiary/ostiary/authserver/login"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry"
)

// A Service is a Server, and what is put in force there while it runs: tables, keys and
// identity providers. It does not know where they come from.
type Service struct {
	Config
	// Keys is where the key ring is: the name of a folder, or of a Secret.
	Keys string
	// Live is the table in force.
	Live policy.Live
	// Geo is the GeoIP database; nil: there is none.
	Geo *geo.Countries
	// Revoker is told how sessions are voided, once that is known.
	Revoker login.Revoker

	addresses    Addresses
	cacheEntries int
	schedule     credential.Schedule
	witnesses    policy.Witnesses
	verifier     credential.Live
	ring         atomic.Pointer[credential.Ring]
	providers    *idp.Set
	tokens       *bearer.Set
	guesses      sync.Once // the warning about them
	factors      atomic.Pointer[Factors]
}

// Service makes a Service of flags that Config found to be right. It logs to w.
func (o *Flags) Service(c Config, w io.Writer) *Service {
	s := &Service{Config: c, Keys: o.keys, addresses: o.Addresses, cacheEntries: o.CacheEntries}
	s.schedule, _ = credential.ParseRotation(o.keyRotation) // as above
	if c.Identity.Cloudflare() {
		s.schedule.Algorithm = "RS256" // the only one that its client libraries verify
	}
	s.Log = o.logger(w)
	if o.GeoIPDatabase != "" {
		s.Geo = geo.Open(o.GeoIPDatabase, s.Log, c.Metrics)
		s.Countries = s.Geo
	}
	s.providers = idp.New(idp.Options{Log: s.Log})
	s.tokens = bearer.New(bearer.Options{Log: s.bearerLog(), Now: time.Now, Metrics: c.Metrics, Tracer: c.Tracer,
		Own: strings.TrimSuffix(s.TeamURL.String(), "/")})
	s.Tokens = s.tokens.Verify
	s.Table, s.Subject, s.Witnesses = s.Live.Table, s.verifier.Subject, &s.witnesses
	s.Linked = s.verifier.Linked
	s.Assertion, s.Uses = s.verifier.Assertion, &policy.Uses{}
	s.KeySet = func() []byte { return s.ring.Load().JWKS() }
	s.Ready = func() bool { return s.verifier.Verifier() != nil }
	s.measure(w)
	s.Ring, s.Login = s.ring.Load, &login.Config{SignIns: telemetry.NewSignIns(c.Metrics), Providers: s.providers, Revoke: s.Revoker.Revoke,
		Factors:  s.secondFactors,
		Evaluate: evaluation.New(evaluation.Options{Log: s.Log, Now: time.Now, Metrics: c.Metrics}).Ask}
	return s
}

// Run serves and feeds until ctx is done, or one of the two fails.
func (s *Service) Run(ctx context.Context, metrics http.Handler, feed func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if s.Geo != nil {
		go s.Geo.Follow(ctx)
	}
	fed := make(chan error, 1)
	go func() {
		fed <- feed(ctx)
		cancel()
	}()
	err := New(s.Config).Run(ctx, s.addresses, metrics)
	cancel()
	return errors.Join(err, <-fed)
}

// OpenKeys puts the keys of a folder in force, and keeps them so until ctx is done. It
// returns the folder.
func (s *Service) OpenKeys(ctx context.Context) (string, error) {
	dir, err := credential.FolderNamed(s.Keys)
	if err != nil {
		return "", fmt.Errorf("no folder for the keys; name one with --keys: %w", err)
	}
	folder, err := credential.OpenFolder(dir, time.Now())
	if err == nil {
		_, _, err = folder.Rotate(time.Now(), s.schedule) // it may be of another algorithm
	}
	if err != nil {
		return "", fmt.Errorf("--keys: %w", err)
	}
	s.publishRing(folder.Ring())
	s.SetFactors(func(name string) (factor.Records, error) { // whoever shares the keys shares them
		return factor.FileNamed(filepath.Join(dir, "second-factors"), name)
	})
	go folder.Follow(ctx, s.schedule, time.Now, s.publishRing, func(err error) {
		s.Log.Error("the keys could not be rotated; the old ones stay active", "error", err)
	})
	return dir, nil
}

// Factors finds the records of second factors by their name.
type Factors func(name string) (factor.Records, error)

// SetFactors says where second factors are kept. Until then whoever may have one is kept out.
func (s *Service) SetFactors(f Factors) { s.factors.Store(&f) }

// secondFactors returns the second factors of a name.
func (s *Service) secondFactors(name string) (factor.Store, error) {
	find := s.factors.Load()
	if find == nil {
		return nil, factor.ErrUnavailable
	}
	records, err := (*find)(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", factor.ErrUnavailable, err)
	}
	return factor.NewStore(records), nil
}

// RotateKeys returns what a stored key ring is to be now, and whether that is another.
func (s *Service) RotateKeys(old []byte, now time.Time) ([]byte, bool, error) {
	return credential.RotateBytes(old, now, s.schedule)
}

// PublishKeys puts a stored key ring in force.
func (s *Service) PublishKeys(data []byte) error {
	ring, err := credential.ParseRing(data)
	if err == nil {
		s.publishRing(ring)
	}
	return err
}

func (s *Service) publishRing(r *credential.Ring) {
	s.ring.Store(r)
	s.verifier.Publish(credential.NewVerifier(r, strings.TrimSuffix(s.TeamURL.String(), "/"), s.cacheEntries))
}

// ProvidersInUse are those that PublishProviders put in force; nil before the first time.
func (s *Service) ProvidersInUse() *policy.Providers { return s.providers.InUse() }

// PublishProviders puts identity providers in force.
func (s *Service) PublishProviders(all []config.Provider) {
	for _, problem := range s.providers.Update(all) {
		s.Log.Error(problem.String())
	}
	for i := range all {
		s.Login.SignIns.Expect(all[i].Name)
	}
	s.warnOfGuesses(all)
}

// bearerLog is where tokens are told of that are refused; nil: nobody wants to know.
func (s *Service) bearerLog() *slog.Logger {
	if s.DecisionLog == telemetry.LogOff {
		return nil
	}
	return s.Log
}

// PublishTokenIssuers puts the issuers in force whose bearer tokens policies can let in.
func (s *Service) PublishTokenIssuers(all []bearerconfig.Issuer) { s.tokens.Update(all) }

// TokenIssuerState returns what there is of the keys of an issuer that was published.
func (s *Service) TokenIssuerState(name string) (bearerconfig.State, bool) {
	return s.tokens.State(name)
}

// warnOfGuesses says, once, that built-in users are worse off without --trusted-proxies.
func (s *Service) warnOfGuesses(all []config.Provider) {
	if len(s.TrustedProxies) > 0 || !slices.ContainsFunc(all, func(p config.Provider) bool { return p.Type == config.Users }) {
		return
	}
	s.guesses.Do(func() {
		s.Log.Warn("there are built-in users, and no --trusted-proxies: no client's address is known, so guesses at passwords are limited for all clients together. " +
			"Name the networks of your proxies, so that they are limited by address")
	})
}
