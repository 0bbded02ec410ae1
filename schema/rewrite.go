package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

// RewritePage changes the records of a page and leaves what is around them. Where change gives back the batch that it got,
// the page is the one that came, byte for byte.
func RewritePage(t *Table, page []byte, change func(arrow.RecordBatch) (arrow.RecordBatch, error)) ([]byte, error) {
	d := NewDecoder(t)
	if _, err := d.Append(page); err != nil {
		return nil, err
	}
	before := d.Batch()
	after, err := change(before)
	if err != nil {
		return nil, err
	}
	if after == before {
		return page, nil
	}
	enc, err := NewEncoder(t, after)
	if err != nil {
		return nil, err
	}
	records := []byte{'['}
	for row := range int(after.NumRows()) {
		if row > 0 {
			records = append(records, ',')
		}
		records = enc.Append(records, row)
	}
	var frame map[string]json.RawMessage
	if err := json.Unmarshal(page, &frame); err != nil {
		return nil, fmt.Errorf("the page around its records: %w", err)
	}
	frame["records"] = append(records, ']')
	return appendFrame(nil, frame), nil
}

// appendFrame writes an object of members that are JSON already.
func appendFrame(dst []byte, frame map[string]json.RawMessage) []byte {
	dst = append(dst, '{')
	for i, name := range slices.Sorted(maps.Keys(frame)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, name)
		dst = append(append(dst, ':'), bytes.TrimSpace(frame[name])...)
	}
	return append(dst, '}')
}
