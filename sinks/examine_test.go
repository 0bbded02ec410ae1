package sinks

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob"
)

// TestVersionsComeSorted adds more rows than are held in memory and expects all of them, by id and day.
func TestVersionsComeSorted(t *testing.T) {
	lake := openTestLake(t)
	c, err := lake.NewVersions(testTable)
	if err != nil {
		t.Fatal(err)
	}
	c.bound = 7
	want := []string{}
	for n, i := range rand.New(rand.NewPCG(1, 1)).Perm(100) {
		id := fmt.Sprintf("id-%03d\n", i)
		rows := page(t, call{id: id, start: "2026-11-21T10:00:00Z", modified: "2026-11-21T11:00:00Z", legs: []string{"x"}}, call{id: "", start: "2026-11-21T10:00:00Z"})
		for d := range arrow.Date32(2) {
			if err := c.Add(rows, testDay+arrow.Date32(n%2)-d); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 100 {
		want = append(want, fmt.Sprintf("id-%03d\n", i), fmt.Sprintf("id-%03d\n", i))
	}
	var got []string
	var before RowVersion
	for v, err := range c.Sorted() {
		if err != nil {
			t.Fatal(err)
		}
		if v.ID == before.ID && v.Day != before.Day+1 {
			t.Errorf("%q: day %v comes after %v", v.ID, v.Day, before.Day)
		}
		if v.deleted || !v.detailed || v.OlderThan(v) {
			t.Errorf("read back as %+v", v)
		}
		got, before = append(got, v.ID), v
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Dir(c.dir)); err != nil || len(left) > 1 { // but the lock of the scratch directory
		t.Errorf("left behind: %v %v", left, err)
	}
}

func openTestLake(t *testing.T) *Lake {
	t.Helper()
	bucket, err := blob.OpenBucket(t.Context(), "mem://")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bucket.Close() })
	lake, err := Open(t.Context(), bucket, &LakeOptions{Scratch: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lake.Close() })
	return lake
}

// TestCompareReaders holds that the two readers agree on what is written here, page by page, and that damage does not pass.
func TestCompareReaders(t *testing.T) {
	for name, has := range patterns {
		for i, size := range []struct{ rows, longest, groupRows, pageBytes int }{{0, 10, 100, 1000}, {7, 5000, 3, 1000}, {3000, 40, 1200, 3000}} {
			b := parquetBytes(t, randomBatch(uint64(i), size.rows, size.longest, has), size.groupRows, size.pageBytes)
			if err := CompareReaders(b); err != nil {
				t.Errorf("%s, %v: %v", name, size, err)
			}
			if err := CompareReaders(b[:len(b)*2/3]); err == nil {
				t.Errorf("%s, %v: the readers agree on half a file", name, size)
			}
		}
	}
}

// TestCompareReadersOnNoise flips bytes all over a file: the readers find that something is wrong, or read the same all the same, but
// never bring the program down.
func TestCompareReadersOnNoise(t *testing.T) {
	b := parquetBytes(t, randomBatch(3, 200, 30, patterns["most"]), 120, 700)
	rng := rand.New(rand.NewPCG(2, 2))
	caught := 0
	for range 300 {
		damaged := bytes.Clone(b)
		damaged[rng.IntN(len(b))] ^= byte(1 + rng.IntN(255))
		if err := CompareReaders(damaged); err != nil {
			caught++
		}
		_, _, _ = examineRows(t.Context(), testSchema, damaged, false)
	}
	if caught < 100 {
		t.Errorf("%d of 300 damaged files were found out", caught)
	}
}

// TestExamineOnEveryStore reads a partition and its ledger back from every kind of store as they were written there.
func TestExamineOnEveryStore(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store) {
		lake := s.lake(t, s.prefix())
		r := NewRead(testTable)
		if err := r.Append(page(t, call{id: "b", start: "2026-11-21T10:00:00Z"}, call{id: "a", start: "2026-11-21T10:00:00Z", legs: []string{"x"}})); err != nil {
			t.Fatal(err)
		}
		o, err := lake.ReplaceDay(t.Context(), &Merge{AccountID: "7", Schema: testSchema, Read: r}, testDay)
		if err != nil {
			t.Fatal(err)
		}
		if err := lake.WriteLedger(t.Context(), "7", "call_log", Ledger{testDay: LedgerDay{}.WithContent(o)}, nil); err != nil {
			t.Fatal(err)
		}
		ledger, bad, err := lake.LedgerAsFound(t.Context(), "7", "call_log")
		if err != nil || len(bad) > 0 {
			t.Fatal(bad, err)
		}
		got, err := lake.Examine(t.Context(), testSchema, o.Key, true)
		if err != nil || got.Wrong != nil {
			t.Fatal(got.Wrong, err)
		}
		if e := ledger[testDay]; e.SHA256 != got.SHA256 || e.Bytes != got.Bytes || e.ContentHash != got.ContentHash || e.Rows != got.Rows.NumRows() {
			t.Errorf("written as %+v, examined as %+v", e, got)
		}
		if got, err := lake.Examine(t.Context(), testSchema, PartitionKey("call_log", "7", testDay+1), true); err != nil || !got.Missing {
			t.Errorf("of an object that is not there: %+v %v", got, err)
		}
		err = lake.EachObject(t.Context(), "_trunkline/", func(key string, _ int64) error {
			if wrong, err := lake.CheckState(t.Context(), key); wrong != nil || err != nil {
				t.Errorf("%s: %v %v", key, wrong, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
