package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// verifiedKinds verifies a lake and returns the kinds that were found, each once, in order.
func verifiedKinds(t testing.TB, lake *sinks.Lake, v Verifying) []string {
	t.Helper()
	v.Now = simulated
	done, err := Verify(t.Context(), lake, v)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, f := range done.Findings {
		if f.Detail == "" || f.Remedy == "" {
			t.Errorf("a finding without words: %+v", f)
		}
		out = append(out, f.Kind)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestVerifyFinds damages a lake in every way that has a name, and holds that the verification finds that and nothing else.
func TestVerifyFinds(t *testing.T) {
	whole := t.TempDir()
	c := newCompany(t, 7, 20, nil)
	if _, err := runExtract(t.Context(), c.client(t), openLake(t, whole), reading(&fourDays)); err != nil {
		t.Fatal(err)
	}
	account := c.AccountID()
	part := func(date string) string {
		return "call_log/account_id=" + account + "/start_date=" + date + "/call_log.parquet"
	}
	ledger := "_trunkline/ledger/" + account + "/call_log/2026-11.json"
	edit := func(old, new string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { edited(t, filepath.Join(dir, ledger), old, new) }
	}
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		want   []string
		deep   []string // beyond want
	}{
		{"nothing", func(*testing.T, string) {}, nil, nil},
		{"object gone", func(t *testing.T, dir string) { remove(t, dir, part("2026-11-18")) }, []string{FindObjectMissing}, []string{FindArchivedMissing}},
		{"object cut", func(t *testing.T, dir string) { truncate(t, filepath.Join(dir, part("2026-11-18"))) },
			[]string{FindObjectUnreadable, FindSHA256Differs, FindSizeDiffers}, []string{FindArchivedMissing}},
		{"another day's object", func(t *testing.T, dir string) { copyFile(t, dir, part("2026-11-17"), part("2026-11-18")) },
			[]string{FindContentDiffers, FindIDRepeated, FindRowMisplaced, FindRowsDiffer, FindSHA256Differs, FindSizeDiffers}, []string{FindArchivedMissing}},
		{"an object too many", func(t *testing.T, dir string) { copyFile(t, dir, part("2026-11-17"), part("2026-12-18")) },
			[]string{FindIDRepeated, FindObjectUnknown, FindRowMisplaced}, nil},
		{"ledger lost", func(t *testing.T, dir string) { remove(t, dir, ledger) }, []string{FindObjectUnknown}, nil},
		{"ledger damaged", func(t *testing.T, dir string) { truncate(t, filepath.Join(dir, ledger)) }, []string{FindStateUnreadable}, nil},
		{"ledger of another account", edit(`"account_id": "`, `"account_id": "1`), []string{FindStateUnreadable}, nil},
		{"ledger of another hash", edit(`"sha256": "`, `"sha256": "0`), []string{FindSHA256Differs}, nil},
		{"ledger of other content", edit(`"content_hash": "`, `"content_hash": "0`), []string{FindContentDiffers}, nil},
		{"ledger of another policy", edit(`"content_hash": "`, `"policy": "p", "content_hash": "`), []string{FindPolicyDiffers}, nil},
		{"a run was killed", edit(`"closed": true`, `"closed": true, "writing": true`), []string{FindLeftWriting}, nil},
		{"format lost", func(t *testing.T, dir string) { remove(t, dir, "_trunkline/format.json") }, []string{FindStateMissing}, nil},
		{"foreign file", func(t *testing.T, dir string) { put(t, dir, "call_log/_SUCCESS", "") }, []string{FindForeignObject}, nil},
		{"wrong name", func(t *testing.T, dir string) {
			copyFile(t, dir, part("2026-11-17"), strings.Replace(part("2026-11-17"), "call_log.parquet", "part-0.parquet", 1))
		}, []string{FindForeignObject}, nil},
		{"foreign mart", func(t *testing.T, dir string) { put(t, dir, "marts/readme.md", "x") }, []string{FindForeignObject}, nil},
		{"unknown mart", func(t *testing.T, dir string) {
			put(t, dir, sinks.MartObject("calls_daily", sinks.MartPath(account, "2026-11-17")), "x")
		}, []string{FindMartUnknown}, nil},
		{"mart lost", func(t *testing.T, dir string) {
			put(t, dir, "_trunkline/marts/calls_daily.json", `{"partitions":{"`+sinks.MartPath(account, "2026-11-17")+`":{"sha256":"00","bytes":1}}}`)
		}, []string{FindMartMissing}, nil},
		{"mart damaged", func(t *testing.T, dir string) {
			put(t, dir, "_trunkline/marts/calls_daily.json", `{"partitions":{"`+sinks.MartPath(account, "2026-11-17")+`":{"sha256":"00","bytes":1}}}`)
			put(t, dir, sinks.MartObject("calls_daily", sinks.MartPath(account, "2026-11-17")), "x")
		}, []string{FindMartDiffers}, nil},
		{"Parquet in the state", func(t *testing.T, dir string) { copyFile(t, dir, part("2026-11-17"), "_trunkline/x/y.parquet") }, []string{FindStateUnreadable}, nil},
		{"feed damaged", func(t *testing.T, dir string) { put(t, dir, "_trunkline/feed/"+account+".json", "[]") }, []string{FindStateUnreadable}, nil},
		{"notes of who was erased damaged", func(t *testing.T, dir string) { put(t, dir, "_trunkline/erased.json", "{") }, []string{FindStateUnreadable}, nil},
		{"rate damaged", func(t *testing.T, dir string) { put(t, dir, "_trunkline/rate/00.json", "") }, []string{FindStateUnreadable}, nil},
		{"rows unsorted", func(t *testing.T, dir string) { rewritten(t, dir, account, part("2026-11-18"), reversed) },
			[]string{FindContentDiffers, FindRowsUnsorted, FindSHA256Differs}, nil},
		{"a row lost", func(t *testing.T, dir string) { rewritten(t, dir, account, part("2026-11-18"), withoutLast) },
			[]string{FindContentDiffers, FindRowsDiffer, FindSHA256Differs}, []string{FindArchivedMissing}},
		{"archive damaged", func(t *testing.T, dir string) {
			for _, name := range archived(t, dir) {
				truncate(t, name)
			}
		}, nil, []string{FindArchiveBad}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			test.damage(t, dir)
			before := treeOf(t, dir)
			bucket := openLake(t, dir)
			got := slices.DeleteFunc(verifiedKinds(t, bucket, Verifying{}), func(kind string) bool { return kind == FindSizeDiffers && !slices.Contains(test.want, kind) })
			if diff := cmp.Diff(append([]string{}, test.want...), got); diff != "" {
				t.Errorf("found (+), wanted (-):\n%s", diff)
			}
			deep := verifiedKinds(t, bucket, Verifying{Deep: true})
			for _, kind := range append(test.want, test.deep...) {
				if !slices.Contains(deep, kind) {
					t.Errorf("deep: %s is not among %v", kind, deep)
				}
			}
			if len(test.want)+len(test.deep) == 0 && len(deep) > 0 {
				t.Errorf("deep found %v", deep)
			}
			if diff := cmp.Diff(before, treeOf(t, dir)); diff != "" {
				t.Errorf("the verification changed the lake:\n%s", diff)
			}
		})
	}
}

// TestVerifyFindsOlderVersions gives the archive a newer version of a record than the table has, and a record that lies twice in days
// that are far from each other.
func TestVerifyFindsOlderVersions(t *testing.T) {
	dir := t.TempDir()
	lake := openLake(t, dir)
	record := func(id, start, modified string) string {
		return `{"records":[{"id":"` + id + `","startTime":"` + start + `","lastModifiedTime":"` + modified + `"}]}`
	}
	merge := func(lake *sinks.Lake, body string, at time.Time, archived bool) {
		t.Helper()
		d := schema.NewDecoder(schema.CallLog())
		if _, err := d.Append([]byte(body)); err != nil {
			t.Fatal(err)
		}
		r := sinks.NewRead(calls.Table)
		if err := r.Append(d.Batch()); err != nil {
			t.Fatal(err)
		}
		if archived {
			w, err := lake.NewArchive()
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			page := sinks.ArchivedPage{ReadAt: at, Path: "/x", Page: 1, FirstDay: "2026-11-01", Body: json.RawMessage(body)}
			if err := w.Add(page); err != nil {
				t.Fatal(err)
			}
			if err := w.Keep(t.Context(), "7", CallLogStream, "test"); err != nil {
				t.Fatal(err)
			}
			return
		}
		for _, day := range r.Days() {
			o, err := lake.ReplaceDay(t.Context(), &sinks.Merge{AccountID: "7", Schema: schema.CallLog().Schema(), Read: r}, day)
			if err != nil {
				t.Fatal(err)
			}
			if err := lake.WriteLedger(t.Context(), "7", CallLogStream, sinks.Ledger{day: sinks.LedgerDay{How: howList}.WithContent(o)}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	merge(lake, record("a", "2026-11-03T10:00:00Z", "2026-11-03T11:00:00Z"), simulated, false)
	merge(lake, record("a", "2026-11-03T10:00:00Z", "2026-11-03T11:00:00Z"), simulated, true)
	if got := verifiedKinds(t, lake, Verifying{Deep: true}); len(got) > 0 {
		t.Fatalf("found %v in a sound lake", got)
	}
	merge(lake, record("a", "2026-11-03T10:00:00Z", "2026-11-03T12:00:00Z"), simulated.Add(time.Hour), true)
	if got := verifiedKinds(t, lake, Verifying{Deep: true}); !slices.Equal(got, []string{FindArchivedNewer}) {
		t.Errorf("found %v", got)
	}
	if got := verifiedKinds(t, lake, Verifying{Deep: true, Window: &Window{day("2026-11-09"), day("2026-11-10")}}); len(got) > 0 {
		t.Errorf("found %v in other days", got)
	}
	merge(lake, record("a", "2026-11-13T10:00:00Z", "2026-11-13T12:00:00Z"), simulated, false)
	if got := verifiedKinds(t, lake, Verifying{Deep: true}); !slices.Equal(got, []string{FindIDRepeated}) {
		t.Errorf("found %v", got) // the newer of the two is newer than the archive's
	}
	if got := verifiedKinds(t, lake, Verifying{AccountID: "8", Deep: true}); len(got) > 0 {
		t.Errorf("found %v of another account", got)
	}
}

func edited(t *testing.T, name, old, new string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte(old)) {
		t.Fatalf("%s has no %s", name, old)
	}
	writeFile(t, name, bytes.Replace(b, []byte(old), []byte(new), 1))
}

func put(t *testing.T, dir, key, text string) {
	t.Helper()
	name := filepath.Join(dir, key)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, name, []byte(text))
}

func copyFile(t *testing.T, dir, from, to string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, from))
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, to, string(b))
}

func remove(t *testing.T, dir, key string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, key)); err != nil {
		t.Fatal(err)
	}
}

// truncate cuts the last third of a file off.
func truncate(t *testing.T, name string) {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, info.Size()*2/3); err != nil {
		t.Fatal(err)
	}
}

func archived(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "_trunkline/archive/*/*/*/*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no archive: %v", err)
	}
	return names
}

// treeOf is the contents of all files of a directory by name.
func treeOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		out[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// rewritten puts a partition with other rows, as somebody else's program would, in place of the one that is there.
func rewritten(t *testing.T, dir, account, key string, change func(arrow.RecordBatch) []arrow.RecordBatch) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, key))
	if err != nil {
		t.Fatal(err)
	}
	batch, err := sinks.ReadParquet(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	writeParquet(t, filepath.Join(dir, key), change(batch))
}

func reversed(b arrow.RecordBatch) []arrow.RecordBatch {
	half := b.NumRows() / 2
	return []arrow.RecordBatch{b.NewSlice(half, b.NumRows()), b.NewSlice(0, half)}
}

func withoutLast(b arrow.RecordBatch) []arrow.RecordBatch {
	return []arrow.RecordBatch{b.NewSlice(0, b.NumRows()-1)}
}

// writeParquet writes batches with arrow-go's own writer.
func writeParquet(t *testing.T, name string, batches []arrow.RecordBatch) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w, err := pqarrow.NewFileWriter(batches[0].Schema(), f, nil, pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := w.WriteBuffered(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
