package sinks

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"gocloud.dev/blob"
)

// LedgerDay is what the ledger says of one day of one account and stream.
type LedgerDay struct {
	ReadAt       time.Time `json:"read_at,omitzero"`        // when its last closed read began
	How          string    `json:"how"`                     // what brought the rows: `list`, `feed`, `snapshot`, `calls`, `imported` or `replayed`
	Pages        int       `json:"pages"`                   // pages of the read's windows that touched the day
	Records      int       `json:"records"`                 // records of the day that the read brought, repeated ones included
	Rows         int64     `json:"rows"`                    // rows that the partition holds
	Bytes        int64     `json:"bytes"`                   // size of the partition's object, 0 without one
	ContentHash  string    `json:"content_hash,omitempty"`  // of the rows; empty for a day without rows and object
	SHA256       string    `json:"sha256,omitempty"`        // of the object
	Policy       string    `json:"policy,omitempty"`        // privacy policy that all rows of the object obey; empty: everything is kept
	Closed       bool      `json:"closed"`                  // every window that touches the day was read to its end
	Settled      bool      `json:"settled"`                 // read after its lookback, so that late edits are no longer expected
	Doubt        string    `json:"doubt,omitempty"`         // why its last read alone does not make it held: DoubtUnknown or DoubtPartial
	Writing      bool      `json:"writing,omitempty"`       // a run is about to write the day; where that run ended, the next one looks after it
	WritingBy    string    `json:"writing_by,omitempty"`    // of those who are about to write it, see Writers
	Of           string    `json:"of,omitempty"`            // of a stream that follows another: the content hash that the other's day had, all of which is followed
	HidesDeleted bool      `json:"hides_deleted,omitempty"` // RingCentral refused to show deleted records to its last closed read
	Answered     int       `json:"answered,omitempty"`      // of a stream that is read extension by extension: how many gave their list to the last closed read
	Extensions   int       `json:"extensions,omitempty"`    // likewise: how many there were
}

// Why a read to its end does not make a day held: RingCentral forgets, and does not say so. A day that was held before stays held.
const (
	DoubtUnknown = "unknown" // it gave nothing for a day older than its retention
	DoubtPartial = "partial" // it gave little for a day near the end of its retention
)

// sameContent reports whether two entries describe the same object.
func (d LedgerDay) sameContent(e LedgerDay) bool {
	return d.ContentHash == e.ContentHash && d.SHA256 == e.SHA256
}

func (d LedgerDay) equal(e LedgerDay) bool {
	same := d.ReadAt.Equal(e.ReadAt)
	d.ReadAt, e.ReadAt = time.Time{}, time.Time{}
	return same && d == e
}

// WithContent is the entry with what an outcome says of the day's object.
func (d LedgerDay) WithContent(o Outcome) LedgerDay {
	d.Rows, d.Bytes, d.ContentHash, d.SHA256, d.Policy = o.Rows, o.Bytes, o.ContentHash, o.SHA256, o.Policy
	return d
}

// Ledger is what the lake holds of one account and stream, day by day.
type Ledger map[arrow.Date32]LedgerDay

// Days returns the days in order.
func (g Ledger) Days() []arrow.Date32 {
	days := make([]arrow.Date32, 0, len(g))
	for d := range g {
		days = append(days, d)
	}
	sort.Slice(days, func(i, j int) bool { return days[i] < days[j] })
	return days
}

// ledgerMonth is the object that keeps one month of a ledger.
type ledgerMonth struct {
	AccountID string               `json:"account_id"`
	Stream    string               `json:"stream"`
	Days      map[string]LedgerDay `json:"days"`
}

const ledgerPrefix = "_trunkline/ledger/"

func ledgerKey(account, stream, month string) string {
	return ledgerPrefix + path.Join(account, stream, month+".json")
}

// Ledger reads the ledger of an account and stream; it is empty where nothing was read yet. A bucket that cannot be
// listed is an error, never an empty ledger.
func (l *Lake) Ledger(ctx context.Context, account, stream string) (Ledger, error) {
	if err := checkAccount(account); err != nil {
		return nil, err
	}
	out := Ledger{}
	err := l.keys(ctx, ledgerPrefix+path.Join(account, stream)+"/", func(o *blob.ListObject) error {
		var month ledgerMonth
		if _, err := l.readJSON(ctx, o.Key, &month); err != nil {
			return err
		}
		for name, day := range month.Days {
			at, err := time.Parse(time.DateOnly, name)
			if err != nil {
				return fmt.Errorf("%s: day %q is not a date", o.Key, name)
			}
			out[arrow.Date32FromTime(at)] = day
		}
		return nil
	})
	return out, err
}

// WriteLedger notes the given days; the other days of their months stay as they are. known is what the writer took the days
// for: of a day that somebody else noted meanwhile, the object is described as it is now, and the later closed
// read counts.
func (l *Lake) WriteLedger(ctx context.Context, account, stream string, days, known Ledger) error {
	if err := checkAccount(account); err != nil {
		return err
	}
	if err := l.markLayout(ctx); err != nil {
		return err
	}
	months := map[string]Ledger{}
	for d, day := range days {
		name := d.FormattedString()[:len("2006-01")]
		if months[name] == nil {
			months[name] = Ledger{}
		}
		months[name][d] = day
	}
	for name, noted := range months {
		if err := l.writeLedgerMonth(ctx, account, stream, name, noted, known); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lake) writeLedgerMonth(ctx context.Context, account, stream, name string, noted, known Ledger) error {
	_, err := update(ctx, l, ledgerKey(account, stream, name), func(month *ledgerMonth) error {
		if month.Days == nil {
			*month = ledgerMonth{AccountID: account, Stream: stream, Days: map[string]LedgerDay{}}
		}
		for d, day := range noted {
			there := month.Days[d.FormattedString()]
			if !there.equal(known[d]) {
				var err error
				writing, by := markOf(day, there, known[d])
				if day, err = l.reconcile(ctx, account, stream, d, day, there); err != nil {
					return err
				}
				day.Writing, day.WritingBy = writing, by
			}
			month.Days[d.FormattedString()] = day
		}
		return nil
	})
	return err
}

// Writers are those who are about to write the day and bring rows: each the key of the archived read that they come from, or what else
// tells one run from all others. Who only changes held rows has no name.
func (d LedgerDay) Writers() []string {
	if !d.Writing {
		return nil
	}
	return strings.Fields(d.WritingBy)
}

// MarkedBy is the day with one more who is about to write it; by is empty of who only changes held rows.
func (d LedgerDay) MarkedBy(by string) LedgerDay {
	d.WritingBy = joinWriters(append(d.Writers(), by))
	d.Writing = true
	return d
}

func joinWriters(by []string) string {
	return strings.TrimSpace(strings.Join(slices.Compact(slices.Sorted(slices.Values(by))), " "))
}

// markOf is who is about to write a day of which two have noted something: each adds and takes away its own marks. One that somebody else has
// set stays, since that run may be killed yet.
func markOf(ours, theirs, known LedgerDay) (writing bool, by string) {
	had, has := known.Writers(), ours.Writers()
	left := slices.DeleteFunc(theirs.Writers(), func(w string) bool { return slices.Contains(had, w) && !slices.Contains(has, w) })
	added := slices.DeleteFunc(has, func(w string) bool { return slices.Contains(had, w) })
	if by = joinWriters(append(left, added...)); by != "" {
		return true, by
	}
	nameless := func(d LedgerDay) bool { return d.Writing && d.WritingBy == "" }
	if nameless(ours) == nameless(known) {
		return nameless(theirs), ""
	}
	return nameless(ours), ""
}

// reconcile joins what two runs note of one day. Only the object itself says which of them replaced it last.
func (l *Lake) reconcile(ctx context.Context, account, stream string, d arrow.Date32, ours, theirs LedgerDay) (LedgerDay, error) {
	out := ours
	if theirs.Closed && (!ours.Closed || theirs.ReadAt.After(ours.ReadAt)) {
		out = theirs
	}
	if ours.sameContent(theirs) {
		return out, nil
	}
	o, err := l.describe(ctx, PartitionKey(stream, account, d))
	if err != nil {
		return out, err
	}
	return out.WithContent(o), nil
}

// describe says what a partition is: its rows, size and hashes.
func (l *Lake) describe(ctx context.Context, key string) (Outcome, error) {
	out := Outcome{Key: key}
	b, _, found, err := l.readVersioned(ctx, key)
	if err != nil || !found {
		return out, err
	}
	batch, err := readHeld(ctx, key, b)
	if err != nil {
		return out, err
	}
	rows, err := gatherAll(batch.Schema(), batch)
	if err != nil {
		return out, fmt.Errorf("%s: %w", key, err)
	}
	out.Rows, out.Bytes, out.ContentHash, out.SHA256 = rows.NumRows(), int64(len(b)), contentHash(rows), sumBytes(b)
	out.Policy = policyOf(batch.Schema())
	return out, nil
}

// Finish looks after a day that a run was about to write when it ended: where a record lies in it and in a day beside it, the older
// version leaves. It returns what the day and those beside it hold now.
func (l *Lake) Finish(ctx context.Context, t Table, s *arrow.Schema, account string, day arrow.Date32) (map[arrow.Date32]Outcome, error) {
	rows, found, err := l.ReadDay(ctx, t.Name, account, day)
	if err != nil {
		return nil, err
	}
	if found {
		m := &Merge{AccountID: account, Schema: s, Read: NewRead(t.On(day)), Whole: true, Policy: policyOf(rows.Schema())}
		if err := m.Read.Append(rows); err != nil {
			return nil, err
		}
		if _, err := l.ReplaceDay(ctx, m, day); err != nil {
			return nil, err
		}
	}
	out := map[arrow.Date32]Outcome{}
	for d := day - 1; d <= day+1; d++ {
		if out[d], err = l.describe(ctx, PartitionKey(t.Name, account, d)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Accounts lists the accounts that the ledger knows, in order.
func (l *Lake) Accounts(ctx context.Context) ([]string, error) {
	return l.directories(ctx, ledgerPrefix)
}

// updateTries is how often a small object is changed anew after somebody else changed it meanwhile.
const updateTries = 32

// update changes a small object by compare-and-swap: change gets what is there, the zero value if nothing is, and what it leaves is
// written if nobody else wrote the object meanwhile; else all of it is done again. It returns what was written.
func update[T any](ctx context.Context, l *Lake, key string, change func(*T) error) (v T, err error) {
	for range updateTries {
		var fresh T
		b, at, found, err := l.readVersioned(ctx, key)
		if err != nil {
			return v, err
		}
		if found {
			if err := json.Unmarshal(b, &fresh); err != nil {
				return v, fmt.Errorf("%s is not what trunkline wrote there: %w", key, err)
			}
		}
		if err := change(&fresh); err != nil {
			return v, err
		}
		if b, err = json.MarshalIndent(fresh, "", "  "); err != nil {
			return v, err
		}
		_, err = l.replaceBytesIf(ctx, key, at, append(b, '\n'), "application/json")
		if !mustRepeat(err) || ctx.Err() != nil {
			return fresh, err
		}
	}
	return v, fmt.Errorf("%s: %w", key, ErrConflict)
}
