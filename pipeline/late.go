package pipeline

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// # Who is erased while a run writes
//
// An erasure writes its note first, and then lists and rewrites what the lake holds. A run takes persons out of what it read
// by the notes that were there then. So whoever writes rows or pages that were prepared by older notes looks, when an object is
// written, whether the notes are still those: if they are, the object was there before the note, and the erasure finds it; if
// they are not, the writer itself takes the persons out of the object, before it books it. To rewrite an object brings nobody
// back, since it changes what is there and is refused if that changed meanwhile.
//
// A run that is killed between the two has named the days and the archived read in the ledger, as `writing`: the next run that
// writes takes the persons out of them before it takes the name away.

// renewed is the privacy by the notes that the lake has now; changed is false where these are the same.
func (p privacy) renewed(ctx context.Context, lake *sinks.Lake) (now privacy, changed bool, err error) {
	if changed, err = lake.ErasedSince(ctx, p.notes); err != nil || !changed {
		return p, false, err
	}
	now, err = readPrivacy(ctx, lake, p.policy, p.stream)
	now.at = p.at
	return now, err == nil, err
}

// renew takes out of rows that wait for being written who was erased while they were read, so that nobody comes back even for a
// moment.
func (p privacy) renew(ctx context.Context, lake *sinks.Lake, rows *sinks.Read) error {
	now, changed, err := p.renewed(ctx, lake)
	if err != nil || !changed {
		return err
	}
	return rows.Redact(now.apply)
}

// replaceDay merges rows that were prepared by the privacy into their day, and takes out of it who was erased since.
func (p privacy) replaceDay(ctx context.Context, lake *sinks.Lake, m *sinks.Merge, day arrow.Date32) (sinks.Outcome, error) {
	o, err := lake.ReplaceDay(ctx, m, day)
	wrote := o.Changed
	for _, left := range o.Left {
		wrote = wrote || left.Changed
	}
	if err != nil || !wrote {
		return o, err
	}
	now, changed, err := p.renewed(ctx, lake)
	if err != nil || !changed {
		return o, err
	}
	for from, left := range o.Left {
		if o.Left[from], err = now.eraseDay(ctx, lake, m.AccountID, from, left); err != nil {
			return o, err
		}
	}
	return now.eraseDay(ctx, lake, m.AccountID, day, o)
}

// eraseDay takes erased persons out of a day that was written, and returns its outcome as it is then.
func (p privacy) eraseDay(ctx context.Context, lake *sinks.Lake, account string, day arrow.Date32, o sinks.Outcome) (sinks.Outcome, error) {
	change := sinks.Redact(p.erase)
	if p.stream.byWhat == byCall {
		var err error
		if change, err = p.silence(ctx, lake, account, day); err != nil {
			return o, err
		}
	}
	now, err := lake.RewriteDay(ctx, &sinks.Merge{AccountID: account, Schema: p.stream.columns.Schema(), Read: sinks.NewRead(p.stream.On(day)), Redact: change}, day)
	o.Rows, o.Bytes, o.ContentHash, o.SHA256, o.Policy = now.Rows, now.Bytes, now.ContentHash, now.SHA256, now.Policy
	return o, err
}

// erase takes erased persons out of rows.
func (p privacy) erase(batch arrow.RecordBatch) (arrow.RecordBatch, error) {
	out, _, err := p.erasure.Apply(batch)
	return out, err
}

// keep archives a read whose pages were prepared by the privacy, and takes out of it who was erased since.
func (p privacy) keep(ctx context.Context, lake *sinks.Lake, w *sinks.ArchiveWriter, account, runID string) error {
	if err := w.Keep(ctx, account, p.stream.Name, runID); err != nil {
		return err
	}
	now, changed, err := p.renewed(ctx, lake)
	if err != nil || !changed {
		return err
	}
	_, _, err = now.eraseArchived(ctx, lake, sinks.ArchivedRead{Key: w.Key(account, p.stream.Name, runID)})
	return err
}

// eraseArchived takes erased persons out of an archived read. still is the number of pages in which their digits stand all the same.
func (p privacy) eraseArchived(ctx context.Context, lake *sinks.Lake, read sinks.ArchivedRead) (changed bool, still int, err error) {
	changed, err = lake.RewriteArchived(ctx, read, func(page sinks.ArchivedPage) ([]byte, error) {
		body, err := p.rewritten(page.Body)
		if p.erasure.Finds(body) {
			still++
		}
		return body, err
	})
	return changed, still, err
}

// eraseRejected takes erased persons out of one record that was set aside; one that cannot be read goes if it tells of them.
func (p privacy) eraseRejected(line []byte) ([]byte, error) {
	out, err := schema.RewriteRecord(p.stream.columns, line, p.without)
	var syntax *schema.SyntaxError
	switch {
	case errors.As(err, &syntax) && p.erasure.Finds(line):
		return nil, nil
	case errors.As(err, &syntax):
		return line, nil
	}
	return out, err
}

// afterRejected takes out of an account's rejected records who was erased since some were written that the privacy had prepared.
func (p privacy) afterRejected(ctx context.Context, lake *sinks.Lake, account string) error {
	now, changed, err := p.renewed(ctx, lake)
	if err != nil || !changed {
		return err
	}
	_, err = lake.RewriteRejected(ctx, account, p.stream.Name, now.eraseRejected)
	return err
}
