package disk

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestScratch: what a killed process left is removed, what a living one uses and what is not ours stays.
func TestScratch(t *testing.T) {
	parent := t.TempDir()
	alive, err := MakeScratch(parent, "trunkline-")
	if err != nil {
		t.Fatal(err)
	}
	killed, err := MakeScratch(parent, "trunkline-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(killed.Dir, "spill"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := killed.lock.Close(); err != nil { // as the end of the process does
		t.Fatal(err)
	}
	// A lake may lie there, too.
	others := filepath.Join(parent, "trunkline-lake")
	if err := os.Mkdir(others, 0o700); err != nil {
		t.Fatal(err)
	}
	bucket, err := OpenBucket(others)
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	if err := bucket.WriteAll(t.Context(), "call_log/x.parquet", []byte("x"), nil); err != nil {
		t.Fatal(err)
	}
	if removed, err := SweepScratch(parent, "trunkline-", time.Hour); removed != 0 || err != nil {
		t.Errorf("%d removed that are young, %v", removed, err)
	}
	if removed, err := SweepScratch(parent, "trunkline-", 0); removed != 1 || err != nil {
		t.Errorf("%d removed, %v", removed, err)
	}
	for dir, stays := range map[string]bool{alive.Dir: true, killed.Dir: false, filepath.Join(others, "call_log"): true} {
		if _, err := os.Stat(dir); (err == nil) != stays {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if err := alive.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(alive.Dir); !os.IsNotExist(err) {
		t.Errorf("after Close: %v", err)
	}
}
