package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// Recording is one file of recorded call records: a single record, an array of them, an API page {"records":[...]},
// or several of these one after the other (NDJSON).
type Recording struct {
	// Name is the file's name, for errors.
	Name string
	Body []byte
}

// recorded serves recordings. Each record is kept, also if several have the same id.
//
// A record without a usable startTime cannot be placed by itself. It takes the place of the record before it in its
// file, or else of the first one after it, as it was in the page that it was recorded from; a file in which no record
// has a startTime is refused.
//
// The records may come from any account and any extension: they are the log of the company and that of its only user.
type recorded struct {
	first, last int
	all         []*record // by start
	days        map[int][]*record
	byID        map[string]*record
	bySession   map[string][]*record
}

func readRecordings(files []Recording) (*recorded, error) {
	var all []*record
	for _, file := range files {
		records, err := file.read()
		if err != nil {
			return nil, err
		}
		all = append(all, records...)
	}
	slices.SortStableFunc(all, byStart)
	c := &recorded{all: all, first: math.MaxInt, last: math.MinInt, days: map[int][]*record{},
		byID: map[string]*record{}, bySession: map[string][]*record{}}
	for _, r := range all {
		day := dayOf(r.start)
		c.first, c.last = min(c.first, day), max(c.last, day)
		c.days[day] = append(c.days[day], r)
		c.byID[r.ID] = r // of equal ids the newest
		c.bySession[r.SessionID] = append(c.bySession[r.SessionID], r)
	}
	return c, nil
}

func (c *recorded) span(time.Time) (first, last int)    { return c.first, c.last }
func (c *recorded) on(day int, _ int64) []*record       { return c.days[day] }
func (c *recorded) find(id string) *record              { return c.byID[id] }
func (c *recorded) session(id string) []*record         { return c.bySession[id] }
func (c *recorded) own(r *record, _ *extension) *record { return r }

func (c *recorded) changed(w changes) []*record {
	var found []*record
	for _, r := range c.all {
		if r.modified > w.after && r.modified <= w.until && w.keep(r) {
			found = append(found, r)
		}
	}
	return found
}

// read takes a file apart into its records, in the file's order.
func (f Recording) read() ([]*record, error) {
	var records []*record
	// A byte order mark is allowed at the start of a file.
	body := bytes.TrimPrefix(f.Body, []byte("\xef\xbb\xbf"))
	skipped := len(f.Body) - len(body)
	for d := json.NewDecoder(bytes.NewReader(body)); ; {
		var value json.RawMessage
		err := d.Decode(&value)
		if errors.Is(err, io.EOF) {
			break
		}
		offset := int(d.InputOffset())
		if err != nil {
			var syntax *json.SyntaxError
			switch {
			case errors.As(err, &syntax):
				offset = int(syntax.Offset)
			case errors.Is(err, io.ErrUnexpectedEOF):
				offset = len(body)
			}
			return nil, f.fault(skipped+offset, err)
		}
		found, err := flatten(value)
		if err != nil {
			return nil, f.fault(skipped+offset-len(value), err)
		}
		records = append(records, found...)
	}
	if err := place(records); err != nil {
		return nil, f.fault(0, err)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, f.fault(0, errors.New("the file is empty"))
	}
	return records, nil
}

func (f Recording) fault(offset int, err error) error {
	offset = min(offset, len(f.Body))
	line := 1 + bytes.Count(f.Body[:offset], []byte("\n"))
	return fmt.Errorf("recording %s: line %d, byte %d: %w; give a call record, an array of records, a page "+
		`{"records":[...]}, or lines of these`, f.Name, line, offset, err)
}

// flatten finds the records in one JSON value; their bytes stay as they are.
func flatten(value json.RawMessage) ([]*record, error) {
	var elements []json.RawMessage
	switch value[0] {
	case '[':
		if err := json.Unmarshal(value, &elements); err != nil {
			return nil, err
		}
	case '{':
		var page struct {
			Records *[]json.RawMessage `json:"records"`
		}
		if err := json.Unmarshal(value, &page); err != nil {
			return nil, fmt.Errorf("member records: %w", err)
		}
		if page.Records == nil {
			r, err := readRecord(value)
			return []*record{r}, err
		}
		elements = *page.Records
	default:
		return nil, fmt.Errorf("%.20s is neither an object nor an array", value)
	}
	var all []*record
	for i, element := range elements {
		records, err := flatten(element)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		all = append(all, records...)
	}
	return all, nil
}

// unplaced marks a record without a usable startTime.
const unplaced = math.MinInt64

// readRecord reads of a record what the filters need. Members of another type than usual are passed over: the record
// is served all the same.
func readRecord(raw json.RawMessage) (*record, error) {
	r := &record{}
	var unusual *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, r); err != nil && !errors.As(err, &unusual) {
		return nil, err
	}
	r.raw, r.start, r.visible = raw, unplaced, math.MinInt64
	if t, ok := parseTime(r.StartTime); ok {
		r.start = t.UnixMilli()
	}
	return r, nil
}

// place gives a neighbour's start to the records that have none.
func place(records []*record) error {
	first := slices.IndexFunc(records, func(r *record) bool { return r.start != unplaced })
	if first < 0 && len(records) > 0 {
		return errors.New("no record in the file has a startTime such as 2026-11-21T15:04:05.000Z")
	}
	for i, r := range records {
		switch {
		case i < first:
			r.start = records[first].start
		case r.start == unplaced:
			r.start = records[i-1].start
		}
		r.modified = r.start
		if t, ok := parseTime(r.LastModifiedTime); ok {
			r.modified = t.UnixMilli()
		}
	}
	return nil
}
