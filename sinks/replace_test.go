package sinks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const textPlain = "text/plain"

// noise is bytes that no store can shorten.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = r.Read(b) // it has no error
	return b
}

// TestReplaceIf: a write that depends on a version wins once, and loses without doing anything.
func TestReplaceIf(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store) {
		l := s.lake(t, s.prefix())
		write := func(v objectVersion, text string) (objectVersion, error) {
			return l.replaceBytesIf(t.Context(), "a/k", v, []byte(text), textPlain)
		}
		if _, v, found, err := l.readVersioned(t.Context(), "a/k"); v != "" || found || err != nil {
			t.Fatalf("of no object: %q, %v, %v", v, found, err)
		}
		first, err := write("", "A")
		if err != nil || first == "" {
			t.Fatalf("creating: %q, %v", first, err)
		}
		if _, err := write("", "B"); !errors.Is(err, ErrConflict) {
			t.Errorf("creating what exists: %v", err)
		}
		second, err := write(first, "B")
		if err != nil || second == first {
			t.Fatalf("replacing: %q, %v", second, err)
		}
		if _, err := write(first, "C"); !errors.Is(err, ErrConflict) {
			t.Errorf("replacing by an old version: %v", err)
		}
		third, err := write(second, "A")
		if err != nil || third == first && !s.contentVersions() {
			t.Errorf("after A, B, A: version %q again, %v", third, err)
		}
		if _, err := write(first, "C"); !errors.Is(err, ErrConflict) && !s.contentVersions() {
			t.Errorf("replacing by a version from before A, B, A: %v", err)
		}
		if err := l.putBytes(t.Context(), "a/k", []byte("D"), textPlain); err != nil {
			t.Fatal(err)
		}
		if _, err := write(third, "E"); !errors.Is(err, ErrConflict) {
			t.Errorf("replacing what an unconditional write replaced: %v", err)
		}
		b, v, found, err := l.readVersioned(t.Context(), "a/k")
		if string(b) != "D" || !found || err != nil {
			t.Errorf("read %q, %v, %v, want D", b, found, err)
		}
		if err := l.bucket.Delete(t.Context(), "a/k"); err != nil {
			t.Fatal(err)
		}
		if _, err := write(v, "F"); !errors.Is(err, ErrConflict) {
			t.Errorf("replacing what was removed: %v", err)
		}
	})
}

// TestReplaceIfLarge: objects in several parts are replaced on the same conditions.
func TestReplaceIfLarge(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store) {
		l := s.lake(t, s.prefix())
		var v objectVersion
		for round := range 3 {
			b := noise(uint64(round), 17<<20)
			now, err := l.replaceBytesIf(t.Context(), "large", v, b, textPlain)
			if err != nil || now == v {
				t.Fatalf("round %d: version %q after %q, %v", round, now, v, err)
			}
			if _, err := l.replaceBytesIf(t.Context(), "large", v, noise(9, 17<<20), textPlain); !errors.Is(err, ErrConflict) {
				t.Errorf("round %d: by an old version: %v", round, err)
			}
			held, read, found, err := l.readVersioned(t.Context(), "large")
			if !bytes.Equal(held, b) || read != now || !found || err != nil {
				t.Fatalf("round %d: read %d bytes of %q, %v, want %d of %q", round, len(held), read, err, len(b), now)
			}
			v = now
		}
	})
}

const racers = 16

// rounds is how many races are run, and how often each racer counts.
const rounds = 100

// TestRace: of writers that know the same version one wins, round for round, and what it wrote is what is there.
func TestRace(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store) {
		prefix := s.prefix()
		lakes := []*Lake{s.lake(t, prefix), s.lake(t, prefix), s.lake(t, prefix), s.lake(t, prefix)}
		var v objectVersion
		for round := range rounds {
			var group sync.WaitGroup
			versions, errs := make([]objectVersion, racers), make([]error, racers)
			for i := range racers {
				group.Go(func() {
					text := strconv.Itoa(round) + " " + strconv.Itoa(i)
					versions[i], errs[i] = lakes[i%len(lakes)].replaceBytesIf(t.Context(), "k", v, []byte(text), textPlain)
				})
			}
			group.Wait()
			winner := checkOneWinner(t, round, errs)
			b, read, _, err := lakes[0].readVersioned(t.Context(), "k")
			if want := strconv.Itoa(round) + " " + strconv.Itoa(winner); string(b) != want || read != versions[winner] || err != nil {
				t.Fatalf("round %d: %q of %q, %v, want %q of %q", round, b, read, err, want, versions[winner])
			}
			v = read
		}
	})
}

func checkOneWinner(t *testing.T, round int, errs []error) int {
	t.Helper()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Fatalf("round %d: %d and %d won", round, winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, ErrConflict):
			t.Fatalf("round %d: %v", round, err)
		}
	}
	if winner < 0 {
		t.Fatalf("round %d: nobody won", round)
	}
	return winner
}

// TestCount: writers that read, add one and replace lose no increment.
func TestCount(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store) {
		prefix := s.prefix()
		var group sync.WaitGroup
		for range racers {
			l := s.lake(t, prefix)
			group.Go(func() {
				for range rounds {
					if err := addOne(t.Context(), l); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
		b, _, _, err := s.lake(t, prefix).readVersioned(t.Context(), "n")
		if want := strconv.Itoa(racers * rounds); string(b) != want || err != nil {
			t.Errorf("counted %s, %v, want %s", b, err, want)
		}
	})
}

func addOne(ctx context.Context, l *Lake) error {
	for {
		b, v, _, err := l.readVersioned(ctx, "n")
		if err != nil {
			return err
		}
		n, _ := strconv.Atoi(string(b)) // none is 0
		_, err = l.replaceBytesIf(ctx, "n", v, []byte(strconv.Itoa(n+1)), textPlain)
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
}

// TestReplacedAsAWhole: somebody who reads all the time sees whole versions only, and never none.
func TestReplacedAsAWhole(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store) {
		prefix := s.prefix()
		l, reader := s.lake(t, prefix), s.lake(t, prefix)
		whole := func(n int) []byte { return bytes.Repeat([]byte{byte('a' + n)}, 1<<20+n) }
		v, err := l.replaceBytesIf(t.Context(), "k", "", whole(0), textPlain)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		var group sync.WaitGroup
		group.Go(func() {
			for {
				b, _, found, err := reader.readVersioned(t.Context(), "k")
				if err != nil || !found || len(b) < 1<<20 || !bytes.Equal(b, whole(int(b[0]-'a'))) {
					t.Errorf("read %d bytes, %v, %v: no version as a whole", len(b), found, err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
		for n := 1; n < 20 && err == nil; n++ {
			v, err = l.replaceBytesIf(t.Context(), "k", v, whole(n), textPlain)
		}
		close(done)
		group.Wait()
		if err != nil {
			t.Error(err)
		}
	})
}

// stopping is a source that stops half-way: it fails, or its run is cancelled.
type stopping struct {
	*bytes.Reader
	at   int64
	stop func() error
}

func (s *stopping) Read(p []byte) (int, error) {
	if s.Size()-int64(s.Len()) >= s.at {
		if err := s.stop(); err != nil {
			return 0, err
		}
	}
	return s.Reader.Read(p[:min(len(p), 1<<20)])
}

// TestStoppedSourcePublishesNothing: a source that fails, and a run that is cancelled, leave the object as it was, with
// one part and with several, on a condition and without.
func TestStoppedSourcePublishesNothing(t *testing.T) {
	full := errors.New("disk full")
	eachStore(t, func(t *testing.T, s *store) {
		l := s.lake(t, s.prefix())
		if err := l.putBytes(t.Context(), "held", []byte("held"), textPlain); err != nil {
			t.Fatal(err)
		}
		_, v, _, err := l.readVersioned(t.Context(), "held")
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{1 << 20, 40 << 20} {
			for key, expected := range map[string]objectVersion{"held": v, "new": ""} {
				ctx, cancel := context.WithCancel(t.Context())
				fails := func() io.ReadSeeker {
					return &stopping{bytes.NewReader(noise(1, size)), int64(size / 2), func() error { return full }}
				}
				cancels := &stopping{bytes.NewReader(noise(1, size)), int64(size / 2), func() error { cancel(); return nil }}
				if _, err := l.replaceIf(ctx, key, expected, fails(), textPlain); !errors.Is(err, full) {
					t.Errorf("%s of %d bytes: %v, want the source's error", key, size, err)
				}
				if err := l.put(ctx, key, fails(), textPlain); !errors.Is(err, full) {
					t.Errorf("%s of %d bytes, unconditionally: %v, want the source's error", key, size, err)
				}
				if _, err := l.replaceIf(ctx, key, expected, cancels, textPlain); !errors.Is(err, context.Canceled) {
					t.Errorf("%s of %d bytes: %v, want that it was cancelled", key, size, err)
				}
			}
		}
		if keys := keysBelow(t, l); !slices.Equal(keys, []string{"held 4"}) {
			t.Errorf("keys %q, want the one that was held", keys)
		}
		checkNoUploads(t, l)
	})
}

// checkNoUploads checks that no upload in parts was left behind, where the store has such.
func checkNoUploads(t *testing.T, l *Lake) {
	t.Helper()
	if s, ok := l.versions().(s3Versions); ok {
		if n, err := s.sweep(t.Context(), 0); n != 0 || err != nil {
			t.Errorf("%d uploads in parts were left behind, %v", n, err)
		}
	}
}

// TestSweepUploads: an upload in parts that nobody ended is ended by a sweep, once it is old enough.
func TestSweepUploads(t *testing.T) {
	eachServer(t, func(t *testing.T, s *store) {
		prefix := s.prefix()
		l := s.lake(t, prefix)
		versions, ok := l.versions().(s3Versions)
		if !ok {
			t.Skip("this store ends them itself")
		}
		abandonUpload(t, versions.client, prefix+"large")
		abandonUpload(t, versions.client, "elsewhere"+prefix+"large")
		if err := l.Sweep(t.Context()); err != nil {
			t.Errorf("sweeping: %v", err)
		}
		if n, err := versions.sweep(t.Context(), 0); n != 1 || err != nil {
			t.Errorf("swept %d uploads, %v, want the one of this lake that the sweep of old ones left", n, err)
		}
	})
}

func abandonUpload(t *testing.T, client *s3.Client, key string) {
	t.Helper()
	_, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String("lake"), Key: &key})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPrefix: lakes below two prefixes of a bucket do not meet.
func TestPrefix(t *testing.T) {
	eachServer(t, func(t *testing.T, s *store) {
		a, b := s.lake(t, s.prefix()+"x/y/"), s.lake(t, s.prefix())
		if _, err := a.replaceBytesIf(t.Context(), "k", "", []byte("1"), textPlain); err != nil {
			t.Fatal(err)
		}
		if _, _, found, err := b.readVersioned(t.Context(), "k"); found || err != nil {
			t.Errorf("found %v, %v", found, err)
		}
		if keys := keysBelow(t, a); !slices.Equal(keys, []string{"k 1"}) {
			t.Errorf("keys %q", keys)
		}
	})
}

// TestEmptyAndSmall: what is read is what was written, byte for byte, also when it is empty.
func TestEmptyAndSmall(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store) {
		l := s.lake(t, s.prefix())
		document, err := json.Marshal(map[string]string{"k": strings.Repeat("v", 5000)})
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string][]byte{"empty": {}, "small": document} {
			file := filepath.Join(t.TempDir(), key)
			if err := os.WriteFile(file, want, 0o600); err != nil {
				t.Fatal(err)
			}
			v, err := l.replaceFileIf(t.Context(), key, "", file, "application/json")
			if err != nil {
				t.Fatal(err)
			}
			got, read, found, err := l.readVersioned(t.Context(), key)
			if !bytes.Equal(got, want) || read != v || !found || err != nil {
				t.Errorf("%s: %d bytes of %q, %v, %v, want %d of %q", key, len(got), read, found, err, len(want), v)
			}
		}
	})
}
