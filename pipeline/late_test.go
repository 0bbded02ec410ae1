package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gocloud.dev/blob"

	"github.com/trunkline/trunkline/sinks"
)

var ann = Erasing{Phones: []string{"+14155550123"}, Now: simulated}

// annIn lists the objects of a bucket in which she still is.
func annIn(t testing.TB, b *blob.Bucket) (out []string) {
	t.Helper()
	lake := lakeOver(t, b)
	texts := append(spellings("4155550123"), "Ann Quill")
	err := lake.EachObject(t.Context(), "", func(key string, _ int64) error {
		content, err := b.ReadAll(t.Context(), key)
		switch {
		case strings.HasSuffix(key, ".zst"):
			content = decompressed(t, content)
		case strings.HasSuffix(key, ".parquet"):
			content = parquetPages(t, content)
		}
		for _, text := range texts {
			if bytes.Contains(content, []byte(text)) {
				out = append(out, key+": "+text)
				break
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func lakeOver(t testing.TB, b *blob.Bucket) *sinks.Lake {
	t.Helper()
	lake, err := sinks.Open(t.Context(), b, &sinks.LakeOptions{Scratch: t.TempDir(), CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lake.Close() })
	return lake
}

func undisturbed(string) error { return nil }
func neverLost() bool          { return false }

// bringing is the runs that bring rows of hers, and the lakes that they begin with.
type bringing struct {
	name  string
	began *memory
	run   func(context.Context, *sinks.Lake) error
	next  func(context.Context, *sinks.Lake) error // another run, which brings nothing of hers
}

func bringingAnn(t *testing.T) []bringing {
	c := recordedCompany(t, privateRecords)
	extract := func(x Extraction) func(context.Context, *sinks.Lake) error {
		return func(ctx context.Context, lake *sinks.Lake) error {
			tally, err := runExtract(ctx, c.client(t), lake, x)
			for _, e := range tally.Errs {
				if !errors.Is(e, ErrRejected) {
					err = errors.Join(err, e)
				}
			}
			return err
		}
	}
	list := extract(reading(&fourDays))
	archived := newMemory()
	if err := list(t.Context(), lakeOver(t, archived.open(undisturbed, neverLost))); err != nil {
		t.Fatal(err)
	}
	for key := range archived.objects {
		if !strings.HasPrefix(key, "_trunkline/archive/") && key != "_trunkline/format.json" {
			delete(archived.objects, key)
		}
	}
	elsewhere := reading(&Window{fourDays.From - 7, fourDays.From - 6})
	elsewhere.RunID = "next"
	next := extract(elsewhere)
	fed := reading(nil)
	fed.Strategy, fed.Since = StrategyFeed, 4*24*60*60*1e9
	return []bringing{
		{"extract", newMemory(), list, next},
		{"feed", newMemory(), extract(fed), next},
		{"replay", archived, func(ctx context.Context, lake *sinks.Lake) error {
			for _, err := range Rebuild(ctx, lake, Rebuilding{AccountID: c.AccountID(), Terms: reading(nil).Terms, Now: simulated}) {
				if err != nil {
					return err
				}
			}
			return nil
		}, next},
	}
}

// TestErasedWhileARunWrites erases somebody at every operation of a run that brings calls of hers, which lives on or is killed after one
// of its next writes. She is nowhere when the run ends, and of a killed one when the next run does, which reads other days.
func TestErasedWhileARunWrites(t *testing.T) {
	if underRace {
		t.Skip("it takes minutes with the race detector, and nothing in it is concurrent: .ci/run runs it without")
	}
	for _, b := range bringingAnn(t) {
		t.Run(b.name, func(t *testing.T) {
			brought, late := 0, 0
			for at := 0; ; at++ {
				operations := 0
				for _, writes := range []int{0, 1 + at%3} { // until it is killed; 0: never
					store := b.began.clone()
					n, left, erased, dead := 0, writes, false, false
					step := func(operation string) error {
						if dead {
							return errKilled
						}
						if n++; n == at+1 {
							erased = true
							if writes == 0 && len(annIn(t, store.open(undisturbed, neverLost))) > 0 {
								brought++
							}
							if _, err := Erase(t.Context(), lakeOver(t, store.open(undisturbed, neverLost)), ann); err != nil {
								t.Fatal(err)
							}
						}
						if erased && strings.HasPrefix(operation, "write") {
							left--
						}
						return nil
					}
					lost := func() bool {
						dead = dead || erased && left == 0
						return dead
					}
					when := fmt.Sprintf("erased at operation %d, killed after %d writes", at, writes)
					err := b.run(t.Context(), lakeOver(t, store.open(step, lost)))
					if err != nil && !dead {
						t.Fatalf("%s: %v", when, err)
					}
					if operations = max(operations, n); !erased {
						continue
					}
					if dead {
						if len(annIn(t, store.open(undisturbed, neverLost))) > 0 {
							late++
						}
						if err := b.next(t.Context(), lakeOver(t, store.open(undisturbed, neverLost))); err != nil {
							t.Fatalf("%s: the next run: %v", when, err)
						}
					}
					if found := annIn(t, store.open(undisturbed, neverLost)); len(found) > 0 {
						t.Fatalf("%s: she is in %v", when, found)
					}
				}
				if at > operations {
					break
				}
			}
			if brought == 0 || late == 0 {
				t.Errorf("the test is about nothing: she was there %d times before the erasure, and %d times after a run was killed", brought, late)
			}
		})
	}
}

// TestErasingBesideARun lets an erasure and a run live at once, each suspended at any operation. She is nowhere when both have ended.
func TestErasingBesideARun(t *testing.T) {
	for _, b := range bringingAnn(t) {
		t.Run(b.name, func(t *testing.T) {
			for seed := range uint64(15) {
				rng := rand.New(rand.NewPCG(seed, 7))
				store := b.began.clone()
				var failed error
				live := func(run func(context.Context, *sinks.Lake) error) func() (struct{}, bool) {
					resume, stop := iter.Pull(func(yield func(struct{}) bool) {
						step := func(string) error {
							yield(struct{}{})
							return nil
						}
						failed = errors.Join(failed, run(t.Context(), lakeOver(t, store.open(step, neverLost))))
					})
					t.Cleanup(stop)
					return resume
				}
				both := []func() (struct{}, bool){live(b.run), live(func(ctx context.Context, lake *sinks.Lake) error {
					_, err := Erase(ctx, lake, ann)
					return err
				})}
				for len(both) > 0 {
					i := rng.IntN(len(both))
					for range 1 + rng.IntN(1+rng.IntN(20)) {
						if _, going := both[i](); !going {
							both = append(both[:i], both[i+1:]...)
							break
						}
					}
				}
				if found := annIn(t, store.open(undisturbed, neverLost)); len(found) > 0 || failed != nil {
					t.Fatalf("seed %d: she is in %v; %v", seed, found, failed)
				}
			}
		})
	}
}

// TestErasedWhilePagesAreReplayed erases somebody before and after every change that an import makes to a directory.
func TestErasedWhilePagesAreReplayed(t *testing.T) {
	page := filepath.Join(t.TempDir(), "pages.json")
	writeFile(t, page, []byte(`{"records":[`+strings.ReplaceAll(privateRecords, "\n", ",")+`]}`))
	for at := 1; ; at++ {
		dir := onDisk(t.TempDir())
		var once sync.Mutex // days are written on all cores
		changes := 0
		erase := func(now int) error {
			once.Lock()
			defer once.Unlock()
			if changes++; changes != now {
				return nil
			}
			_, err := Erase(t.Context(), lakeOver(t, dir.open(t)), ann)
			return err
		}
		bucket := watch(dir.open(t), func(change string) error {
			if change == "" {
				return nil
			}
			return erase(at)
		}, func() error { return erase(at) })
		for event, err := range Replay(t.Context(), lakeOver(t, bucket), Replaying{AccountID: "7", Paths: []string{page}, Archive: true, RunID: "run", Now: simulated}) {
			if err != nil || event.Failed != nil && !errors.Is(event.Failed.Err, ErrRejected) {
				t.Fatalf("erased at change %d: %v %+v", at, err, event.Failed)
			}
		}
		if changes < at {
			if at < 10 {
				t.Errorf("only %d changes", at)
			}
			return
		}
		if found := annIn(t, dir.open(t)); len(found) > 0 {
			t.Fatalf("erased at change %d: she is in %v", at, found)
		}
		_ = os.RemoveAll(string(dir))
	}
}
