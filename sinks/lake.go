// Package sinks is where rows land: a lake of Parquet partitions in any bucket, and the ledger that says what the
// lake holds. It promises that a partition is replaced by one object write and never seen half-written, that equal
// rows give equal bytes, and that a row leaves a day only for a newer version of itself. It knows Arrow and gocloud
// buckets; it does not know RingCentral, JSON records or SQL.
//
// # How a day is replaced
//
// A read is the rows that one closed reading of RingCentral brought, page by page. For each day that the read covers:
//
//  1. The read's rows of that day are brought to one version each and sorted by time and id. If their content hash is
//     the one that the ledger has for the day, and the object has the bytes that the ledger has, nothing is written.
//  2. Else the held partition, if there is one, is merged in by id. Held rows that the read did not bring stay:
//     RingCentral forgets, the lake does not. Rows that the days beside it hold of the same ids take part, too: a record
//     whose time moved lies in one day only, the one of its newest version.
//  3. If the content differs from what is held, a Parquet file is written to local scratch, closed and hashed, and
//     then uploaded under the partition's one key, if the object there is still the one that was merged; else all of
//     this is done again. The upload replaces the object as a whole.
//  4. Rows of which a newer version lies here now leave the days beside it, in the same way.
//  5. The ledger's month is written after the partitions of the read.
//
// Before the first object of a read is replaced, its caller archives the read and notes in the ledger which days are going to be
// written. A crash before 3 leaves the day as it was. A crash between 3 and 5 leaves partitions that the ledger does not
// know or knows by an older hash, or a record in two days: Finish looks after both. Nothing is cleaned by hand. Errors from
// the bucket can be inspected with gcerrors.Code.
package sinks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"gocloud.dev/blob"

	"github.com/trunkline/trunkline/sinks/disk"
)

// layoutVersion is the version of the layout that this package writes, kept in _trunkline/format.json.
const layoutVersion = 1

// ErrLayout is returned by Open for a lake of a layout that this version of trunkline does not know.
var ErrLayout = errors.New("the lake's layout is unknown")

// Table is what the lake must know of the rows of one table. The columns are named, since the schema is another's.
type Table struct {
	Name     string // of the table and of its stream: `call_log`
	ID       string // text column, unique in the table
	Time     string // timestamp column (µs, UTC) that decides the day; empty for a snapshot, all of whose rows are of one day: see On
	Modified string // timestamp column of the last change; a later one is the newer version
	Detail   string // list column whose presence makes the fuller version, of equal Modified
	Deleted  string // column that marks a tombstone, which is laid over the version before it: boolean, or text that is DeletedAs

	DeletedAs string

	// Overlay makes one row of two versions: what over has, and of the rest what under has.
	Overlay func(under arrow.RecordBatch, underRow int, over arrow.RecordBatch, overRow int) (arrow.RecordBatch, error)

	day arrow.Date32 // of a snapshot
}

// On is the table of snapshots for the rows of one of them: their ids are unique in the day, which the reading decides, and the same ones are
// in every other day, too.
func (t Table) On(day arrow.Date32) Table {
	t.day = day
	return t
}

// IsSnapshot reports whether the table's rows tell how things were on a day.
func (t Table) IsSnapshot() bool { return t.Time == "" }

// LakeOptions are the optional parts of a Lake.
type LakeOptions struct {
	LocalDir string // directory behind the bucket, where it is a local one: its files are read in place
	Scratch  string // directory for temporary files; default os.TempDir()
	CacheDir string // directory that keeps copies of a remote lake's objects between runs; default: scratch

	AnyLayout bool // a lake of another layout is opened, too: to be looked at, not to be written
}

// Lake is a bucket that holds tables, their ledger and the state of their marts.
type Lake struct {
	bucket   *blob.Bucket
	localDir string
	cacheDir string
	scratch  string
	shut     func() error // removes the scratch directory
	marked   atomic.Bool  // format.json is there
}

// Open checks the layout of the lake in the bucket and returns the lake. Close it to remove its scratch files; the
// bucket stays the caller's.
func Open(ctx context.Context, bucket *blob.Bucket, o *LakeOptions) (*Lake, error) {
	if o == nil {
		o = &LakeOptions{}
	}
	l := &Lake{bucket: bucket, localDir: o.LocalDir, cacheDir: o.CacheDir}
	check := l.checkLayout
	if o.AnyLayout {
		check = func(ctx context.Context) error { return CheckBucket(ctx, bucket) }
	}
	if err := check(ctx); err != nil {
		return nil, err
	}
	scratch, err := disk.MakeScratch(o.Scratch, scratchPrefix)
	if err != nil {
		return nil, fmt.Errorf("scratch directory: %w", err)
	}
	l.scratch, l.shut = scratch.Dir, scratch.Close
	if l.cacheDir == "" {
		l.cacheDir = filepath.Join(l.scratch, "cache")
	}
	return l, nil
}

// Close removes the lake's scratch files.
func (l *Lake) Close() error { return l.shut() }

// scratchPrefix begins the names of scratch directories.
const scratchPrefix = "trunkline-"

// Scratch is a directory for the caller's temporary files; Close removes it.
func (l *Lake) Scratch() string { return l.scratch }

const formatKey = "_trunkline/format.json"

type format struct {
	Layout int `json:"layout"`
}

func (l *Lake) checkLayout(ctx context.Context) error {
	var f format
	found, err := l.readJSON(ctx, formatKey, &f)
	if err != nil {
		return err
	}
	if found && f.Layout != layoutVersion {
		return fmt.Errorf("%w: %s says %d, this trunkline knows %d; use the trunkline that wrote the lake or a newer one",
			ErrLayout, formatKey, f.Layout, layoutVersion)
	}
	return nil
}

// markLayout writes format.json where it is missing, before the first ledger.
func (l *Lake) markLayout(ctx context.Context) error {
	if l.marked.Load() {
		return nil
	}
	if _, found, err := l.size(ctx, formatKey); err != nil || found {
		l.marked.Store(found)
		return err
	}
	b, err := json.MarshalIndent(format{Layout: layoutVersion}, "", "  ")
	if err != nil {
		return err
	}
	if _, err = l.replaceBytesIf(ctx, formatKey, "", append(b, '\n'), "application/json"); errors.Is(err, ErrConflict) {
		return nil // another run has just marked it
	}
	return err
}

// Probe checks that the lake can be written, by writing and removing a small object.
func (l *Lake) Probe(ctx context.Context) error {
	key := path.Join("_trunkline", "probe-"+filepath.Base(l.scratch))
	if err := l.putBytes(ctx, key, []byte("trunkline looked whether it may write here\n"), "text/plain"); err != nil {
		return fmt.Errorf("the lake cannot be written: %w", err)
	}
	if err := l.remove(ctx, key); err != nil {
		return fmt.Errorf("the lake's objects cannot be removed: %w", err)
	}
	return nil
}

var accountName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// checkAccount refuses an account id that cannot stand in a key.
func checkAccount(account string) error {
	if !accountName.MatchString(account) {
		return fmt.Errorf("account id %q: only letters, digits, - and _ can stand in a partition's path", account)
	}
	return nil
}

// readJSON reads a small object; found is false where there is none.
func (l *Lake) readJSON(ctx context.Context, key string, v any) (found bool, err error) {
	b, _, found, err := l.readVersioned(ctx, key)
	if err != nil || !found {
		return false, err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("%s is not what trunkline wrote there: %w", key, err)
	}
	return true, nil
}

// keys yields the keys below a prefix, in order.
func (l *Lake) keys(ctx context.Context, prefix string, visit func(*blob.ListObject) error) error {
	objects, err := l.list(ctx, &blob.ListOptions{Prefix: prefix})
	for i := 0; err == nil && i < len(objects); i++ {
		err = visit(objects[i])
	}
	return err
}

// directories lists the names directly below a prefix that have keys below them, in order.
func (l *Lake) directories(ctx context.Context, prefix string) ([]string, error) {
	objects, err := l.list(ctx, &blob.ListOptions{Prefix: prefix, Delimiter: "/"})
	var out []string
	for _, o := range objects {
		if o.IsDir {
			out = append(out, strings.TrimSuffix(strings.TrimPrefix(o.Key, prefix), "/"))
		}
	}
	return out, err
}

// list reads a whole listing; what fails for the moment is tried again from its beginning.
func (l *Lake) list(ctx context.Context, o *blob.ListOptions) (out []*blob.ListObject, err error) {
	err = retried(ctx, func() error {
		out = nil
		for list := l.bucket.List(o); ; {
			object, err := list.Next(ctx)
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			out = append(out, object)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", o.Prefix, explained(err))
	}
	return out, nil
}

// remove deletes an object; one that is not there is no error.
func (l *Lake) remove(ctx context.Context, key string) error {
	err := retried(ctx, func() error { return l.bucket.Delete(ctx, key) })
	if err != nil && kindOf(err) != isMissing {
		return fmt.Errorf("remove %s: %w", key, explained(err))
	}
	return nil
}

// size is how large an object is; found is false where there is none.
func (l *Lake) size(ctx context.Context, key string) (size int64, found bool, err error) {
	err = retried(ctx, func() error {
		attrs, err := l.bucket.Attributes(ctx, key)
		if err == nil {
			size = attrs.Size
		}
		return err
	})
	switch {
	case err == nil:
		return size, true, nil
	case kindOf(err) == isMissing:
		return 0, false, nil
	}
	return 0, false, fmt.Errorf("read %s: %w", key, explained(err))
}

// ScratchLake is an empty lake of its own in the scratch directory, for building tables on local disk. Close it.
func (l *Lake) ScratchLake(ctx context.Context) (*Lake, error) {
	dir, err := os.MkdirTemp(l.scratch, "lake-")
	if err != nil {
		return nil, err
	}
	bucket, err := disk.OpenBucket(dir)
	if err != nil {
		return nil, err
	}
	own, err := Open(ctx, bucket, &LakeOptions{LocalDir: dir, Scratch: l.scratch})
	if err != nil {
		return nil, errors.Join(err, bucket.Close())
	}
	remove := own.shut
	own.shut = func() error { return errors.Join(remove(), bucket.Close()) }
	return own, nil
}
