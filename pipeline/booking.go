package pipeline

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/sinks"
)

// flushEvery is how often the ledger is written at most: some stores allow one write a second to an object.
const flushEvery = time.Second

// booking keeps the ledger of one account and stream while days are merged: what is noted is written in batches, after the
// partitions and before the sync token.
type booking struct {
	lake    *sinks.Lake
	stream  stream
	account string
	clock   func() time.Time

	ledger  sinks.Ledger // as it will be
	written sinks.Ledger // as the lake has it
	noted   sinks.Ledger // not written yet
	since   time.Time    // of the last writing
	own     string       // tells this one from others that bring rows of no archived read
	damaged []DaysFailed // days that an earlier run left, and that cannot be looked after

	// rewrites says that rows that are held are changed, and none are brought: a run that brings some may be about to write, so its days
	// stay marked, and are left to the next one that does.
	rewrites bool
}

// open reads the account's ledger.
func (b *booking) open(ctx context.Context, account string) error {
	ledger, err := b.lake.Ledger(ctx, account, b.stream.Name)
	if err != nil {
		return err
	}
	b.account, b.ledger, b.written, b.noted, b.since, b.damaged = account, ledger, maps.Clone(ledger), sinks.Ledger{}, time.Time{}, nil
	b.own = rand.Text()
	return b.finish(ctx)
}

// finish looks after the days that an earlier run was about to write when it ended: what they hold, without who was erased, is
// booked as it is. Days that are damaged stay marked.
func (b *booking) finish(ctx context.Context) error {
	archives := map[string]bool{}
	for _, day := range b.ledger.Days() {
		if entry := b.ledger[day]; !entry.Writing || b.rewrites && entry.WritingBy != "" {
			continue
		}
		archives[""] = true
		for _, by := range b.ledger[day].Writers() {
			archives[by] = true
		}
		found, err := b.finishDay(ctx, day)
		if err != nil {
			err = fmt.Errorf("day %s, which an earlier run left: %w", day.FormattedString(), err)
		}
		if isDamaged(err) {
			b.damaged = append(b.damaged, DaysFailed{Days: []arrow.Date32{day}, Err: err})
			continue
		}
		if err != nil {
			return &lakeError{err}
		}
		for d, o := range found {
			entry, known := b.ledger[d]
			if entry = entry.WithContent(o); !known && o.SHA256 == "" {
				continue
			}
			if d == day {
				entry.Writing, entry.WritingBy = false, ""
			}
			b.ledger[d], b.noted[d] = entry, entry
		}
	}
	if err := b.eraseLeft(ctx, archives); err != nil {
		return &lakeError{fmt.Errorf("what an earlier run left: %w", err)}
	}
	return b.flush(ctx)
}

// finishDay ends what a run began with a day, and takes out of it and the days beside it who was erased meanwhile.
func (b *booking) finishDay(ctx context.Context, day arrow.Date32) (map[arrow.Date32]sinks.Outcome, error) {
	found, err := b.lake.Finish(ctx, b.stream.Table, b.stream.columns.Schema(), b.account, day)
	if err != nil {
		return nil, err
	}
	p, err := readPrivacy(ctx, b.lake, nil, b.stream)
	if err != nil || p.erasure == nil {
		return found, err
	}
	p.at = b.clock()
	for d, o := range found {
		if o.SHA256 == "" {
			continue
		}
		if found[d], err = p.eraseDay(ctx, b.lake, b.account, d, o); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// eraseLeft takes erased persons out of archived reads that a run was about to write when it ended, and out of the account's
// rejected records.
func (b *booking) eraseLeft(ctx context.Context, archives map[string]bool) error {
	if len(archives) == 0 {
		return nil
	}
	p, err := readPrivacy(ctx, b.lake, nil, b.stream)
	if err != nil || p.erasure == nil {
		return err
	}
	for key := range archives {
		if key == "" || strings.HasPrefix(key, unarchived) {
			continue
		}
		if _, _, err := p.eraseArchived(ctx, b.lake, sinks.ArchivedRead{Key: key}); err != nil {
			return err
		}
	}
	_, err = b.lake.RewriteRejected(ctx, b.account, b.stream.Name, p.eraseRejected)
	return err
}

// isDamaged reports whether an error is about one object that is damaged: other days can go on.
func isDamaged(err error) bool {
	var damaged *sinks.DamagedError
	return errors.As(err, &damaged)
}

// unarchived stands for the archived read where rows come from none; what follows it tells the run from others.
const unarchived = "unarchived"

// intend notes that days are about to be written, and the archived read that their rows come from, before the first of them is: if
// the run ends before they are noted, the next one looks after them. by is the read's key, unarchived, or empty where rows are
// only changed.
func (b *booking) intend(ctx context.Context, days []arrow.Date32, by string) error {
	if by == unarchived {
		by += "/" + b.own
	}
	marked := sinks.Ledger{}
	for _, day := range days {
		marked[day] = b.ledger[day].MarkedBy(by)
	}
	if err := b.lake.WriteLedger(ctx, b.account, b.stream.Name, marked, b.written); err != nil {
		return &lakeError{err}
	}
	maps.Copy(b.written, marked)
	return nil
}

// begin notes a day that lies before all that were ever asked for, before it or any later one is written: if the run is killed, the
// next one owes the days from there on.
func (b *booking) begin(ctx context.Context, day arrow.Date32) error {
	if first, ok := firstAsked(b.ledger); ok && first <= day {
		return nil
	}
	entry := b.ledger[day]
	entry.How = howList
	b.note(day, entry)
	err := b.flush(ctx)
	b.since = time.Time{} // the unit's own entries are not to wait for it
	return err
}

// note takes a day's entry.
func (b *booking) note(day arrow.Date32, entry sinks.LedgerDay) {
	b.ledger[day], b.noted[day] = entry, entry
}

// noteOutcome books what became of a day and of the days that its rows came from.
func (b *booking) noteOutcome(day arrow.Date32, entry sinks.LedgerDay, o sinks.Outcome) {
	for from, left := range o.Left {
		b.note(from, b.ledger[from].WithContent(left))
	}
	b.note(day, entry)
}

// pause writes what is noted between two units, if that was not done just now.
func (b *booking) pause(ctx context.Context) error {
	if b.clock().Sub(b.since) < flushEvery {
		return nil
	}
	return b.flush(ctx)
}

// flush writes what is noted. It finishes also when the run was interrupted after the partitions were replaced, so that
// the next run need not read them again.
func (b *booking) flush(ctx context.Context) error {
	if len(b.noted) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := b.lake.WriteLedger(ctx, b.account, b.stream.Name, b.noted, b.written); err != nil {
		return &lakeError{err}
	}
	maps.Copy(b.written, b.noted)
	b.noted, b.since = sinks.Ledger{}, b.clock()
	return nil
}
