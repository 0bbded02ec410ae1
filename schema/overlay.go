package schema

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
)

// Overlay makes one row of two versions of a record: every member that over has, at any depth of objects, and of the others
// what under has. A list is taken as a whole. It is for rare records, such as tombstones that say little of what they
// delete.
func (t *Table) Overlay(under arrow.RecordBatch, underRow int, over arrow.RecordBatch, overRow int) (arrow.RecordBatch, error) {
	lower, err := t.encodeRow(under, underRow)
	if err != nil {
		return nil, err
	}
	upper, err := t.encodeRow(over, overRow)
	if err != nil {
		return nil, err
	}
	both, err := overlay(lower, upper)
	if err != nil {
		return nil, fmt.Errorf("lay one version of a record over another: %w", err)
	}
	d := NewDecoder(t)
	if _, err := d.Append(bytes.Join([][]byte{[]byte(`{"records":[`), both, []byte(`]}`)}, nil)); err != nil {
		return nil, fmt.Errorf("lay one version of a record over another: %w", err)
	}
	return d.Batch(), nil
}

func (t *Table) encodeRow(batch arrow.RecordBatch, row int) ([]byte, error) {
	enc, err := NewEncoder(t, batch)
	if err != nil {
		return nil, err
	}
	return enc.Append(nil, row), nil
}

// overlay merges two JSON values: objects member by member, anything else is the upper one.
func overlay(lower, upper json.RawMessage) (json.RawMessage, error) {
	if !isObject(lower) || !isObject(upper) {
		return upper, nil
	}
	var out, over map[string]json.RawMessage
	if err := json.Unmarshal(lower, &out); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(upper, &over); err != nil {
		return nil, err
	}
	for name, value := range over {
		if below, ok := out[name]; ok {
			var err error
			if value, err = overlay(below, value); err != nil {
				return nil, err
			}
		}
		out[name] = value
	}
	return json.Marshal(out)
}

func isObject(value json.RawMessage) bool {
	value = bytes.TrimLeft(value, " \t\r\n")
	return len(value) > 0 && value[0] == '{'
}
