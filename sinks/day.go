package sinks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
)

// Merge is a read on its way into the days of one account.
type Merge struct {
	AccountID string
	Schema    *arrow.Schema
	Read      *Read
	Known     Ledger // what the ledger says of the days; absent days are unknown

	Shrink bool // a day becomes exactly what was read
	Whole  bool // the rows are whole, tombstones too, as those of a rebuilt table: nothing is laid over held rows
	HasAll bool // the rows are at least all that Known knows of: they may take the place of an object that is damaged

	Policy string // names the policy that the read's rows obey; empty for the one that keeps everything
	Redact Redact // brings held rows under it, too; nil: they stay as they are

	// Before is called once, before the first object is replaced: what it fails with ends the merge. Nil: nothing.
	Before func(context.Context) error
}

// Outcome is what became of one day of a read.
type Outcome struct {
	Key     string // of the partition
	Changed bool   // the object was replaced
	Read    int64  // rows of the read, one version of each id
	Held    int64  // rows that were held before; -1 where nothing had to be read to know that the day is unchanged
	Kept    int64  // held rows, tombstones aside, that the read did not bring
	Rows    int64  // rows that the partition holds now
	Bytes   int64  // size of the object, 0 without one

	ContentHash string // of the rows
	SHA256      string // of the object
	Policy      string // that all rows of the object obey

	Left map[arrow.Date32]Outcome // the days that rows of this day were taken from: newer versions of them lie here
}

// PartitionKey is the key of the one object of an account-day.
func PartitionKey(table, account string, day arrow.Date32) string {
	return path.Join(table, "account_id="+account, "start_date="+day.FormattedString(), table+".parquet")
}

// mergeTries is how often a day is merged anew after somebody else replaced it meanwhile.
const mergeTries = 8

// ReplaceDay merges the read's rows of one day into its partition, and replaces the object if its rows changed. A record
// that a neighbouring day holds an older version of leaves that day afterwards; one of which a neighbouring day holds a newer
// version stays there. A day without any row gets no object. ErrConflict says that others kept replacing the day.
func (l *Lake) ReplaceDay(ctx context.Context, m *Merge, day arrow.Date32) (out Outcome, err error) {
	if err := checkAccount(m.AccountID); err != nil {
		return out, err
	}
	if err := m.Read.gatherVersions(); err != nil {
		return out, err
	}
	rows, err := m.readRows(day)
	if err != nil {
		return out, err
	}
	out = Outcome{Key: PartitionKey(m.Read.table.Name, m.AccountID, day), Read: rows.NumRows(), Held: -1}
	known := m.Known[day]
	unchanged, err := l.isHeld(ctx, out.Key, rows, known)
	unchanged = unchanged && len(m.Read.timeless) == 0 && (m.Policy == "" || m.Policy == known.Policy)
	if err != nil {
		return out, err
	}
	if unchanged {
		out.Rows, out.Bytes, out.ContentHash, out.SHA256, out.Policy = known.Rows, known.Bytes, known.ContentHash, known.SHA256, known.Policy
		return out, nil
	}
	for try := 1; ; try++ {
		done, err := l.mergeDay(ctx, m, day, rows, out)
		if !mustRepeat(err) || try == mergeTries || ctx.Err() != nil {
			return done, err
		}
	}
}

// mustRepeat tells that a write has to be done again from what is there now: somebody else wrote the object, or nobody knows whether it was
// written.
func mustRepeat(err error) bool { return errors.Is(err, ErrConflict) || errors.Is(err, errUnknown) }

// readRows is the newest version of each row that the read brought of the day.
func (m *Merge) readRows(day arrow.Date32) (arrow.RecordBatch, error) {
	g := m.Read.merging(m.Schema, true)
	for _, b := range m.Read.batches {
		if _, err := g.add(b); err != nil {
			return nil, err
		}
	}
	for _, f := range m.Read.days[day] {
		if err := g.merge(f, m.Read.reading(f)); err != nil {
			return nil, err
		}
	}
	if err := g.bury(); err != nil {
		return nil, err
	}
	return g.rows(day, all)
}

func all(string, version) bool { return true }

// isHeld reports whether the rows are those that the ledger knows and the object has the bytes that the ledger knows: a damaged
// one of the same size is not taken for held.
func (l *Lake) isHeld(ctx context.Context, key string, rows arrow.RecordBatch, known LedgerDay) (bool, error) {
	if known.ContentHash == "" || known.ContentHash != contentHash(rows) {
		return false, nil
	}
	sum, err := l.sum(ctx, key, known.Bytes)
	return sum != "" && sum == known.SHA256, err
}

// mergeDay merges the rows that were read of a day with what the lake holds now.
func (l *Lake) mergeDay(ctx context.Context, m *Merge, day arrow.Date32, rows arrow.RecordBatch, out Outcome) (Outcome, error) {
	held, err := l.holdDay(ctx, m, day, out.Key, rows)
	if err != nil {
		return out, err
	}
	beside, err := l.neighbours(ctx, m, day, rows)
	if err != nil {
		return out, err
	}
	g, read, err := m.withHeld(rows, held, beside)
	if err != nil {
		return out, err
	}
	out.Held, out.Kept = 0, 0
	if held.found {
		out.Held, out.Kept = held.rows.NumRows(), g.kept(held, read)
	}
	merged := rows
	if held.found || len(beside) > 0 {
		merged, err = g.rows(day, func(id string, _ version) bool { return !m.Shrink || read[id] })
		if err != nil {
			return out, err
		}
	}
	out.Policy = m.bound(held, beside)
	if out, err = l.replaceDay(ctx, m, out, held, merged); err != nil {
		return out, err
	}
	for from, ids := range g.leaving(beside, day) {
		left, err := l.leave(ctx, m, from, ids)
		if err != nil {
			return out, err
		}
		if out.Left == nil {
			out.Left = map[arrow.Date32]Outcome{}
		}
		out.Left[from] = left
	}
	return out, nil
}

// withHeld brings the rows that were read, those that are held and those of neighbouring days to one version each. read are the ids
// that were read.
func (m *Merge) withHeld(rows arrow.RecordBatch, held heldDay, beside []neighbour) (g *merging, read map[string]bool, err error) {
	g = m.Read.merging(m.Schema, !m.Whole)
	add := func(batch arrow.RecordBatch, at []int32, reading func(int) int) error {
		n, err := g.add(batch)
		for i := 0; err == nil && i < len(at); i++ {
			err = g.merge(ref{n, at[i]}, reading(i))
		}
		return err
	}
	asHeld := func(int) int { return m.Read.heldReading() }
	if held.found {
		err = add(held.rows, allRows(held.rows), asHeld)
	}
	for _, n := range beside {
		err = errors.Join(err, add(n.rows, n.hits, asHeld))
	}
	err = errors.Join(err, add(rows, allRows(rows), func(int) int { return 1 - m.Read.heldReading() }))
	if err != nil {
		return nil, nil, err
	}
	ids := g.keys[len(g.keys)-1].id
	read = make(map[string]bool, rows.NumRows())
	for i := range int(rows.NumRows()) {
		read[ids.Value(i)] = true
	}
	return g, read, errors.Join(m.bury(g), g.bury())
}

// bury lays tombstones of unknown days over the rows that are merged.
func (m *Merge) bury(g *merging) error {
	for _, f := range m.Read.timeless {
		batch := m.Read.batches[f.batch]
		k, err := keysOf(m.Read.table, batch)
		if err != nil {
			return err
		}
		if _, found := g.newest[k.id.Value(int(f.row))]; !found {
			continue
		}
		n, err := g.add(batch)
		if err == nil {
			err = g.merge(ref{n, f.row}, 1-m.Read.heldReading())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func allRows(batch arrow.RecordBatch) []int32 {
	out := make([]int32, batch.NumRows())
	for i := range out {
		out[i] = int32(i)
	}
	return out
}

// kept counts the held rows, tombstones aside, whose ids were not read.
func (g *merging) kept(held heldDay, read map[string]bool) (n int64) {
	k := g.keys[0]
	for i := range int(held.rows.NumRows()) {
		dead := k.deleted != nil && k.deleted(i)
		if !dead && !read[k.id.Value(i)] {
			n++
		}
	}
	return n
}

// heldDay is a partition as the lake holds it.
type heldDay struct {
	rows    arrow.RecordBatch // in the schema's form
	found   bool
	version objectVersion
	bytes   int64
	sha256  string
	policy  string
	content string // hash of the rows of the object; empty where rows are its rows

	otherBytes bool // the object has the rows that the ledger knows, and not the bytes: it is written anew
}

func (l *Lake) hold(ctx context.Context, s *arrow.Schema, key string) (heldDay, error) {
	b, at, found, err := l.readVersioned(ctx, key)
	if err != nil || !found {
		return heldDay{}, err
	}
	batch, err := readHeld(ctx, key, b)
	var damaged *DamagedError
	if errors.As(err, &damaged) {
		damaged.version = at
	}
	if err != nil {
		return heldDay{}, err
	}
	rows, err := gatherAll(s, batch)
	if err != nil {
		return heldDay{}, &DamagedError{Key: key, Err: err, version: at}
	}
	return heldDay{rows: rows, found: true, version: at, bytes: int64(len(b)), sha256: sumBytes(b), policy: policyOf(batch.Schema())}, nil
}

// gatherAll copies a whole batch into the schema's form, so that its hash can be compared.
func gatherAll(s *arrow.Schema, batch arrow.RecordBatch) (arrow.RecordBatch, error) {
	refs := make([]ref, batch.NumRows())
	for i := range refs {
		refs[i].row = int32(i)
	}
	return gather(s, []arrow.RecordBatch{batch}, refs)
}

// replaceDay writes the rows as the day's object, unless their content is what is held.
func (l *Lake) replaceDay(ctx context.Context, m *Merge, out Outcome, held heldDay, rows arrow.RecordBatch) (Outcome, error) {
	out.Rows = rows.NumRows()
	if out.Rows == 0 && held.version == "" {
		return out, nil
	}
	out.ContentHash = contentHash(rows)
	if out.Policy == "" && out.ContentHash == held.content {
		out.Policy = held.policy // of these rows
	}
	if held.found && !held.otherBytes && out.ContentHash == held.contentHash() && (out.Policy == "" || out.Policy == held.policy) {
		out.Bytes, out.SHA256, out.Policy = held.bytes, held.sha256, held.policy
		return out, nil
	}
	if m.Before != nil {
		if err := m.Before(ctx); err != nil {
			return out, err
		}
		m.Before = nil
	}
	dir, err := os.MkdirTemp(l.scratch, "partition-")
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, path.Base(out.Key))
	if err := writeParquet(name, m.Read.table, underPolicy(rows, out.Policy)); err != nil {
		return out, fmt.Errorf("%s: %w", out.Key, err)
	}
	if out.Bytes, out.SHA256, err = fileSum(name); err != nil {
		return out, err
	}
	if _, err := l.replaceFileIf(ctx, out.Key, held.version, name, parquetType); err != nil {
		return out, err
	}
	out.Changed = true
	return out, nil
}

const parquetType = "application/vnd.apache.parquet"

// ReadDay reads the rows of an account-day, sorted by time and id; found is false where the table has no such partition.
func (l *Lake) ReadDay(ctx context.Context, table, account string, day arrow.Date32) (rows arrow.RecordBatch, found bool, err error) {
	return l.readPartition(ctx, PartitionKey(table, account, day))
}
