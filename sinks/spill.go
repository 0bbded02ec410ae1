package sinks

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// Spill keeps the rows of an import, or of a reading of many lists, on local disk, a file a day, until all of it is there: so memory follows the busiest
// day and not the size of the import. It is safe for concurrent use until it is read.
type Spill struct {
	table  Table
	schema *arrow.Schema
	dir    string

	mu   sync.Mutex
	days map[arrow.Date32]*spilled
}

// spilled is one day's file: Arrow IPC streams, one after the other.
type spilled struct {
	mu   sync.Mutex
	rows int
}

// NewSpill makes an empty spill in the lake's scratch directory.
func (l *Lake) NewSpill(t Table, s *arrow.Schema) (*Spill, error) {
	dir, err := os.MkdirTemp(l.scratch, "import-")
	if err != nil {
		return nil, err
	}
	return &Spill{table: t, schema: s, dir: dir, days: map[arrow.Date32]*spilled{}}, nil
}

// Append adds the rows of a batch to the files of their days. It returns the rows that have no id or no time, which AppendUnplaced takes.
func (s *Spill) Append(batch arrow.RecordBatch) (unplaced []int, err error) {
	r := NewRead(s.table)
	if err := r.Append(batch); err != nil {
		return nil, err
	}
	for day, refs := range r.days {
		rows := batch
		if len(refs) < int(batch.NumRows()) {
			if rows, err = gather(s.schema, r.batches, refs); err != nil {
				return nil, err
			}
		}
		if err := s.write(day, rows); err != nil {
			return nil, fmt.Errorf("temporary files in %s: %w", s.dir, err)
		}
	}
	for _, u := range append(r.unplaced, r.timeless...) {
		unplaced = append(unplaced, int(u.row))
	}
	return unplaced, nil
}

// write appends the rows to the day's file, one batch after the other: most of it is the kernel's copying.
func (s *Spill) write(day arrow.Date32, rows arrow.RecordBatch) error {
	d := s.day(day)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rows += int(rows.NumRows())
	f, err := os.OpenFile(s.name(day), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(f, 1<<16) // for the small parts; the large ones pass it by
	w := ipc.NewWriter(buffered, ipc.WithSchema(s.schema))
	return errors.Join(w.Write(rows), w.Close(), buffered.Flush(), f.Close())
}

func (s *Spill) day(day arrow.Date32) *spilled {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.days[day] == nil {
		s.days[day] = &spilled{}
	}
	return s.days[day]
}

func (s *Spill) name(day arrow.Date32) string {
	return filepath.Join(s.dir, day.FormattedString()+".arrows")
}

// Days lists the days that have rows, in order.
func (s *Spill) Days() []arrow.Date32 {
	out := make([]arrow.Date32, 0, len(s.days))
	for d := range s.days {
		out = append(out, d)
	}
	slices.Sort(out)
	return out
}

// Import reads one day's rows back as an import and removes its file.
func (s *Spill) Import(day arrow.Date32, c Canonical) (*Read, error) {
	read := NewImport(s.table, c)
	return read, s.readBack(day, read)
}

// Reading reads one day's rows back as a reading, in the order in which they were appended, and removes its file. A day without
// rows is an empty one.
func (s *Spill) Reading(day arrow.Date32) (*Read, error) {
	read := NewRead(s.table)
	if s.days[day] == nil {
		return read, nil
	}
	return read, s.readBack(day, read)
}

// readBack reads one day's file.
func (s *Spill) readBack(day arrow.Date32, read *Read) error {
	f, err := os.Open(s.name(day))
	if err != nil {
		return err
	}
	defer f.Close()
	source := bufio.NewReaderSize(f, 1<<18)
	for {
		if _, err := source.Peek(1); err == io.EOF {
			break
		}
		if err := readStream(source, read); err != nil {
			return fmt.Errorf("%s: %w", s.name(day), err)
		}
	}
	if got, want := read.Rows(&day), s.days[day].rows; got != want {
		return fmt.Errorf("%s holds %d rows, not %d", s.name(day), got, want)
	}
	return os.Remove(s.name(day))
}

func readStream(source io.Reader, into *Read) error {
	r, err := ipc.NewReader(source)
	if err != nil {
		return err
	}
	defer r.Release()
	for r.Next() {
		batch := r.RecordBatch()
		batch.Retain() // the garbage collector takes it with the read
		if err := into.Append(batch); err != nil {
			return err
		}
	}
	return r.Err()
}

// Close removes the spill's files.
func (s *Spill) Close() error { return os.RemoveAll(s.dir) }
