package schema

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"
)

// TestSplits: records give the same rows whether they come in one page or in many, with batches taken in between and
// with bad pages among them; and a batch stays as it is while the decoder goes on.
func TestSplits(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		var records [][]byte
		for range r.IntN(200) {
			records = append(records, []byte(generateObject(r, callFields, "")))
		}
		whole := NewDecoder(CallLog())
		if _, err := whole.Append(pageOf(records)); err != nil {
			t.Fatal(err)
		}
		want := encodeAll(t, whole.Batch())
		var got []string
		for _, batch := range decodeSplit(t, r, records) {
			got = append(got, encodeAll(t, batch)...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: rows of one page (-), of many (+):\n%s", seed, diff)
		}
	}
}

// decodeSplit decodes the records in pages of random size, and takes batches at random.
func decodeSplit(t *testing.T, r *rand.Rand, records [][]byte) []arrow.RecordBatch {
	var batches []arrow.RecordBatch
	d := NewDecoder(CallLog())
	if r.IntN(2) == 0 { // memory that was used before
		if _, err := d.Append(pageOf(records)); err != nil {
			t.Fatal(err)
		}
		d.Reset()
	}
	for len(records) > 0 {
		n := min(1+r.IntN(90), len(records))
		page := pageOf(records[:n])
		if bad := page[:r.IntN(len(page))]; r.IntN(2) == 0 {
			if _, err := d.Append(bad); err == nil {
				t.Fatalf("a page cut short was read: %s", bad)
			}
		}
		before := d.Rows()
		if got, err := d.Append(page); err != nil || got != n || d.Rows() != before+n {
			t.Fatalf("%d records of %d, %d rows after %d, error %v", got, n, d.Rows(), before, err)
		}
		records = records[n:]
		if r.IntN(3) == 0 {
			batches = append(batches, d.Batch())
		}
	}
	return append(batches, d.Batch())
}

func pageOf(records [][]byte) []byte {
	return fmt.Appendf(nil, `{"records":[%s]}`, bytes.Join(records, []byte(",")))
}

func encodeAll(t *testing.T, batch arrow.RecordBatch) []string {
	enc, err := NewEncoder(CallLog(), batch)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for row := range int(batch.NumRows()) {
		rows = append(rows, string(enc.Append(nil, row)))
	}
	return rows
}

// TestTooMuch: offsets within a column have 31 bits, so a batch that could need more is refused.
func TestTooMuch(t *testing.T) {
	d := NewDecoder(CallLog())
	page := []byte(`{"records":[{"id":"a"}]}`)
	d.taken = 1<<31 - 1 - len(page)
	if _, err := d.Append(page); err != nil {
		t.Errorf("the last bytes of 2 GiB: %v", err)
	}
	if _, err := d.Append(page); err == nil || d.Rows() != 1 {
		t.Errorf("more than 2 GiB: error %v, %d rows", err, d.Rows())
	}
	d.Batch().Release()
	if _, err := d.Append(page); err != nil {
		t.Errorf("after the batch: %v", err)
	}
}
