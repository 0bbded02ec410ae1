package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// Erasing says who is to be erased, by all that is given: one person.
type Erasing struct {
	Phones     []string       // E.164, or with Country as they are written there
	Extensions []string       // RingCentral's ids
	Country    string         // calling code
	Policy     *schema.Policy // whose tokens stand for the person in days that are under it; nil: none do
	Now        time.Time      // of the run
}

// Note makes the note of the person with a key of the lake's. Its errors are about who was given.
func (x Erasing) Note(key []byte) (schema.Erased, error) {
	return schema.ErasePerson(key, x.Phones, x.Extensions, &schema.EraseOptions{Country: x.Country, Policy: x.Policy})
}

// Erase takes a person out of the lake. A note that names nobody is kept first, so that reads that come later lose the person
// before they are merged. Then the table's days, the archive and the rejected records of all accounts are rewritten, each
// object as a whole; rows stay, for counting and for bills, without the person. Marts follow with the next Transform. A
// crash leaves a note and some objects: to repeat it is safe, and ends it.
func Erase(ctx context.Context, lake *sinks.Lake, x Erasing) (Rewritten, error) {
	notes, err := lake.NoteErasure(ctx, func(key []byte) (json.RawMessage, error) {
		note, err := x.Note(key)
		if err != nil {
			return nil, err
		}
		return json.Marshal(note)
	})
	if err != nil {
		return Rewritten{}, err
	}
	e := erasing{rewriting: rewriting{lake: lake, now: x.Now}}
	if e.erasure, err = erasureOf(notes); err != nil {
		return e.done, err
	}
	accounts, err := e.accounts(ctx, OwnAccount)
	if err != nil {
		return e.done, err
	}
	for _, s := range streams {
		e.of(s)
		for _, account := range accounts {
			if err := e.account(ctx, account, x); err != nil {
				return e.done, fmt.Errorf("%s of account %s: %w", s.Name, account, err)
			}
		}
		n, err := lake.RewriteRejected(ctx, "", s.Name, e.privacy().eraseRejected)
		if e.done.Rejected += n; err != nil {
			return e.done, err
		}
	}
	return e.done, nil
}

// erasing is one Erase while it runs.
type erasing struct {
	rewriting
	erasure *schema.Erasure
}

// of turns to a stream.
func (e *erasing) of(s stream) {
	e.stream, e.erasure = s, e.erasure.For(s.columns)
	e.change = func(batch arrow.RecordBatch) (arrow.RecordBatch, error) {
		out, rows, err := e.erasure.Apply(batch)
		e.done.Rows += rows
		return out, err
	}
}

func (e *erasing) privacy() privacy { return privacy{stream: e.stream, erasure: e.erasure} }

func (e *erasing) account(ctx context.Context, account string, x Erasing) error {
	if e.stream.byWhat == byCall {
		if err := e.recordings(ctx, account); err != nil {
			return err
		}
	}
	if err := e.days(ctx, account); err != nil {
		return err
	}
	ledger, err := e.lake.Ledger(ctx, account, e.stream.Name)
	if err != nil {
		return err
	}
	var hidden []arrow.Date32
	known, err := x.Policy.For(e.stream.columns)
	if err != nil && !errors.Is(err, schema.ErrNoIdentity) {
		return err
	}
	for _, day := range UnderAnotherPolicy(ledger, "") {
		if ledger[day].Policy != known.ID() || x.Policy.Needs(schema.Mask) {
			hidden = append(hidden, day)
		}
	}
	if len(hidden) > 0 {
		e.left("%s: days %v of account %s are under a privacy policy: what it hashed can be told only with --privacy and its key, and what it masked not at all",
			e.stream.Name, Ranges(hidden), account)
	}
	reads, err := e.lake.ArchivedReads(ctx, account, e.stream.Name)
	for _, read := range reads {
		if err == nil {
			err = e.archived(ctx, read)
		}
	}
	return err
}

// archived rewrites one archived read. Rows of it are not counted: most are in the table, too.
func (e *erasing) archived(ctx context.Context, read sinks.ArchivedRead) error {
	changed, still, err := e.privacy().eraseArchived(ctx, e.lake, read)
	if changed {
		e.done.Archived++
	}
	if still > 0 {
		e.left("%s: %d pages still have the digits, in identifiers or around the records; remove the object if they matter", read.Key, still)
	}
	return err
}
