package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

// Change makes other rows of a batch: the rows, the batch itself where nothing changes, and which of them stay; nil: all.
type Change func(arrow.RecordBatch) (rows arrow.RecordBatch, stays func(row int) bool, err error)

// RewritePage changes the records of a page and leaves what is around them. Where nothing changes, the page is the one that
// came, byte for byte.
func RewritePage(t *Table, page []byte, change Change) ([]byte, error) {
	records, changed, err := rewriteRecords(t, page, change)
	if err != nil || !changed {
		return page, err
	}
	var frame map[string]json.RawMessage
	if err := json.Unmarshal(page, &frame); err != nil {
		return nil, fmt.Errorf("the page around its records: %w", err)
	}
	frame["records"] = slices.Concat([]byte("["), bytes.Join(records, []byte(",")), []byte("]"))
	return appendFrame(nil, frame), nil
}

// RewriteRecord changes one record; nil if it goes.
func RewriteRecord(t *Table, record []byte, change Change) ([]byte, error) {
	records, changed, err := rewriteRecords(t, slices.Concat([]byte(`{"records":[`), record, []byte(`]}`)), change)
	if err != nil || !changed {
		return record, err
	}
	return bytes.Join(records, nil), nil
}

func rewriteRecords(t *Table, page []byte, change Change) (records [][]byte, changed bool, err error) {
	d := NewDecoder(t)
	if _, err := d.Append(page); err != nil {
		return nil, false, err
	}
	before := d.Batch()
	after, stays, err := change(before)
	if err != nil || after == before && stays == nil {
		return nil, false, err
	}
	enc, err := NewEncoder(t, after)
	if err != nil {
		return nil, false, err
	}
	for row := range int(after.NumRows()) {
		if stays == nil || stays(row) {
			records = append(records, enc.Append(nil, row))
		}
	}
	return records, true, nil
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
