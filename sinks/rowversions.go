package sinks

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// RowVersion is which version of a record lies in which day.
type RowVersion struct {
	ID  string
	Day arrow.Date32

	modified          int64
	deleted, detailed bool
}

// OlderThan reports whether w is the newer version of the record, by what the two tell of themselves.
func (v RowVersion) OlderThan(w RowVersion) bool {
	a := version{modified: v.modified, deleted: v.deleted, detailed: v.detailed}
	return a.compare(version{modified: w.modified, deleted: w.deleted, detailed: w.detailed}) < 0
}

// Versions collects the versions of many rows and gives them back sorted by id, however many they are: what exceeds a bound
// waits in sorted files on local disk.
type Versions struct {
	table Table
	dir   string
	bound int // rows in memory
	held  []RowVersion
	files int
}

// versionsInMemory is some tens of megabytes.
const versionsInMemory = 1 << 18

// NewVersions makes an empty collection in the lake's scratch directory. Close it.
func (l *Lake) NewVersions(t Table) (*Versions, error) {
	dir, err := os.MkdirTemp(l.scratch, "versions-")
	if err != nil {
		return nil, err
	}
	return &Versions{table: t, dir: dir, bound: versionsInMemory}, nil
}

// Add adds the rows of a day; those without id or time have no version.
func (c *Versions) Add(rows arrow.RecordBatch, day arrow.Date32) error {
	k, err := keysOf(c.table, rows)
	if err != nil {
		return err
	}
	for i := range int32(rows.NumRows()) {
		if !k.placed(int(i)) {
			continue
		}
		v := k.version(ref{0, i}, 0)
		c.held = append(c.held, RowVersion{strings.Clone(k.id.Value(int(i))), day, v.modified, v.deleted, v.detailed})
		if len(c.held) < c.bound {
			continue
		}
		if err := c.spill(); err != nil {
			return fmt.Errorf("temporary files in %s: %w", c.dir, err)
		}
	}
	return nil
}

func (c *Versions) sort() {
	slices.SortFunc(c.held, func(a, b RowVersion) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), cmp.Compare(a.Day, b.Day))
	})
}

func (c *Versions) file(n int) string { return filepath.Join(c.dir, fmt.Sprint(n)) }

// spill writes what is in memory as one sorted file.
func (c *Versions) spill() error {
	c.sort()
	f, err := os.Create(c.file(c.files))
	if err != nil {
		return err
	}
	c.files++
	w := bufio.NewWriterSize(f, 1<<16)
	var b []byte
	for _, v := range c.held {
		b = binary.AppendUvarint(b[:0], uint64(len(v.ID)))
		b = append(b, v.ID...)
		b = binary.AppendVarint(b, int64(v.Day))
		b = binary.AppendVarint(b, v.modified)
		b = binary.AppendUvarint(b, flagBits(v.deleted, v.detailed))
		if _, err := w.Write(b); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	c.held = c.held[:0]
	return errors.Join(w.Flush(), f.Close())
}

func flagBits(flags ...bool) (n uint64) {
	for i, f := range flags {
		if f {
			n |= 1 << i
		}
	}
	return n
}

// Sorted yields all versions by id and day. Nothing can be added afterwards.
func (c *Versions) Sorted() iter.Seq2[RowVersion, error] {
	return func(yield func(RowVersion, error) bool) {
		c.sort()
		lines := &lineHeap{}
		defer lines.close()
		sources := []func() (RowVersion, error){fromMemory(c.held)}
		for n := range c.files {
			f, err := os.Open(c.file(n))
			if err != nil {
				yield(RowVersion{}, err)
				return
			}
			lines.files = append(lines.files, f)
			r := bufio.NewReaderSize(f, 1<<15)
			sources = append(sources, func() (RowVersion, error) { return readVersion(r) })
		}
		for _, next := range sources {
			if err := lines.put(next); err != nil {
				yield(RowVersion{}, err)
				return
			}
		}
		for len(lines.heads) > 0 {
			first := heap.Pop(lines).(head)
			if !yield(first.version, nil) {
				return
			}
			if err := lines.put(first.next); err != nil {
				yield(RowVersion{}, err)
				return
			}
		}
	}
}

func fromMemory(held []RowVersion) func() (RowVersion, error) {
	return func() (v RowVersion, err error) {
		if len(held) == 0 {
			return v, io.EOF
		}
		v, held = held[0], held[1:]
		return v, nil
	}
}

// readVersion reads what spill wrote.
func readVersion(r *bufio.Reader) (v RowVersion, err error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return v, err
	}
	id := make([]byte, n)
	if _, err := io.ReadFull(r, id); err != nil {
		return v, fmt.Errorf("a temporary file was cut short: %w", err)
	}
	day, e1 := binary.ReadVarint(r)
	modified, e2 := binary.ReadVarint(r)
	flags, e3 := binary.ReadUvarint(r)
	return RowVersion{string(id), arrow.Date32(day), modified, flags&1 != 0, flags&2 != 0}, errors.Join(e1, e2, e3)
}

// lineHeap merges sorted sources: the least of their heads is on top.
type lineHeap struct {
	heads []head
	files []*os.File
}

type head struct {
	version RowVersion
	next    func() (RowVersion, error)
}

func (h *lineHeap) Len() int      { return len(h.heads) }
func (h *lineHeap) Swap(i, j int) { h.heads[i], h.heads[j] = h.heads[j], h.heads[i] }
func (h *lineHeap) Push(x any)    { h.heads = append(h.heads, x.(head)) }
func (h *lineHeap) Less(i, j int) bool {
	a, b := h.heads[i].version, h.heads[j].version
	return cmp.Or(strings.Compare(a.ID, b.ID), cmp.Compare(a.Day, b.Day)) < 0
}

func (h *lineHeap) Pop() any {
	last := h.heads[len(h.heads)-1]
	h.heads = h.heads[:len(h.heads)-1]
	return last
}

// put takes a source's next version in; a source that has ended is left out.
func (h *lineHeap) put(next func() (RowVersion, error)) error {
	v, err := next()
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return err
	}
	heap.Push(h, head{v, next})
	return nil
}

func (h *lineHeap) close() {
	for _, f := range h.files {
		_ = f.Close() // it was only read
	}
}

// Close removes the files.
func (c *Versions) Close() error { return os.RemoveAll(c.dir) }
