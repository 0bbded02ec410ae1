package sinks

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"gocloud.dev/blob"
)

// The archive keeps the pages of every closed read that changed a row as they were received, so that each table can be
// built again offline. One read is one object: Zstandard over lines of JSON, a page a line.

// ArchivedPage is one line of the archive.
type ArchivedPage struct {
	ReadAt    time.Time       `json:"read_at"`              // when the page was asked for
	Path      string          `json:"path"`                 // of the request; empty for a page that was imported
	Query     string          `json:"query"`                // of the request
	Page      int             `json:"page"`                 // from 1
	RequestID string          `json:"request_id,omitempty"` // RingCentral's
	FirstDay  string          `json:"first_day,omitempty"`  // of the change feed: the first day that its records were taken into
	Body      json.RawMessage `json:"body"`                 // as received, but for CR and LF, which are spaces
}

const archivePrefix = "_trunkline/archive/"

// ArchiveWriter collects the pages of one read in a local file until it is known whether the read is to be kept.
type ArchiveWriter struct {
	lake  *Lake
	file  *os.File
	lines *bufio.Writer
	first time.Time
}

// NewArchive begins to collect the pages of a read. Close it in any case.
func (l *Lake) NewArchive() (*ArchiveWriter, error) {
	f, err := os.CreateTemp(l.scratch, "pages-*.ndjson")
	if err != nil {
		return nil, err
	}
	return &ArchiveWriter{lake: l, file: f, lines: bufio.NewWriterSize(f, 1<<16)}, nil
}

// Add adds a page. The body is not kept.
func (w *ArchiveWriter) Add(p ArchivedPage) error {
	if w.first.IsZero() {
		w.first = p.ReadAt
	}
	head := p
	head.Body = json.RawMessage("null")
	line, err := json.Marshal(head)
	if err != nil {
		return err
	}
	line = bytes.TrimSuffix(line, []byte("null}"))
	// By hand and not by encoding/json, which would write the body anew.
	line = append(line, lineEnds.Replace(string(p.Body))...)
	_, err = w.lines.Write(append(line, "}\n"...))
	return err
}

var lineEnds = strings.NewReplacer("\r", " ", "\n", " ")

// Keep compresses the pages and uploads them as one read of the account's stream.
func (w *ArchiveWriter) Keep(ctx context.Context, account, stream, runID string) error {
	if err := checkAccount(account); err != nil {
		return err
	}
	name := w.file.Name() + ".zst"
	defer os.Remove(name)
	if err := w.compress(name); err != nil {
		return fmt.Errorf("archive of a read: %w", err)
	}
	return w.lake.putFile(ctx, w.Key(account, stream, runID), name, archiveType)
}

// Key is the key of the object that Keep writes, once a page was added.
func (w *ArchiveWriter) Key(account, stream, runID string) string {
	at := w.first.UTC()
	return archivePrefix + path.Join(account, stream, at.Format("2006-01"), at.Format(readAtForm)+"-"+runID+archiveEnd)
}

func (w *ArchiveWriter) compress(name string) error {
	if err := w.lines.Flush(); err != nil {
		return err
	}
	if _, err := w.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(f, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return errors.Join(err, f.Close())
	}
	_, err = io.Copy(z, w.file)
	return errors.Join(err, z.Close(), f.Close())
}

const (
	readAtForm = "20060102T150405.000Z"
	archiveEnd = ".ndjson.zst"

	archiveType = "application/zstd"
)

// Close removes the local file.
func (w *ArchiveWriter) Close() error {
	return errors.Join(w.file.Close(), os.Remove(w.file.Name()))
}

// ArchivedRead is one read in the archive.
type ArchivedRead struct {
	Key    string
	ReadAt time.Time // when it began
}

// ArchivedAccounts lists the accounts that the archive has reads of, in order.
func (l *Lake) ArchivedAccounts(ctx context.Context) ([]string, error) {
	return l.directories(ctx, archivePrefix)
}

// ArchivedReads lists the reads of an account's stream in the order of reading.
func (l *Lake) ArchivedReads(ctx context.Context, account, stream string) ([]ArchivedRead, error) {
	if err := checkAccount(account); err != nil {
		return nil, err
	}
	var out []ArchivedRead
	err := l.keys(ctx, archivePrefix+path.Join(account, stream)+"/", func(o *blob.ListObject) error {
		at, ok := archivedAt(o.Key)
		if !ok {
			return fmt.Errorf("%s is not a name of the archive; move it away", o.Key)
		}
		out = append(out, ArchivedRead{Key: o.Key, ReadAt: at})
		return nil
	})
	slices.SortStableFunc(out, func(a, b ArchivedRead) int { return a.ReadAt.Compare(b.ReadAt) })
	return out, err
}

// archivedAt reads out of its key when an archived read began.
func archivedAt(key string) (time.Time, bool) {
	text, _, ok := strings.Cut(path.Base(key), "Z-")
	at, err := time.Parse(readAtForm, text+"Z")
	return at, ok && err == nil
}

// ErrBadArchive says that an archived read is not what was written there.
var ErrBadArchive = errors.New("the archived read is damaged")

// ReadArchive visits the pages of an archived read, in order. The page's memory is used again.
func (l *Lake) ReadArchive(ctx context.Context, r ArchivedRead, visit func(ArchivedPage) error) error {
	name := filepath.Join(l.scratch, "archived-"+path.Base(r.Key))
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer os.Remove(name)
	if err := l.fetch(ctx, r.Key, f); err != nil {
		return err
	}
	if f, err = os.Open(name); err != nil {
		return err
	}
	defer f.Close()
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("%s: %w", r.Key, err)
	}
	defer z.Close()
	lines := bufio.NewReaderSize(z, 1<<20)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: line %d: %w: %w", r.Key, n, ErrBadArchive, err)
		}
		var page ArchivedPage
		if err := json.Unmarshal(line, &page); err != nil {
			return fmt.Errorf("%s: line %d: %w: %w", r.Key, n, ErrBadArchive, err)
		}
		if err := visit(page); err != nil {
			return fmt.Errorf("%s: line %d: %w", r.Key, n, err)
		}
	}
}
