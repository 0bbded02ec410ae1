package sinks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
)

// Outcome is what became of one day of a read.
type Outcome struct {
	Key     string // of the partition
	Changed bool   // the object was replaced
	Read    int64  // rows of the read, one version of each id
	Held    int64  // rows that were held before; -1 where nothing had to be read to know that the day is unchanged
	Rows    int64  // rows that the partition holds now
	Bytes   int64  // size of the object, 0 without one

	ContentHash string // of the rows
	SHA256      string // of the object
}

// PartitionKey is the key of the one object of an account-day.
func PartitionKey(table, account string, day arrow.Date32) string {
	return path.Join(table, "account_id="+account, "start_date="+day.FormattedString(), table+".parquet")
}

// ReplaceDay merges the read's rows of one day into its partition, and replaces the object if its rows changed. known
// is what the ledger says of the day, its zero value if nothing. A day without any row gets no object.
func (l *Lake) ReplaceDay(ctx context.Context, account string, day arrow.Date32, s *arrow.Schema, r *Read, known LedgerDay) (Outcome, error) {
	if err := checkAccount(account); err != nil {
		return Outcome{}, err
	}
	out := Outcome{Key: PartitionKey(r.table.Name, account, day), Held: -1}
	rows, err := r.day(day, s, nil)
	if err != nil {
		return out, err
	}
	out.Read = rows.NumRows()
	unchanged, err := l.isHeld(ctx, out.Key, rows, known)
	if err != nil {
		return out, err
	}
	if unchanged {
		out.Rows, out.Bytes, out.ContentHash, out.SHA256 = known.Rows, known.Bytes, known.ContentHash, known.SHA256
		return out, nil
	}
	held, found, err := l.readPartition(ctx, out.Key)
	if err != nil {
		return out, err
	}
	if !found {
		return l.replace(ctx, out, r.table, rows, 0, "")
	}
	heldRows, err := gatherAll(s, held)
	if err != nil {
		return out, fmt.Errorf("%s: %w", out.Key, err)
	}
	if rows, err = r.day(day, s, heldRows); err != nil {
		return out, err
	}
	return l.replace(ctx, out, r.table, rows, held.NumRows(), contentHash(heldRows))
}

// isHeld reports whether the rows are those that the ledger knows and the object is the one that the ledger knows.
func (l *Lake) isHeld(ctx context.Context, key string, rows arrow.RecordBatch, known LedgerDay) (bool, error) {
	if known.ContentHash == "" || known.ContentHash != contentHash(rows) {
		return false, nil
	}
	attrs, err := l.bucket.Attributes(ctx, key)
	if notFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", key, err)
	}
	return attrs.Size == known.Bytes, nil
}

// day returns the newest version of each row of the day, held rows (nil for none) having been read first.
func (r *Read) day(day arrow.Date32, s *arrow.Schema, held arrow.RecordBatch) (arrow.RecordBatch, error) {
	batches, refs, heldBatch := r.batches, r.days[day], int32(-1)
	if held != nil {
		n := int32(len(batches))
		batches, heldBatch = append(batches[:n:n], held), n
		all := make([]ref, 0, len(refs)+int(held.NumRows()))
		for row := range int32(held.NumRows()) {
			all = append(all, ref{n, row})
		}
		refs = append(all, refs...)
	}
	refs, err := r.merge(batches, refs, heldBatch)
	if err != nil {
		return nil, err
	}
	return gather(s, batches, refs)
}

// gatherAll copies a whole batch into the schema's form, so that its hash can be compared.
func gatherAll(s *arrow.Schema, batch arrow.RecordBatch) (arrow.RecordBatch, error) {
	refs := make([]ref, batch.NumRows())
	for i := range refs {
		refs[i].row = int32(i)
	}
	return gather(s, []arrow.RecordBatch{batch}, refs)
}

// replace writes the rows as the day's object, unless their content is what is held.
func (l *Lake) replace(ctx context.Context, out Outcome, t Table, rows arrow.RecordBatch, held int64, heldHash string) (Outcome, error) {
	out.Held, out.Rows = held, rows.NumRows()
	if out.Rows == 0 && heldHash == "" {
		return out, nil
	}
	out.ContentHash = contentHash(rows)
	if out.ContentHash == heldHash {
		return l.describe(ctx, out)
	}
	dir, err := os.MkdirTemp(l.scratch, "partition-")
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, path.Base(out.Key))
	if err := writeParquet(name, t, rows); err != nil {
		return out, fmt.Errorf("%s: %w", out.Key, err)
	}
	if out.Bytes, out.SHA256, err = fileSum(name); err != nil {
		return out, err
	}
	if err := l.putFile(ctx, out.Key, name, "application/vnd.apache.parquet"); err != nil {
		return out, err
	}
	out.Changed = true
	return out, nil
}

// describe fills in the size and the hash of an object that stays as it is.
func (l *Lake) describe(ctx context.Context, out Outcome) (Outcome, error) {
	b, err := l.bucket.ReadAll(ctx, out.Key)
	if err != nil {
		return out, fmt.Errorf("read %s: %w", out.Key, err)
	}
	out.Bytes, out.SHA256 = int64(len(b)), sumBytes(b)
	return out, nil
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

// ReadDay reads the rows of an account-day, sorted by time and id; found is false where the table has no such partition.
func (l *Lake) ReadDay(ctx context.Context, table, account string, day arrow.Date32) (rows arrow.RecordBatch, found bool, err error) {
	return l.readPartition(ctx, PartitionKey(table, account, day))
}
