package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// archive folds the account's archive as a rebuilding does, in a lake of its own on local disk, and compares the records
// with those of the table.
func (a *accountCheck) archive(ctx context.Context) error {
	reads, err := a.archivedReads(ctx)
	if err != nil || len(reads) == 0 {
		return err
	}
	own, err := a.lake.ScratchLake(ctx)
	if err != nil {
		return err
	}
	defer own.Close()
	r := rebuilding{
		stream:     a.stream,
		Rebuilding: Rebuilding{AccountID: a.id, Window: a.Window, Terms: a.Terms, Now: a.Now},
		lake:       a.lake, own: own, ledger: sinks.Ledger{}, decoder: schema.NewDecoder(a.stream.columns),
		yield: func(Event, error) bool { return true },
	}
	if err := a.fold(ctx, &r, reads); err != nil {
		return err
	}
	archived, err := a.lake.NewVersions(a.stream.Table)
	if err != nil {
		return err
	}
	defer archived.Close()
	for _, day := range r.ledger.Days() {
		if !a.wantsDay(day) {
			continue
		}
		rows, found, err := own.ReadDay(ctx, a.stream.Name, a.id, day)
		if err == nil && found {
			err = archived.Add(rows, day)
		}
		if err != nil {
			return err
		}
	}
	return a.join(archived)
}

// fold folds the reads, without those that cannot be read.
func (a *accountCheck) fold(ctx context.Context, r *rebuilding, reads []sinks.ArchivedRead) error {
	for _, read := range reads {
		err := r.fold(ctx, read)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var page *BadPageError
		if errors.Is(err, sinks.ErrBadArchive) || errors.As(err, &page) {
			a.find(Finding{Kind: FindArchiveBad, Stream: a.stream.Name, AccountID: a.id, Key: read.Key, Detail: err.Error(),
				Remedy: "the tables do not need it; move it away, or bring it back from a copy before `trunkline replay` is needed"})
			continue
		}
		if err != nil {
			return err
		}
		a.done.Archived++
	}
	return nil
}

// archivedReads lists the archived reads whose names are theirs; the others were told of already.
func (a *accountCheck) archivedReads(ctx context.Context) ([]sinks.ArchivedRead, error) {
	for _, f := range a.done.Findings {
		if f.AccountID == a.id && f.Kind == FindStateUnreadable && accountOfState(f.Key) == a.id && isArchive(f.Key) {
			return nil, nil // the order of the reads is not known
		}
	}
	return a.lake.ArchivedReads(ctx, a.id, a.stream.Name)
}

func isArchive(key string) bool { return len(key) > 19 && key[:19] == "_trunkline/archive/" }

// join walks through archive and table by id, and finds what the archive has and the table lacks.
func (a *accountCheck) join(archived *sinks.Versions) error {
	next, stop := iter.Pull2(a.versions.Sorted())
	defer stop()
	held, err, more := next()
	var best *sinks.RowVersion // what the table has of the record
	for want, e := range archived.Sorted() {
		if e != nil {
			return e
		}
		if best != nil && best.ID != want.ID {
			best = nil
		}
		for more && err == nil && held.ID <= want.ID {
			if held.ID == want.ID && (best == nil || best.OlderThan(held)) {
				found := held
				best = &found
			}
			held, err, more = next()
		}
		if err != nil {
			return err
		}
		a.judge(want, best)
	}
	return nil
}

// judge compares what the archive and the table have of one record.
func (a *accountCheck) judge(want sinks.RowVersion, held *sinks.RowVersion) {
	day := want.Day.FormattedString()
	f := Finding{Stream: a.stream.Name, AccountID: a.id, Day: day, Remedy: fmt.Sprintf("`trunkline replay --from %s --to %s` brings it into the table",
		day, (want.Day + 1).FormattedString())}
	switch {
	case held == nil:
		f.Kind, f.Detail = FindArchivedMissing, fmt.Sprintf("the archive has the record %q, the table has not", want.ID)
		f.Remedy += "; where --allow-shrink dropped it this is as it must be"
	case held.OlderThan(want):
		f.Kind = FindArchivedNewer
		f.Detail = fmt.Sprintf("the archive has a newer version of the record %q than the table has in %s", want.ID, held.Day.FormattedString())
	default:
		return
	}
	a.findRecord(f)
}
