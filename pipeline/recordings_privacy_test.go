package pipeline

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

var outsideNumber = regexp.MustCompile(`"phoneNumber":"(\+[0-9]{11,13})"`)

// speaker is somebody outside who takes part in recorded calls: a number, and the recordings of the calls that have it.
func speaker(t testing.TB, lake *sinks.Lake) (phone string, ids map[string]bool) {
	t.Helper()
	of := map[string]map[string]bool{}
	for _, line := range dumped(t, lake, CallLogStream) {
		recordings := audioAddress.FindAllStringSubmatch(line, -1)
		for _, m := range outsideNumber.FindAllStringSubmatch(line, -1) {
			for _, r := range recordings {
				if of[m[1]] == nil {
					of[m[1]] = map[string]bool{}
				}
				of[m[1]][r[1]] = true
			}
		}
	}
	best := ""
	for _, number := range slices.Sorted(maps.Keys(of)) {
		if n := len(of[number]); n > len(of[best]) && n < 8 {
			best = number
		}
	}
	if len(of[best]) < 2 {
		t.Fatal("nobody takes part in some of the recorded calls, and not in most of them")
	}
	return best, of[best]
}

// checkSilent: of the recordings of one who was erased there is no audio, and rows say when they were silenced; of the others there is all.
func checkSilent(t testing.TB, when string, lake *sinks.Lake, b *blob.Bucket, erased map[string]bool, all int) {
	t.Helper()
	rows, audio := recordingRows(t, lake), audioIn(t, b)
	for id := range erased {
		r := rows[id]
		if audio[id] != nil || r.Object != "" || r.SHA256 != "" || r.Bytes != nil || r.ErasedAt == "" {
			t.Errorf("%s: recording %s, %d bytes of audio: %+v", when, id, len(audio[id]), r)
		}
	}
	there := 0
	for id, r := range rows {
		if !erased[id] && (r.ErasedAt != "" || (r.Object == "") != (audio[id] == nil)) {
			t.Errorf("%s: the recording %s of somebody else: %+v", when, id, r)
		}
		there++
	}
	if there != all {
		t.Errorf("%s: %d recordings, not %d", when, there, all)
	}
}

// TestEraseRecordings: the audio of calls with an erased person goes, whether it was there before or not, with the parts on this machine, and does not
// come back; that of others stays.
func TestEraseRecordings(t *testing.T) {
	c := tape(t, 100)
	phone, ids := speaker(t, lakeOver(t, c.calls.open(undisturbed, neverLost)))
	all := len(namedIn(t, lakeOver(t, c.calls.open(undisturbed, neverLost))))
	for _, first := range []bool{true, false} {
		store, cache := c.calls.clone(), t.TempDir()
		b := store.open(undisturbed, neverLost)
		fetch := func() {
			t.Helper()
			if err := c.fetch(t, t.Context(), direct{c.sim, undisturbed}, b, cache, onlyRecordings(nil)); err != nil {
				t.Fatal(err)
			}
		}
		if first {
			fetch()
		}
		lake, err := sinks.Open(t.Context(), b, &sinks.LakeOptions{Scratch: t.TempDir(), CacheDir: cache})
		if err != nil {
			t.Fatal(err)
		}
		for id := range ids {
			leavePart(t, lake, c.sim.AccountID(), id)
		}
		erasing := Erasing{Phones: []string{phone}, Now: simulated}
		done, err := Erase(t.Context(), lake, erasing)
		if err != nil || done.Audio > len(ids) || first != (done.Audio > 0) {
			t.Errorf("%+v, %v", done, err)
		}
		if first {
			checkSilent(t, "erased", lake, b, ids, all)
		}
		before := c.sim.AudioSent()
		fetch()
		checkSilent(t, "after another run", lake, b, ids, all)
		if sent := c.sim.AudioSent(); first && !maps.Equal(sent, before) {
			t.Error("audio was fetched after an erasure")
		} else {
			for id := range ids {
				if sent[id] != before[id] {
					t.Errorf("the recording %s of an erased person was fetched", id)
				}
			}
		}
		if left, _ := filepath.Glob(filepath.Join(cache, "parts", "*", "*")); len(left) > 0 {
			t.Errorf("parts stay: %v", left)
		}
		held := recordingsOf(t, b)
		if done, err := Erase(t.Context(), lake, erasing); err != nil || len(done.Changed) > 0 || !maps.Equal(held, recordingsOf(t, b)) {
			t.Errorf("to erase again changed %v, %v", done.Changed, err)
		}
		if found := verified(t, lake); len(found) > 0 {
			t.Errorf("findings: %v", found)
		}
		if err := lake.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func leavePart(t *testing.T, lake *sinks.Lake, account, id string) {
	t.Helper()
	p, err := lake.OpenPart(account, id)
	if err != nil {
		t.Fatal(err)
	}
	err = p.Begin(sinks.Origin{Size: 100})
	_, err2 := p.Write([]byte("what came of it"))
	if err := errors.Join(err, err2, p.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestErasedWhileARunWritesRecordings erases somebody at every operation of a run that fetches audio of hers, which lives on, or is killed after
// one of its next writes: there is none when the run, or the one after a killed one, ends.
func TestErasedWhileARunWritesRecordings(t *testing.T) {
	if underRace {
		t.Skip("it takes minutes with the race detector, and nothing in it is concurrent: .ci/run runs it without")
	}
	c := tape(t, 30)
	all := namedIn(t, lakeOver(t, c.calls.open(undisturbed, neverLost)))
	phone, ids := speaker(t, lakeOver(t, c.calls.open(undisturbed, neverLost)))
	brought := 0
	for at, more := 0, true; more; at += 4 + at%2 {
		for _, writes := range []int{0, 1 + at%3} { // until it is killed; 0: never
			store, n, left, erased, dead := c.calls.clone(), 0, writes, false, false
			step := func(operation string) error {
				if dead {
					return errKilled
				}
				if n++; n == at+1 {
					erased = true
					if writes == 0 && len(audioOf(store, ids)) > 0 {
						brought++
					}
					if _, err := Erase(t.Context(), lakeOver(t, store.open(undisturbed, neverLost)), Erasing{Phones: []string{phone}, Now: simulated}); err != nil {
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
			b, cache := store.open(undisturbed, neverLost), t.TempDir()
			err := c.fetch(t, t.Context(), direct{c.sim, step}, store.open(step, lost), cache, onlyRecordings(nil))
			if err != nil && !dead {
				t.Fatal(err)
			}
			if more = erased; !more {
				break
			}
			if dead || erased && n == at+1 {
				if err := c.fetch(t, t.Context(), direct{c.sim, undisturbed}, b, cache, onlyRecordings(nil)); err != nil {
					t.Fatal(err)
				}
			}
			if got := audioOf(store, ids); len(got) > 0 {
				t.Fatalf("erased at operation %d, killed after %d writes: %v", at, writes, got)
			}
			if err := c.fetch(t, t.Context(), direct{c.sim, undisturbed}, b, cache, onlyRecordings(nil)); err != nil {
				t.Fatal(err)
			}
			checkSilent(t, "in the end", lakeOver(t, b), b, ids, len(all))
		}
	}
	if brought < 3 {
		t.Errorf("there was something to erase %d times: too few to tell", brought)
	}
}

// audioOf lists the audio of some recordings in a store.
func audioOf(store *memory, ids map[string]bool) (out []string) {
	for key := range store.objects {
		if _, id, ok := sinks.ParseAudio(RecordingsStream, key); ok && ids[id] {
			out = append(out, key)
		}
	}
	return out
}

// TestAudioUnderAPolicy: what a policy takes away does not come back as audio, unless the policy says so.
func TestAudioUnderAPolicy(t *testing.T) {
	c, dir := newCompany(t, 7, 60, nil), t.TempDir()
	lake := openLake(t, dir)
	x := withRecordings(&fourDays)
	for _, words := range [][]string{{"names=drop"}, {"names=drop", "audio=drop"}} {
		x.Policy = rules(t, words...)
		if _, err := runExtract(t.Context(), c.client(t), lake, x); !errors.Is(err, ErrAudio) || !strings.Contains(err.Error(), "audio=keep") {
			t.Errorf("%v: %v", words, err)
		}
	}
	if n := c.Stats().Heavy.Requests; n > 0 {
		t.Errorf("%d requests before a refusal", n)
	}
	x.Policy = rules(t, "names=drop", "phone_numbers=hmac", "audio=keep")
	if tally, err := runExtract(t.Context(), c.client(t), lake, x); err != nil || len(tally.Errs) > 0 {
		t.Fatal(err, tally.Errs)
	}
	there := 0
	for id, r := range recordingRows(t, lake) {
		if _, want := c.Audio(id); r.ContentURI != "" || (r.Object == "") != (want == nil) {
			t.Errorf("%+v", r)
		} else if want != nil {
			there++
		}
	}
	if there < 10 {
		t.Errorf("%d recordings: too few to tell", there)
	}
	if found := verified(t, lake); len(found) > 0 {
		t.Errorf("findings: %v", found)
	}
	if done, err := Redact(t.Context(), lake, Redacting{AccountID: OwnAccount, Window: Window{fourDays.From, fourDays.From + 1}, Policy: rules(t, "names=drop", "phone_numbers=hmac"), Now: simulated}); err != nil || done.Audio == 0 || done.Audio == there {
		t.Errorf("%+v, %v", done, err)
	}
	for id, r := range recordingRows(t, lake) {
		inside := dayOf(r.started()) == fourDays.From
		if _, err := os.Stat(filepath.Join(dir, "recordings/account_id="+c.AccountID()+"/_audio", id+".wav")); inside && err == nil || inside && (r.Object != "" || r.SHA256 != "") {
			t.Errorf("after redacting: %+v", r)
		}
	}
	if found := verified(t, lake); len(found) > 0 {
		t.Errorf("findings: %v", found)
	}
}

// TestKeepsAudio: only the policy that keeps everything, and one that names audio as kept, let it into the lake.
func TestKeepsAudio(t *testing.T) {
	got := map[string]bool{"": (*schema.Policy)(nil).KeepsAudio()}
	for _, words := range []string{"names=drop", "names=drop audio=keep", "names=drop object=keep", "audio=drop"} {
		got[words] = rules(t, strings.Fields(words)...).KeepsAudio()
	}
	want := map[string]bool{"": true, "names=drop": false, "names=drop audio=keep": true, "names=drop object=keep": true, "audio=drop": false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, rule := range []string{"audio=hmac", "audio=mask", "sha256=mask"} {
		if _, err := schema.NewPolicy(schema.CallLog(), []string{rule}, schema.PolicyOptions{Key: privacyKey}); err == nil || !strings.Contains(err.Error(), "keep and drop") {
			t.Errorf("%s: %v", rule, err)
		}
	}
}
