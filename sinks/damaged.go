package sinks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// # Damaged partitions
//
// A day that was read and is as the ledger knows it is left alone only if its object has the bytes that the ledger knows. Where it
// has others and can be read, its rows are merged like all held rows: another run may have written them. Where it cannot be
// read nobody knows which rows are lost with it. It is replaced only by rows that are all that the ledger knows of: those of a
// read with the ledger's content hash, or of an archive that came by that content. Else the day fails and the object stays.

// DamagedError is a partition that is not what a partition must be.
type DamagedError struct {
	Key string // of the object
	Err error  // what is wrong with it

	version objectVersion
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged: %v; %s", e.Key, e.Err, e.remedy())
}

// Unwrap gives what is wrong.
func (e *DamagedError) Unwrap() error { return e.Err }

func (e *DamagedError) remedy() string {
	_, date, _ := strings.Cut(e.Key, "start_date=")
	date, _, _ = strings.Cut(date, "/")
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return "`trunkline replay` builds its day from the archive"
	}
	return fmt.Sprintf("`trunkline replay --from %s --to %s` builds the day from the archive", date, at.AddDate(0, 0, 1).Format(time.DateOnly))
}

// holdDay is what the lake holds of a day, brought under the merge's policy. A damaged object whose rows the merge has counts as
// none of which the version is known.
func (l *Lake) holdDay(ctx context.Context, m *Merge, day arrow.Date32, key string, rows arrow.RecordBatch) (heldDay, error) {
	held, err := l.holdRedacted(ctx, m, key)
	if err == nil && held.found {
		err = m.belong(held, day, key)
	}
	var damaged *DamagedError
	if errors.As(err, &damaged) && m.hasAll(day, rows) {
		return heldDay{version: damaged.version, policy: m.Known[day].Policy, content: m.Known[day].ContentHash}, nil
	}
	if err != nil || !held.found {
		return held, err
	}
	if known := m.Known[day]; known.SHA256 != "" && known.SHA256 != held.sha256 && known.Policy == held.policy {
		held.content = held.contentHash()
		held.otherBytes = held.content == known.ContentHash
	}
	return held, nil
}

// belong refuses rows that a merge would drop in silence.
func (m *Merge) belong(held heldDay, day arrow.Date32, key string) error {
	faults, err := m.Read.table.CheckRows(held.rows, day)
	if err == nil && faults.Keyless+faults.Misplaced > 0 {
		err = fmt.Errorf("%d of its rows have no id or time, and %d start on another day", faults.Keyless, faults.Misplaced)
	}
	if err != nil {
		return &DamagedError{Key: key, Err: err, version: held.version}
	}
	return nil
}

// hasAll reports whether the rows are all that the ledger knows of the day. Of a day that somebody was writing it may not know all.
func (m *Merge) hasAll(day arrow.Date32, rows arrow.RecordBatch) bool {
	known := m.Known[day]
	return !known.Writing && known.ContentHash != "" && (m.HasAll || known.ContentHash == contentHash(rows))
}

// sum reads an object of the given size through and returns its SHA-256; "" where there is none, or one of another size.
func (l *Lake) sum(ctx context.Context, key string, size int64) (sum string, err error) {
	err = retried(ctx, func() error {
		r, err := l.bucket.NewReader(ctx, key, nil)
		if err != nil {
			return err
		}
		defer r.Close()
		if r.Size() != size {
			return nil
		}
		h := sha256.New()
		if n, err := io.Copy(h, r); err != nil || n != size {
			return errors.Join(err, io.ErrUnexpectedEOF)
		}
		sum = hex.EncodeToString(h.Sum(nil))
		return nil
	})
	if err != nil && kindOf(err) != isMissing {
		return "", fmt.Errorf("read %s: %w", key, explained(err))
	}
	return sum, nil
}
