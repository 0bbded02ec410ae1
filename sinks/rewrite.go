package sinks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"gocloud.dev/blob"
)

// RewriteDay changes the held rows of a day by the merge's Redact, which stay the same records, and replaces its object if they,
// or the policy that they obey, differ. Nothing is read; with an empty Policy the day stays under the one that it is under. A
// day without an object is left alone.
func (l *Lake) RewriteDay(ctx context.Context, m *Merge, day arrow.Date32) (out Outcome, err error) {
	if err := checkAccount(m.AccountID); err != nil {
		return out, err
	}
	key := PartitionKey(m.Read.table.Name, m.AccountID, day)
	for range mergeTries {
		held, err := l.holdRedacted(ctx, m, key)
		out = Outcome{Key: key, Read: -1, Policy: m.Policy}
		if err != nil || !held.found {
			return out, err
		}
		out.Held = held.rows.NumRows()
		if m.Policy == "" {
			out.Policy = held.policy
		}
		if out, err = l.replaceDay(ctx, m, out, held, held.rows); mustRepeat(err) && ctx.Err() == nil {
			continue
		}
		if err == nil && out.Changed && !l.IsLocal() {
			err = os.RemoveAll(filepath.Join(l.cacheDir, held.sha256)) // a copy of what was there
		}
		return out, err
	}
	return out, fmt.Errorf("%s: %w", key, ErrConflict)
}

// PartitionDays lists the days of which the table has an object, in order, whatever the ledger says.
func (l *Lake) PartitionDays(ctx context.Context, table, account string) ([]arrow.Date32, error) {
	names, err := l.directories(ctx, path.Join(table, "account_id="+account)+"/")
	if err != nil {
		return nil, err
	}
	var out []arrow.Date32
	for _, name := range names {
		text, _ := strings.CutPrefix(name, "start_date=")
		if at, err := time.Parse(time.DateOnly, text); err == nil {
			out = append(out, arrow.Date32FromTime(at))
		}
	}
	return out, nil
}

// PartitionAccounts lists the accounts of which the table has objects, in order, whatever the ledger says.
func (l *Lake) PartitionAccounts(ctx context.Context, table string) ([]string, error) {
	names, err := l.directories(ctx, table+"/")
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], "account_id=")
	}
	return names, err
}

// RewriteArchived changes the pages of an archived read: change returns what becomes of a page's body, the body itself
// where nothing does. The object is replaced as a whole, and only if a page changed.
func (l *Lake) RewriteArchived(ctx context.Context, r ArchivedRead, change func(ArchivedPage) ([]byte, error)) (changed bool, err error) {
	for range mergeTries {
		changed, err = l.rewriteArchived(ctx, r, change)
		if !mustRepeat(err) || ctx.Err() != nil {
			return changed, err
		}
	}
	return false, err
}

func (l *Lake) rewriteArchived(ctx context.Context, r ArchivedRead, change func(ArchivedPage) ([]byte, error)) (changed bool, err error) {
	at, err := l.versionOf(ctx, r.Key)
	if err != nil || at == "" {
		return false, err
	}
	w, err := l.NewArchive()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	err = l.ReadArchive(ctx, r, func(page ArchivedPage) error {
		body, err := change(page)
		if err != nil {
			return err
		}
		changed = changed || !bytes.Equal(body, page.Body)
		page.Body = body
		return w.Add(page)
	})
	if err != nil || !changed {
		return false, err
	}
	name := w.file.Name() + ".zst"
	defer os.Remove(name)
	if err := w.compress(name); err != nil {
		return false, fmt.Errorf("%s: %w", r.Key, err)
	}
	_, err = l.replaceFileIf(ctx, r.Key, at, name, archiveType)
	return err == nil, err
}

// versionOf is the version of an object, "" where there is none.
func (l *Lake) versionOf(ctx context.Context, key string) (v objectVersion, err error) {
	s := l.versions()
	err = retried(ctx, func() error {
		v, _, err = s.look(ctx, key)
		return err
	})
	if err != nil && kindOf(err) == isMissing {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, explained(err))
	}
	return v, nil
}

// DeleteArchived removes an archived read.
func (l *Lake) DeleteArchived(ctx context.Context, r ArchivedRead) error {
	return l.remove(ctx, r.Key)
}

// RewriteRejected changes the records of a stream that were set aside, of one account or of all if it is empty, line by line: change returns what becomes of a line, nil where it
// goes. It returns how many objects changed.
func (l *Lake) RewriteRejected(ctx context.Context, account, stream string, change func(line []byte) ([]byte, error)) (changed int, err error) {
	var keys []string
	prefix := rejectedPrefix
	if account != "" {
		prefix += account + "/"
	}
	err = l.keys(ctx, prefix, func(o *blob.ListObject) error {
		if parts := strings.Split(strings.TrimPrefix(o.Key, rejectedPrefix), "/"); len(parts) == 3 && parts[1] == stream {
			keys = append(keys, o.Key)
		}
		return nil
	})
	for _, key := range keys {
		if err != nil {
			break
		}
		var did bool
		for range mergeTries {
			if did, err = l.rewriteRejected(ctx, key, change); !mustRepeat(err) || ctx.Err() != nil {
				break
			}
		}
		if did {
			changed++
		}
	}
	return changed, err
}

func (l *Lake) rewriteRejected(ctx context.Context, key string, change func(line []byte) ([]byte, error)) (bool, error) {
	b, at, found, err := l.readVersioned(ctx, key)
	if err != nil || !found {
		return false, err
	}
	var out []byte
	for line := range bytes.Lines(b) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		kept, err := change(line)
		if err != nil {
			return false, fmt.Errorf("%s: %w", key, err)
		}
		if kept != nil {
			out = append(append(out, kept...), '\n')
		}
	}
	if bytes.Equal(out, b) {
		return false, nil
	}
	_, err = l.replaceBytesIf(ctx, key, at, out, rejectedType)
	return err == nil, err
}
