package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
	"github.com/trunkline/trunkline/sinks"
)

// taped is a small company whose recordings are fetched over and over.
type taped struct {
	sim   *simulator.Simulator
	calls *memory // a lake with its calls
}

func tape(t *testing.T, calls int) taped {
	t.Helper()
	sim, err := simulator.New(&simulator.Options{Population: simulator.Population{Seed: 7, Extensions: 12, CallsPerDay: calls}, HeavyLimit: 60000, Now: driven.now})
	if err != nil {
		t.Fatal(err)
	}
	c := taped{sim, newMemory()}
	if _, err := runExtract(t.Context(), c.client(t), lakeOver(t, c.calls.open(undisturbed, neverLost)), reading(&Window{fourDays.From, fourDays.From + 2})); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c taped) client(t testing.TB) *ringcentral.Client {
	t.Helper()
	return clientOver(t, c.sim, direct{c.sim, undisturbed})
}

// fetch runs the stream over a lake of a bucket that keeps parts in a directory.
func (c taped) fetch(t testing.TB, ctx context.Context, transport http.RoundTripper, b *blob.Bucket, cache string, x Extraction) error {
	t.Helper()
	lake, err := sinks.Open(ctx, b, &sinks.LakeOptions{Scratch: t.TempDir(), CacheDir: cache})
	if err != nil {
		return err
	}
	defer lake.Close()
	tally, err := runExtract(ctx, clientOver(t, c.sim, transport), lake, x)
	return errors.Join(append(tally.Errs, err)...)
}

func onlyRecordings(w *Window) Extraction {
	x := withRecordings(w)
	x.Streams = x.Streams[1:]
	return x
}

// recordingsOf is what a lake has of recordings: its table, its audio, and the ledger.
func recordingsOf(t testing.TB, b *blob.Bucket) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, prefix := range []string{"recordings/", "_trunkline/ledger/"} {
		eachObject(t, b, prefix, func(key string, content []byte) {
			if strings.Contains(key, RecordingsStream) {
				out[key] = string(content)
			}
		})
	}
	return out
}

// TestCrashPointsOfRecordings: a run that is killed before or after any of its changes to the lake leaves the next one to arrive at the same
// lake, at the cost of no byte that came already.
func TestCrashPointsOfRecordings(t *testing.T) {
	if underRace {
		t.Skip("it takes minutes with the race detector, and nothing in it is concurrent: .ci/run runs it without")
	}
	c := tape(t, 30)
	undisturbedStore := newMemory()
	undisturbedStore.objects = maps.Clone(c.calls.objects)
	changes := 0
	count := func(operation string) error {
		if strings.HasPrefix(operation, "write") || strings.HasPrefix(operation, "delete") {
			changes++
		}
		return nil
	}
	if err := c.fetch(t, t.Context(), direct{c.sim, undisturbed}, undisturbedStore.open(count, neverLost), t.TempDir(), onlyRecordings(nil)); err != nil {
		t.Fatal(err)
	}
	want, sent := recordingsOf(t, undisturbedStore.open(undisturbed, neverLost)), c.sim.AudioSent()
	if changes < 12 || len(sent) < 8 {
		t.Fatalf("%d changes, %d recordings: too few to tell", changes, len(sent))
	}
	for n := 1; n <= changes; n++ {
		for _, how := range []string{diesBefore, diesAfter} {
			store, cache, dead, at := &memory{objects: maps.Clone(c.calls.objects), writes: c.calls.writes}, t.TempDir(), false, 0
			before := func(operation string) error {
				if strings.HasPrefix(operation, "write") || strings.HasPrefix(operation, "delete") {
					at++
					dead = dead || at == n && how == diesBefore
				}
				if dead {
					return errKilled
				}
				return nil
			}
			after := func() bool {
				dead = dead || at == n && how == diesAfter
				return dead
			}
			was := c.sim.AudioSent()
			name := fmt.Sprintf("change %d, %s", n, how)
			if err := c.fetch(t, t.Context(), direct{c.sim, before}, store.open(before, after), cache, onlyRecordings(nil)); err == nil && n < changes {
				t.Errorf("%s: it did not notice", name)
			}
			b := store.open(undisturbed, neverLost)
			if err := c.fetch(t, t.Context(), direct{c.sim, undisturbed}, b, cache, onlyRecordings(nil)); err != nil {
				t.Fatalf("%s: the next run: %v", name, err)
			}
			if diff := cmp.Diff(want, recordingsOf(t, b)); diff != "" {
				t.Fatalf("%s: another lake (+) than undisturbed (-): %s", name, diff)
			}
			for id, all := range c.sim.AudioSent() {
				if all-was[id] != sent[id] {
					t.Errorf("%s: recording %s came %d bytes, not %d", name, id, all-was[id], sent[id])
				}
			}
			if left, _ := filepath.Glob(filepath.Join(cache, "parts", "*", "*")); len(left) > 0 {
				t.Errorf("%s: parts stay: %v", name, left)
			}
		}
	}
	if found := findings(t, undisturbedStore.open(undisturbed, neverLost), Verifying{Deep: true, Now: simulated, Terms: reading(nil).Terms}); len(found) > 0 {
		t.Errorf("findings: %v", found)
	}
}

// TestVerifyFindsAudio: what is lost, other than its row says, or nobody's, is found, and comes in order as the remedy says.
func TestVerifyFindsAudio(t *testing.T) {
	c := tape(t, 60)
	b := c.calls.open(undisturbed, neverLost)
	x := onlyRecordings(&Window{fourDays.From, fourDays.From + 2})
	run := func() {
		t.Helper()
		if err := c.fetch(t, t.Context(), direct{c.sim, undisturbed}, b, t.TempDir(), x); err != nil {
			t.Fatal(err)
		}
	}
	run()
	var keys []string
	eachObject(t, b, "recordings/", func(key string, content []byte) {
		if _, _, ok := sinks.ParseAudio(RecordingsStream, key); ok && len(content) > 100 {
			keys = append(keys, key)
		}
	})
	kinds := func(w *Window, deep bool) (out []string) {
		for _, f := range findings(t, b, Verifying{Deep: deep, Window: w, Now: simulated, Terms: reading(nil).Terms}) {
			if out = append(out, f.Kind+" "+f.Key); f.Remedy == "" || f.Detail == "" {
				t.Errorf("%+v", f)
			}
		}
		return out
	}
	if found := kinds(nil, true); len(found) > 0 {
		t.Fatal(found)
	}
	lost, short, other, stray := keys[0], keys[1], keys[2], "recordings/account_id="+c.sim.AccountID()+"/_audio/77.mp3"
	content, err := b.ReadAll(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	content[50] ^= 1
	foreign := "recordings/account_id=" + c.sim.AccountID() + "/_audio/notes.txt"
	for _, err := range []error{
		b.Delete(t.Context(), lost), b.WriteAll(t.Context(), short, []byte("short"), nil), b.WriteAll(t.Context(), other, content, nil),
		b.WriteAll(t.Context(), stray, []byte("audio"), nil), b.WriteAll(t.Context(), foreign, []byte("a"), nil),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]bool{"audio_missing " + lost: true, "audio_differs " + short: true, "audio_unknown " + stray: true, "foreign_object " + foreign: true}
	check := func(w *Window, deep bool) {
		t.Helper()
		got := map[string]bool{}
		for _, f := range kinds(w, deep) {
			got[f] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	check(nil, false)
	want["audio_differs "+other] = true
	check(nil, true)
	delete(want, "audio_unknown "+stray) // who looks at some days cannot tell
	check(&Window{fourDays.From, fourDays.From + 2}, true)
	for _, key := range []string{short, other, stray, foreign} {
		if err := b.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if found := kinds(nil, true); len(found) > 0 {
		t.Errorf("after the remedy: %v", found)
	}
}

// TestLostTableOfRecordings: a lost partition is made again of the audio that is there.
func TestLostTableOfRecordings(t *testing.T) {
	c, dir := tape(t, 30), t.TempDir()
	for key, o := range c.calls.objects {
		name := filepath.Join(dir, filepath.FromSlash(key))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, o.bytes, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	lake := openLake(t, dir)
	run := func(w *Window) Tally {
		t.Helper()
		tally, err := runExtract(t.Context(), c.client(t), lake, onlyRecordings(w))
		if err != nil || len(tally.Errs) > 0 {
			t.Fatal(err, tally.Errs)
		}
		return tally
	}
	first := run(nil)
	before, sent := dumped(t, lake, RecordingsStream), c.sim.AudioSent()
	lost := filepath.Join(dir, filepath.FromSlash(sinks.PartitionKey(RecordingsStream, c.sim.AccountID(), fourDays.From)))
	if err := os.Remove(lost); err != nil {
		t.Fatal(err)
	}
	again := run(&Window{fourDays.From, fourDays.From + 2})
	if diff := cmp.Diff(before, dumped(t, lake, RecordingsStream)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(sent, c.sim.AudioSent()); diff != "" || first.Streams[0].Fetched == 0 || again.Streams[0].Fetched > 0 {
		t.Errorf("audio was fetched again: %s", diff)
	}
	if found := verified(t, lake); len(found) > 0 {
		t.Errorf("findings: %v", found)
	}
	if err := os.RemoveAll(filepath.Join(dir, "_trunkline/ledger", c.sim.AccountID(), RecordingsStream)); err != nil {
		t.Fatal(err)
	}
	if run(nil); !maps.Equal(sent, c.sim.AudioSent()) {
		t.Error("a lost ledger cost audio")
	}
	if found := verified(t, lake); len(found) > 0 {
		t.Errorf("without its ledger: %v", found)
	}
}

// TestDamagedRecordings: a damaged partition, of the table or of the calls, fails its day with what helps, and the other days go on.
func TestDamagedRecordings(t *testing.T) {
	c := tape(t, 30)
	for table, want := range map[string]string{RecordingsStream: "move it away, then `trunkline run --streams recordings --from 2026-11-17 --to 2026-11-18`", CallLogStream: "trunkline replay"} {
		store, cache := c.calls.clone(), t.TempDir()
		b := store.open(undisturbed, neverLost)
		key := sinks.PartitionKey(table, c.sim.AccountID(), fourDays.From)
		if err := b.WriteAll(t.Context(), key, []byte("PAR1"), nil); err != nil {
			t.Fatal(err)
		}
		err := c.fetch(t, t.Context(), direct{c.sim, undisturbed}, b, cache, onlyRecordings(nil))
		if err == nil || !strings.Contains(err.Error(), want) || string(store.objects[key].bytes) != "PAR1" {
			t.Errorf("%s: %v", table, err)
		}
		if _, there := store.objects[sinks.PartitionKey(RecordingsStream, c.sim.AccountID(), fourDays.From+1)]; !there {
			t.Errorf("%s: the next day was not read", table)
		}
	}
}
