package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// Redacting says which held days to bring under a policy.
type Redacting struct {
	AccountID string // OwnAccount: of all accounts in the lake
	Window    Window
	Policy    *schema.Policy // not nil
	Now       time.Time      // of the run
}

// Rewritten is what a Redact or an Erase changed.
type Rewritten struct {
	Days     int         // that were looked at
	Rows     int         // that somebody was taken out of
	Changed  []Partition // that were replaced
	Archived int         // archived reads that were rewritten
	Removed  int         // archived reads that were removed
	Rejected int         // objects of rejected records that were rewritten
	Audio    int         // recordings whose audio was removed
	Left     []string    // what could not be reached, in words
}

// Redact brings held days under a policy, each as one object: what the policy keeps and an earlier one dropped does not come
// back. Their records leave the archive: reads that have no others are removed, the others are rewritten. Records that
// were set aside have no day, and are all brought under the policy. To repeat it is safe.
func Redact(ctx context.Context, lake *sinks.Lake, x Redacting) (Rewritten, error) {
	w := rewriting{lake: lake, now: x.Now, window: &x.Window}
	if err := x.Policy.Ready(); err != nil {
		return w.done, err
	}
	accounts, err := w.accounts(ctx, x.AccountID)
	if err != nil {
		return w.done, err
	}
	if x.AccountID == OwnAccount {
		x.AccountID = ""
	}
	for _, s := range streams {
		if err := w.redact(ctx, s, x, accounts); err != nil {
			return w.done, err
		}
	}
	return w.done, nil
}

// redact brings one stream under the policy.
func (w *rewriting) redact(ctx context.Context, s stream, x Redacting, accounts []string) error {
	policy, err := x.Policy.For(s.columns)
	if errors.Is(err, schema.ErrNoIdentity) {
		return w.cannotRedact(ctx, s, accounts, err)
	}
	if err != nil {
		return err
	}
	w.stream, w.policy, w.change = s, policy.ID(), policy.Apply
	for _, account := range accounts {
		if s.byWhat == byCall && !x.Policy.KeepsAudio() {
			if err := w.unheard(ctx, account); err != nil {
				return fmt.Errorf("account %s: %w", account, err)
			}
		}
		if err := errors.Join(w.days(ctx, account), w.unarchive(ctx, account)); err != nil {
			return fmt.Errorf("account %s: %w", account, err)
		}
	}
	n, err := w.lake.RewriteRejected(ctx, x.AccountID, s.Name, func(line []byte) ([]byte, error) {
		out, err := schema.RewriteRecord(s.columns, line, w.whole)
		var syntax *schema.SyntaxError
		if errors.As(err, &syntax) {
			return nil, nil // nobody can say what is in it
		}
		return out, err
	})
	w.done.Rejected += n
	return err
}

// cannotRedact says that a table is to be removed as a whole, if the lake has it.
func (w *rewriting) cannotRedact(ctx context.Context, s stream, accounts []string, why error) error {
	for _, account := range accounts {
		days, err := w.lake.PartitionDays(ctx, s.Name, account)
		if err != nil {
			return err
		}
		if len(days) > 0 {
			w.left("%s of account %s: %v; remove %s/ and _trunkline/archive/%s/%s/ from the lake", s.Name, account, why, s.Name, account, s.Name)
		}
	}
	return nil
}

// rewriting is one Redact or Erase while it runs.
type rewriting struct {
	lake   *sinks.Lake
	now    time.Time
	stream stream
	policy string       // that changed rows obey; empty: the one that they are under
	window *Window      // nil: all days
	change sinks.Redact // of rows
	done   Rewritten
}

// accounts lists the accounts that the ledger, the table or the archive know.
func (w *rewriting) accounts(ctx context.Context, only string) ([]string, error) {
	if only != OwnAccount {
		return []string{only}, nil
	}
	booked, err := w.lake.Accounts(ctx)
	archived, err2 := w.lake.ArchivedAccounts(ctx)
	all, err := slices.Concat(booked, archived), errors.Join(err, err2)
	for _, s := range streams {
		held, err2 := w.lake.PartitionAccounts(ctx, s.Name)
		all, err = append(all, held...), errors.Join(err, err2)
	}
	slices.Sort(all)
	return slices.Compact(all), err
}

// days rewrites the held days of an account's stream and books them. A crash in between leaves days whose objects are looked at by
// the next run that writes.
func (w *rewriting) days(ctx context.Context, account string) (err error) {
	s := w.stream
	days, err := w.lake.PartitionDays(ctx, s.Name, account)
	if err != nil {
		return err
	}
	if w.window != nil {
		days = slices.DeleteFunc(days, func(d arrow.Date32) bool { return d < w.window.From || d >= w.window.To })
	}
	b := booking{lake: w.lake, stream: s, clock: func() time.Time { return w.now }, rewrites: true}
	if err := b.open(ctx, account); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.flush(ctx)) }()
	var others []arrow.Date32 // under another policy before
	intended := false
	m := &sinks.Merge{AccountID: account, Schema: s.columns.Schema(), Policy: w.policy, Redact: w.change}
	for _, day := range days {
		w.done.Days++
		m.Read = sinks.NewRead(s.On(day))
		m.Before = func(ctx context.Context) error {
			intended = true
			return b.intend(ctx, []arrow.Date32{day}, "")
		}
		o, err := w.lake.RewriteDay(ctx, m, day)
		if err != nil {
			return fmt.Errorf("day %s: %w", day.FormattedString(), err)
		}
		if before := b.ledger[day].Policy; w.policy != "" && before != "" && before != w.policy {
			others = append(others, day)
		}
		if entry := b.ledger[day]; intended || entry != entry.WithContent(o) {
			b.note(day, entry.WithContent(o))
		}
		if intended = false; !o.Changed {
			continue
		}
		w.done.Changed = append(w.done.Changed, Partition{Table: s.Name, AccountID: account, Day: day})
		if err := b.pause(ctx); err != nil {
			return err
		}
	}
	if len(others) > 0 {
		w.left("%s: days %v of account %s were under another policy: what it took away does not come back", s.Name, Ranges(others), account)
	}
	return nil
}

func (w *rewriting) left(format string, a ...any) {
	w.done.Left = append(w.done.Left, fmt.Sprintf(format, a...))
}

// whole changes all rows of a page.
func (w *rewriting) whole(batch arrow.RecordBatch) (arrow.RecordBatch, func(int) bool, error) {
	out, err := w.change(batch)
	return out, nil, err
}

// unarchive takes the records of the window's days out of the archive, and those without a day where they stand beside them.
func (w *rewriting) unarchive(ctx context.Context, account string) error {
	reads, err := w.lake.ArchivedReads(ctx, account, w.stream.Name)
	if err != nil {
		return err
	}
	for _, read := range reads {
		inside, outside, err := w.sides(ctx, read)
		switch {
		case err != nil:
			return err
		case !inside:
			continue
		case !outside:
			err = w.lake.DeleteArchived(ctx, read)
			w.done.Removed++
		default:
			_, err = w.lake.RewriteArchived(ctx, read, func(page sinks.ArchivedPage) ([]byte, error) {
				return schema.RewritePage(w.stream.columns, page.Body, w.outside)
			})
			w.done.Archived++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sides reports whether an archived read has records of the window's days, and whether it has others.
func (w *rewriting) sides(ctx context.Context, read sinks.ArchivedRead) (inside, outside bool, err error) {
	if w.stream.IsSnapshot() {
		day := dayOf(read.ReadAt)
		in := day >= w.window.From && day < w.window.To
		return in, !in, nil
	}
	days := map[arrow.Date32]bool{}
	d := schema.NewDecoder(w.stream.columns)
	err = w.lake.ReadArchive(ctx, read, func(page sinks.ArchivedPage) error {
		if _, err := d.Append(page.Body); err != nil {
			return err
		}
		rows := sinks.NewRead(w.stream.Table)
		if err := rows.Append(d.Batch()); err != nil {
			return err
		}
		for _, day := range rows.Days() {
			days[day] = true
		}
		return nil
	})
	for day := range maps.Keys(days) {
		in := day >= w.window.From && day < w.window.To
		inside, outside = inside || in, outside || !in
	}
	return inside, outside, err
}

// outside keeps the rows of days outside the window.
func (w *rewriting) outside(batch arrow.RecordBatch) (arrow.RecordBatch, func(int) bool, error) {
	times, ok := batch.Column(w.stream.columns.Column(w.stream.Time)).(*array.Timestamp)
	if !ok {
		return nil, nil, errors.New("the batch lacks its times")
	}
	return batch, func(row int) bool {
		day := sinks.DayOf(int64(times.Value(row)))
		return times.IsValid(row) && (day < w.window.From || day >= w.window.To)
	}, nil
}
