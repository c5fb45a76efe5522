// SPDX-License-Identifier: Apache-2.0

package factor

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Store has the second factors of the users of one list.
type Store interface {
	// Of returns what a user has, as it is now on all replicas.
	Of(ctx context.Context, user string) (Enrolled, error)
	// Change changes it, if nobody else does so meanwhile; otherwise change is called again,
	// with what there is then. What change fails with is returned as it is, and then nothing
	// was written.
	Change(ctx context.Context, user string, change func(*Enrolled) error) error
}

// Records are the records of a Store by their Key. A Secret has them, or a file.
type Records interface {
	// Read returns all of them, as they are now.
	Read(ctx context.Context) (map[string][]byte, error)
	// Change calls change with all of them, and writes them if nobody else has meanwhile;
	// otherwise it begins anew. If change fails, nothing is written, and its error returned.
	Change(ctx context.Context, change func(map[string][]byte) error) error
}

// timeout is how long records may take: less than somebody waits for a page.
const timeout = 10 * time.Second

type store struct{ records Records }

// NewStore makes a Store of records.
func NewStore(r Records) Store { return store{r} }

func (s store) Of(ctx context.Context, user string) (Enrolled, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	all, err := s.records.Read(ctx)
	if err != nil {
		return Enrolled{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return of(all, user)
}

func of(all map[string][]byte, user string) (Enrolled, error) {
	text, ok := all[Key(user)]
	if !ok {
		return Enrolled{}, nil
	}
	return Decode(user, text)
}

func (s store) Change(ctx context.Context, user string, change func(*Enrolled) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var refused error // by change, or by what is there
	err := s.records.Change(ctx, func(all map[string][]byte) error {
		refused = edit(all, user, change)
		return refused
	})
	if err != nil && (refused == nil || !errors.Is(err, refused)) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// edit changes one record.
func edit(all map[string][]byte, user string, change func(*Enrolled) error) error {
	e, err := of(all, user)
	if err != nil {
		return err
	}
	if err := change(&e); err != nil {
		return err
	}
	text, err := Encode(user, &e)
	if err != nil {
		return err
	}
	all[Key(user)] = text
	return nil
}
