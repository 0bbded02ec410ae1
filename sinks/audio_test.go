package sinks

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// wholePart is a part with all bytes of a content.
func wholePart(t *testing.T, l *Lake, id, contentType string, content []byte) *Part {
	t.Helper()
	p, err := l.OpenPart("1", id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	if err := p.Begin(Origin{ETag: "e", Size: int64(len(content)), ContentType: contentType}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write(content); err != nil || !p.Whole() {
		t.Fatal(err, p.Len())
	}
	return p
}

// TestAudio: an audio is brought once, found with its sum and its type, and removed with what leads to it, on every kind of store.
func TestAudio(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store) {
		l := s.lake(t, s.prefix())
		content := noise(1, 9<<20) // more than a part of an upload
		part := wholePart(t, l, "77", "audio/x-wav", content)
		kept, err := l.KeepAudio(t.Context(), "recordings", "1", "77", part)
		if err := errors.Join(err, part.Remove()); err != nil {
			t.Fatal(err)
		}
		want := Audio{ID: "77", Key: "recordings/account_id=1/_audio/77.wav", ContentType: "audio/wav", Bytes: int64(len(content)), SHA256: sumBytes(content)}
		if diff := cmp.Diff(want, kept); diff != "" {
			t.Error(diff)
		}
		if found, there, err := l.FindAudio(t.Context(), "recordings", "1", "77"); !there || err != nil || found != want {
			t.Errorf("%+v, %v, %v", found, there, err)
		}
		if _, there, err := l.FindAudio(t.Context(), "recordings", "1", "7"); there || err != nil {
			t.Errorf("another recording's was taken: %v", err)
		}
		again, err := l.KeepAudio(t.Context(), "recordings", "1", "77", wholePart(t, l, "78", "audio/wav", []byte("other")))
		if err != nil || again != want {
			t.Errorf("what is there was not kept: %+v, %v", again, err)
		}
		held := wholePart(t, l, "77", "audio/wav", content[:10])
		if err := held.Close(); err != nil {
			t.Fatal(err)
		}
		many := map[string]bool{"77": true, "not an id": true}
		for n := range 2 * fewIDs {
			many[strconv.Itoa(100+n)] = true
		}
		if _, err := l.KeepAudio(t.Context(), "recordings", "1", "7", wholePart(t, l, "7", "audio/mpeg", nil)); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			ids  map[string]bool
			want int
		}{{many, 1}, {many, 0}, {map[string]bool{"7": true}, 1}, {map[string]bool{"7": true}, 0}} {
			if removed, err := l.RemoveAudio(t.Context(), "recordings", "1", c.ids); removed != c.want || err != nil {
				t.Errorf("removed %d of %d, %v", removed, len(c.ids), err)
			}
		}
		if there, err := l.HasAudio(t.Context(), want.Key); there || err != nil {
			t.Errorf("it is still there: %v", err)
		}
		if name, _ := l.partName("1", "77"); fileExists(name) {
			t.Error("its part is still there")
		}
	})
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// TestAudioKeys: keys say whose audio it is, and nothing else is taken for one.
func TestAudioKeys(t *testing.T) {
	if account, id, ok := ParseAudio("recordings", "recordings/account_id=1/_audio/a-7.mp3"); account != "1" || id != "a-7" || !ok {
		t.Error(account, id, ok)
	}
	for _, key := range []string{
		"recordings/account_id=1/start_date=2026-11-21/recordings.parquet", "recordings/account_id=1/_audio/7.parquet", "recordings/account_id=1/_audio/7",
		"recordings/account_id=1/_audio/a/7.mp3", "other/account_id=1/_audio/7.mp3", "recordings/account_id=/_audio/7.mp3", "recordings/account_id=1/_audio/.mp3",
	} {
		if _, _, ok := ParseAudio("recordings", key); ok {
			t.Errorf("%s was taken for audio", key)
		}
	}
	for contentType, want := range map[string]string{
		"audio/mpeg": "mp3 audio/mpeg", "AUDIO/X-WAV; rate=8000": "wav audio/wav", "audio/ogg": "bin audio/ogg", "": "bin application/octet-stream", "a b": "bin application/octet-stream",
	} {
		if ending, kind := audioType(contentType); ending+" "+kind != want {
			t.Errorf("%q: %s %s", contentType, ending, kind)
		}
	}
	if CheckAudioID("../x") == nil || CheckAudioID("") == nil || CheckAudioID("2000000000004") != nil {
		t.Error("ids")
	}
}

// TestPart: what has come is there for the next process, of one content only, and for one process at a time.
func TestPart(t *testing.T) {
	l, origin := openTestLake(t), Origin{ETag: `"a"`, Size: 10, ContentType: "audio/mpeg"}
	open := func() *Part {
		t.Helper()
		p, err := l.OpenPart("1", "7")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := open()
	if p.Continues(origin, 0) || p.Whole() || p.Len() != 0 {
		t.Error("nothing has come, and something follows it")
	}
	if _, err := l.OpenPart("1", "7"); !errors.Is(err, ErrConflict) {
		t.Errorf("a second process: %v", err)
	}
	for _, do := range []func() error{
		func() error { return p.Begin(origin) },
		func() error { _, err := p.Write([]byte("01234")); return err },
		p.Close, p.Close,
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	name, _ := l.partName("1", "7")
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	p = open()
	for at, want := range map[Origin]bool{
		origin: true, {Size: 10}: true, {ETag: `"a"`, Size: -1}: true, {ETag: `"b"`, Size: 10}: false, {ETag: `"a"`, Size: 11}: false,
	} {
		if p.Continues(at, 5) != want || p.Continues(at, 4) {
			t.Errorf("%+v follows: %v", at, !want)
		}
	}
	if _, err := p.Write([]byte("56789")); err != nil || !p.Whole() {
		t.Error(err)
	}
	if err := p.Begin(Origin{Size: -1}); err != nil || p.Len() != 0 || p.Whole() {
		t.Error("what had come was not forgotten", err)
	}
	if err := p.Close(); err != nil || fileExists(name) {
		t.Errorf("an empty part stays: %v", err)
	}
	if err := os.WriteFile(name, []byte("half a li"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p = open(); p.Len() != 0 || p.Continues(origin, 0) {
		t.Error("a part without its origin was taken")
	}
	if err := p.Remove(); err != nil || fileExists(name) {
		t.Error(err)
	}
}

// TestPartsAreSwept: old parts that nobody holds go.
func TestPartsAreSwept(t *testing.T) {
	l := openTestLake(t)
	old, fresh, held := wholePart(t, l, "old", "", []byte("a")), wholePart(t, l, "fresh", "", []byte("b")), wholePart(t, l, "held", "", []byte("c"))
	if err := errors.Join(old.Close(), fresh.Close()); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-partAge - time.Hour)
	for _, id := range []string{"old", "held"} {
		name, _ := l.partName("1", id)
		if err := os.Chtimes(name, long, long); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left []string
	_ = filepath.WalkDir(l.parts(), func(name string, d fs.DirEntry, _ error) error {
		if !d.IsDir() {
			left = append(left, filepath.Base(name))
		}
		return nil
	})
	if diff := cmp.Diff([]string{"fresh.part", "held.part"}, left); diff != "" {
		t.Error(diff)
	}
	if err := held.Remove(); err != nil {
		t.Fatal(err)
	}
}
