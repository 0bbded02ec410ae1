package sinks

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"gocloud.dev/blob"
)

// What follows looks at a lake as it lies there and changes nothing. What is wrong is told; only what cannot be looked at
// is an error.

// Unreadable is an object that is not what its key says that it is.
type Unreadable struct {
	Key string
	Err error
}

// EachObject visits the objects below a prefix, in order of their keys.
func (l *Lake) EachObject(ctx context.Context, prefix string, visit func(key string, bytes int64) error) error {
	return l.keys(ctx, prefix, func(o *blob.ListObject) error { return visit(o.Key, o.Size) })
}

// LedgerAsFound reads a ledger like Ledger, and tells what cannot be read of it instead of failing.
func (l *Lake) LedgerAsFound(ctx context.Context, account, stream string) (Ledger, []Unreadable, error) {
	out, bad := Ledger{}, []Unreadable(nil)
	prefix := ledgerPrefix + path.Join(account, stream) + "/"
	err := l.keys(ctx, prefix, func(o *blob.ListObject) error {
		b, _, found, err := l.readVersioned(ctx, o.Key)
		if err != nil || !found {
			return err
		}
		days, err := ledgerDays(b, strings.TrimSuffix(strings.TrimPrefix(o.Key, prefix), ".json"), account, stream)
		if err != nil {
			bad = append(bad, Unreadable{o.Key, err})
		}
		for d, entry := range days {
			out[d] = entry
		}
		return nil
	})
	return out, bad, err
}

// ledgerDays reads one month of a ledger and checks that it is that month's and nobody else's.
func ledgerDays(b []byte, name, account, stream string) (Ledger, error) {
	var month ledgerMonth
	if err := json.Unmarshal(b, &month); err != nil {
		return nil, err
	}
	if month.AccountID != account || month.Stream != stream {
		return nil, fmt.Errorf("it says that it is of account %q and stream %q", month.AccountID, month.Stream)
	}
	out := Ledger{}
	for text, day := range month.Days {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil || !strings.HasPrefix(text, name+"-") {
			return nil, fmt.Errorf("%q is no day of the month %s", text, name)
		}
		out[arrow.Date32FromTime(at)] = day
	}
	return out, nil
}

// CheckState reads an object below _trunkline/ and returns what is wrong with it, nil if nothing is. Objects that are not known
// here are another version's, and not looked into.
func (l *Lake) CheckState(ctx context.Context, key string) (wrong, err error) {
	if strings.HasSuffix(key, ".parquet") {
		return fmt.Errorf("engines that read every .parquet would take it for a part of a table"), nil
	}
	kind, rest, _ := strings.Cut(strings.TrimPrefix(key, "_trunkline/"), "/")
	var into any
	switch kind {
	case "format.json":
		into = &format{}
	case "erased.json":
		into = &ErasureNotes{}
	case "feed":
		into = &FeedState{}
	case "rate":
		into = &RateShare{}
	case "marts":
		into = &martFile{}
	case "ledger":
		into = &ledgerMonth{}
	case "archive":
		return checkArchiveName(key), nil
	default:
		return nil, nil
	}
	b, _, found, err := l.readVersioned(ctx, key)
	if err != nil || !found {
		return nil, err // it went meanwhile
	}
	if err := json.Unmarshal(b, into); err != nil {
		return err, nil
	}
	if f, ok := into.(*format); ok && f.Layout != layoutVersion {
		return fmt.Errorf("it says layout %d, this trunkline knows %d", f.Layout, layoutVersion), nil
	}
	if parts := strings.Split(rest, "/"); kind == "ledger" && len(parts) == 3 {
		_, wrong = ledgerDays(b, strings.TrimSuffix(parts[2], ".json"), parts[0], parts[1])
	}
	return wrong, nil
}

func checkArchiveName(key string) error {
	if _, ok := archivedAt(key); !ok {
		return fmt.Errorf("it is not a name of the archive")
	}
	return nil
}

// MartAsFound reads the state of a mart; wrong is why it cannot be read.
func (l *Lake) MartAsFound(ctx context.Context, mart string) (s MartState, wrong, err error) {
	b, _, found, err := l.readVersioned(ctx, martKey(mart))
	if err != nil || !found {
		return nil, nil, err
	}
	f := martFile{Partitions: MartState{}}
	wrong = json.Unmarshal(b, &f)
	return f.Partitions, wrong, nil
}

// Examined is what an object is.
type Examined struct {
	Missing     bool // there is no such object; nothing else is set
	Bytes       int64
	SHA256      string
	Wrong       error             // why it cannot be read as a partition; what follows is not set then
	Rows        arrow.RecordBatch // in the schema's form; nil of an object that was only hashed
	ContentHash string
	Policy      string // that the file's metadata names; empty for the one that keeps everything
}

// ExamineObject copies an object to local scratch, hashes it and removes the copy. read, if it is not nil, gets the copy's path.
func (l *Lake) ExamineObject(ctx context.Context, key string, read func(file string) error) (out Examined, err error) {
	f, err := os.CreateTemp(l.scratch, "examined-*")
	if err != nil {
		return out, err
	}
	name := f.Name()
	defer os.Remove(name)
	if err := f.Close(); err != nil {
		return out, err
	}
	err = retried(ctx, func() error {
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		return l.fetch(ctx, key, f)
	})
	if err != nil && kindOf(err) == isMissing {
		return Examined{Missing: true}, nil
	}
	if err != nil {
		return out, explained(err)
	}
	if out.Bytes, out.SHA256, err = fileSum(name); err != nil || read == nil {
		return out, err
	}
	return out, read(name)
}

// Examine reads a partition of a table. deep has a second reader, independent of the one that everything here is read with, read
// every value, too, and compares what the two of them read.
func (l *Lake) Examine(ctx context.Context, s *arrow.Schema, key string, deep bool) (Examined, error) {
	var rows arrow.RecordBatch
	var policy string
	var wrong error
	out, err := l.ExamineObject(ctx, key, func(file string) error {
		b, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read %s: %w", filepath.Base(key), err)
		}
		rows, policy, wrong = examineRows(ctx, s, b, deep)
		return ctx.Err()
	})
	if err != nil || out.Missing {
		return out, err
	}
	if out.Wrong = wrong; wrong == nil {
		out.Rows, out.ContentHash, out.Policy = rows, contentHash(rows), policy
	}
	return out, nil
}

// SameRows reports whether two batches of one schema have the same rows in the same order.
func SameRows(a, b arrow.RecordBatch) (bool, error) {
	if a == b {
		return true, nil
	}
	left, err := gatherAll(a.Schema(), a)
	if err != nil {
		return false, err
	}
	right, err := gatherAll(a.Schema(), b)
	return err == nil && contentHash(left) == contentHash(right), err
}

func examineRows(ctx context.Context, s *arrow.Schema, b []byte, deep bool) (rows arrow.RecordBatch, policy string, err error) {
	defer func() {
		if p := recover(); p != nil { // damaged bytes lead readers astray
			err = fmt.Errorf("the reader gave up: %v", p)
		}
	}()
	batch, err := readParquet(ctx, b, nil)
	if err != nil {
		return nil, "", err
	}
	policy = policyOf(batch.Schema())
	if rows, err = gatherAll(s, batch); err != nil || !deep {
		return rows, policy, err
	}
	if err := CompareReaders(b); err != nil {
		return rows, policy, &ReadersDiffer{err}
	}
	return rows, policy, nil
}

// ReadersDiffer is a file of which two readers read different things.
type ReadersDiffer struct{ Err error }

func (e *ReadersDiffer) Error() string { return e.Err.Error() }

// Unwrap gives what is different.
func (e *ReadersDiffer) Unwrap() error { return e.Err }

// RowFaults is what is wrong with the rows of one partition: how many rows, and the first of them.
type RowFaults struct {
	Keyless   int // have no id or no time
	Misplaced int // lie in another day by their time
	Unsorted  int // come after one that they must come before
	First     map[string]string
}

// CheckRows looks whether rows belong to a day and are sorted by time and id.
func (t Table) CheckRows(rows arrow.RecordBatch, day arrow.Date32) (RowFaults, error) {
	out := RowFaults{First: map[string]string{}}
	k, err := keysOf(t, rows)
	if err != nil {
		return out, err
	}
	note := func(n *int, kind string, row int) {
		if *n++; *n == 1 {
			out.First[kind] = fmt.Sprintf("row %d, id %q", row+1, k.id.Value(row))
		}
	}
	last := -1
	for row := range int(rows.NumRows()) {
		if !k.placed(row) {
			note(&out.Keyless, "keyless", row)
			continue
		}
		if k.time != nil && k.dayOf(row) != day {
			note(&out.Misplaced, "misplaced", row)
		}
		if last >= 0 && cmp.Or(cmp.Compare(k.timeOf(row), k.timeOf(last)), strings.Compare(k.id.Value(row), k.id.Value(last))) < 0 {
			note(&out.Unsorted, "unsorted", row)
		}
		last = row
	}
	return out, nil
}
