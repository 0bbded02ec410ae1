package pipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
	"github.com/trunkline/trunkline/sinks"
)

// withRecordings is an extraction of calls and their recordings.
func withRecordings(w *Window) Extraction {
	x := reading(w)
	x.Streams, x.Named = []string{CallLogStream, RecordingsStream}, true
	return x
}

// recordingRows are the rows of all recordings, by id.
func recordingRows(t testing.TB, lake *sinks.Lake) map[string]recording {
	t.Helper()
	out := map[string]recording{}
	for _, line := range dumped(t, lake, RecordingsStream) {
		var r recording
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if _, twice := out[r.ID]; twice {
			t.Errorf("recording %s has two rows", r.ID)
		}
		out[r.ID] = r
	}
	return out
}

var audioAddress = regexp.MustCompile(`/recording/([0-9]+)/content`)

// namedIn are the ids of the recordings that the calls of a lake name.
func namedIn(t testing.TB, lake *sinks.Lake) []string {
	t.Helper()
	ids := map[string]bool{}
	for _, line := range dumped(t, lake, CallLogStream) {
		for _, m := range audioAddress.FindAllStringSubmatch(line, -1) {
			ids[m[1]] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// audioIn is the audio of a bucket by recording.
func audioIn(t testing.TB, b *blob.Bucket) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	eachObject(t, b, "recordings/", func(key string, content []byte) {
		if _, id, ok := sinks.ParseAudio(RecordingsStream, key); ok {
			out[id] = content
		}
	})
	return out
}

// checkRecordings: every recording that a call names has one row and is there as RingCentral has it, or is gone. It returns how many
// are there and how many are gone.
func checkRecordings(t testing.TB, sim *simulator.Simulator, lake *sinks.Lake, b *blob.Bucket) (there, gone int) {
	t.Helper()
	rows, audio := recordingRows(t, lake), audioIn(t, b)
	named := namedIn(t, lake)
	if diff := cmp.Diff(named, slices.Sorted(maps.Keys(rows))); diff != "" {
		t.Errorf("rows of recordings (+) that calls name (-): %s", diff)
	}
	for _, id := range named {
		r := rows[id]
		contentType, want := sim.Audio(id)
		if want == nil {
			if gone++; r.GoneAt == "" || r.Object != "" || audio[id] != nil {
				t.Errorf("recording %s is gone: %+v", id, r)
			}
			continue
		}
		there++
		sum := sha256.Sum256(want)
		ending := map[string]string{"audio/mpeg": "mp3", "audio/x-wav": "wav"}[contentType]
		switch {
		case !bytes.Equal(audio[id], want) || audio[id] == nil:
			t.Errorf("recording %s has other audio", id)
		case r.SHA256 != hex.EncodeToString(sum[:]) || r.Bytes == nil || *r.Bytes != int64(len(want)) || r.FetchedAt == "" || r.GoneAt != "":
			t.Errorf("recording %s: %+v", id, r)
		case !strings.HasSuffix(r.Object, "/"+id+"."+ending) || !strings.Contains(r.ContentURI, id) || r.CallID == "" || r.Type == "":
			t.Errorf("recording %s: %+v", id, r)
		}
	}
	if len(audio) != there {
		t.Errorf("%d audios of %d recordings", len(audio), there)
	}
	return there, gone
}

// checkSentOnce: each byte of audio was sent a single time.
func checkSentOnce(t testing.TB, sim *simulator.Simulator) {
	t.Helper()
	for id, n := range sim.AudioSent() {
		if _, want := sim.Audio(id); n != int64(len(want)) {
			t.Errorf("of recording %s %d bytes were sent, it has %d", id, n, len(want))
		}
	}
}

// TestRecordings: the audio that calls name is in the lake, each byte sent once, beside a table of it; another run asks for nothing.
func TestRecordings(t *testing.T) {
	c, store := newCompany(t, 7, 150, nil), newMemory()
	b := store.open(undisturbed, neverLost)
	lake := lakeOver(t, b)
	tally, err := runExtract(t.Context(), c.client(t), lake, withRecordings(&fourDays))
	if err != nil || len(tally.Errs) > 0 {
		t.Fatal(err, tally.Errs)
	}
	there, gone := checkRecordings(t, c.Simulator, lake, b)
	if there < 20 || gone == 0 {
		t.Errorf("%d recordings are there and %d gone: too few to tell", there, gone)
	}
	checkSentOnce(t, c.Simulator)
	s := tally.Streams[0]
	if s.Fetched != there || s.Gone != gone || s.Days != 4 || s.Changed != 4 || s.AudioBytes == 0 {
		t.Errorf("the run says %+v", s)
	}
	if found := verified(t, lake); len(found) > 0 {
		t.Errorf("findings: %v", found)
	}
	before, writes := c.Stats().Heavy.Requests, store.writes
	x := withRecordings(nil)
	x.Streams = []string{RecordingsStream}
	for _, x.Window = range []*Window{nil, &fourDays} {
		if tally, err = runExtract(t.Context(), c.client(t), lake, x); err != nil || len(tally.Changed) > 0 || c.Stats().Heavy.Requests != before {
			t.Errorf("another run changed %v and sent %d requests, %v", tally.Changed, c.Stats().Heavy.Requests-before, err)
		}
	}
	if n := store.writes - writes; n > 4 {
		t.Errorf("two more runs wrote %d objects", n)
	}
}

// hearing passes audio on in small pieces and counts what came; after a number of bytes it ends the run.
type hearing struct {
	http.RoundTripper
	heard map[string]int64
	left  int
	end   func()
}

func (h *hearing) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := h.RoundTripper.RoundTrip(r)
	if m := audioAddress.FindStringSubmatch(r.URL.Path); err == nil && m != nil && resp.StatusCode < 300 {
		resp.Body = &heardBody{resp.Body, h, m[1], r.Context()}
	}
	return resp, err
}

type heardBody struct {
	io.ReadCloser
	*hearing
	id  string
	ctx context.Context
}

func (b *heardBody) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, b.ctx.Err()
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), 1000, max(b.left, 1))])
	b.heard[b.id] += int64(n)
	if b.left -= n; b.left <= 0 {
		b.end()
	}
	return n, err
}

// TestRecordingsInterrupted: runs that end anywhere in the audio are gone on with: each byte comes once.
func TestRecordingsInterrupted(t *testing.T) {
	sim, err := simulator.New(&simulator.Options{Population: simulator.Population{Seed: 7, Extensions: 12, CallsPerDay: 40}, HeavyLimit: 6000, Now: driven.now})
	if err != nil {
		t.Fatal(err)
	}
	store, cache, rng := newMemory(), t.TempDir(), rand.New(rand.NewPCG(1, 2))
	b := store.open(undisturbed, neverLost)
	h := &hearing{RoundTripper: direct{sim, undisturbed}, heard: map[string]int64{}, left: 1 << 30, end: func() {}}
	run := func(x Extraction) error {
		lake, err := sinks.Open(t.Context(), b, &sinks.LakeOptions{Scratch: t.TempDir(), CacheDir: cache})
		if err != nil {
			t.Fatal(err)
		}
		defer lake.Close()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		h.end = cancel
		tally, err := runExtract(ctx, clientOver(t, sim, h), lake, x)
		return errors.Join(append(tally.Errs, err)...)
	}
	if err := run(reading(&fourDays)); err != nil {
		t.Fatal(err)
	}
	x := withRecordings(nil)
	x.Streams = x.Streams[1:]
	runs := 0
	for ; ; runs++ {
		h.left = 1 + rng.IntN(100_000)
		if err := run(x); err == nil {
			break
		} else if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	lake := lakeOver(t, b)
	if there, _ := checkRecordings(t, sim, lake, b); there < 10 || runs < 8 {
		t.Errorf("%d recordings in %d runs: too few to tell", there, runs)
	}
	for id, n := range h.heard {
		if _, want := sim.Audio(id); n != int64(len(want)) {
			t.Errorf("of recording %s %d bytes came, it has %d", id, n, len(want))
		}
	}
	if found := verified(t, lake); len(found) > 0 {
		t.Errorf("findings: %v", found)
	}
}

// clientOver is a client without a network.
func clientOver(t testing.TB, sim *simulator.Simulator, transport http.RoundTripper) *ringcentral.Client {
	t.Helper()
	id, secret, jwt := sim.Credentials()
	return newClient(t, id, secret, jwt, transport, 8)
}

// clientTo is a client of a server that does not ask who it is.
func clientTo(t testing.TB, transport http.RoundTripper) *ringcentral.Client {
	t.Helper()
	return newClient(t, "id", "secret", "jwt", transport, 2)
}

func newClient(t testing.TB, id, secret, jwt string, transport http.RoundTripper, tries int) *ringcentral.Client {
	t.Helper()
	client, err := ringcentral.New(ringcentral.Credentials{ServerURL: "http://127.0.0.1:1", ClientID: id, ClientSecret: secret, JWT: jwt},
		&ringcentral.Options{HTTPClient: &http.Client{Transport: transport}, Tries: tries, Clock: ringcentral.Clock{Now: driven.now, Sleep: driven.sleep}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestRecordingsUnderFaults: connections that break in the middle cost no byte twice, and what fails for the moment is got by a later run.
func TestRecordingsUnderFaults(t *testing.T) {
	for seed := range int64(4) {
		sim, err := simulator.New(&simulator.Options{
			Population: simulator.Population{Seed: seed, Extensions: 12, CallsPerDay: 50}, HeavyLimit: 6000, Now: driven.now, Sleep: func(time.Duration) {},
			Faults: simulator.Faults{Profile: "hard", Seed: seed},
		})
		if err != nil {
			t.Fatal(err)
		}
		b := newMemory().open(undisturbed, neverLost)
		lake := lakeOver(t, b)
		for runs := 1; ; runs++ {
			tally, err := runExtract(t.Context(), clientOver(t, sim, direct{sim, undisturbed}), lake, withRecordings(&fourDays))
			if err = errors.Join(append(tally.Errs, err)...); err == nil {
				break
			}
			if runs == 5 {
				t.Fatal(err)
			}
		}
		if there, _ := checkRecordings(t, sim, lake, b); there < 10 {
			t.Errorf("%d recordings: too few to tell", there)
		}
		checkSentOnce(t, sim)
	}
}

// TestRecordingsRefused: who may not read recordings is told, and gets the calls.
func TestRecordingsRefused(t *testing.T) {
	sim, err := simulator.New(&simulator.Options{
		Population: simulator.Population{Seed: 7, Extensions: 12, CallsPerDay: 60}, HeavyLimit: 6000, Now: driven.now, WithoutScopes: []string{"ReadCallRecording"},
	})
	if err != nil {
		t.Fatal(err)
	}
	lake := openLake(t, t.TempDir())
	_, err = runExtract(t.Context(), clientOver(t, sim, direct{sim, undisturbed}), lake, withRecordings(&fourDays))
	var refused *ringcentral.Error
	if !errors.As(err, &refused) || !refused.PermissionMissing() || !strings.Contains(err.Error(), "ReadCallRecording") {
		t.Errorf("%v", err)
	}
	if n := sim.Stats().Heavy.Requests; n > 20 {
		t.Errorf("%d requests after a refusal", n)
	}
	if len(dumped(t, lake, CallLogStream)) < 100 || len(dumped(t, lake, RecordingsStream)) > 0 {
		t.Error("the calls are not there, or recordings are")
	}
}

// TestYoungRecordings: what is not there yet may come; it is asked for again, and gone only a day after its call.
func TestYoungRecordings(t *testing.T) {
	c, lake := newCompany(t, 7, 150, nil), openLake(t, t.TempDir())
	if _, err := runExtract(t.Context(), c.client(t), lake, reading(&fourDays)); err != nil {
		t.Fatal(err)
	}
	x := withRecordings(nil)
	x.Streams, x.Now = x.Streams[1:], dayStart(fourDays.From).Add(20*time.Hour)
	var gone []int
	for range 2 {
		tally, err := runExtract(t.Context(), c.client(t), lake, x)
		if err != nil || len(tally.Errs) > 0 {
			t.Fatal(err, tally.Errs)
		}
		gone = append(gone, tally.Streams[0].Gone)
		x.Now = simulated
	}
	if gone[0] > 0 || gone[1] == 0 {
		t.Errorf("%v recordings of the day are gone", gone)
	}
	checkSentOnce(t, c.Simulator)
}

// TestUnfollowed: a day is owed while its calls are others than were followed; what RingCentral forgets next comes first.
func TestUnfollowed(t *testing.T) {
	now := dayStart(1000)
	calls := sinks.Ledger{990: {ContentHash: "a"}, 991: {ContentHash: "b"}, 992: {ContentHash: "c"}, 993: {}, 800: {ContentHash: "d"}, 801: {ContentHash: "e"}, 700: {ContentHash: "f"}}
	held := sinks.Ledger{990: {Closed: true, Of: "a"}, 991: {Closed: true, Of: "x"}, 700: {Closed: true, Of: "f"}, 801: {Of: "e"}}
	for _, c := range []struct {
		window *Window
		want   []int32
	}{{nil, []int32{991, 992, 801, 800}}, {&Window{700, 991}, []int32{990, 801, 800, 700}}} {
		var got []int32
		for _, d := range unfollowed(calls, held, c.window, now) {
			got = append(got, int32(d))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v: %s", c.window, diff)
		}
	}
}

// TestRecordingsForecast: what a plan expects is one request for each recording that the held calls name, and what is read first may add to it.
func TestRecordingsForecast(t *testing.T) {
	c, lake := newCompany(t, 7, 60, nil), openLake(t, t.TempDir())
	x := withRecordings(&fourDays)
	x.Streams = []string{CallLogStream}
	if tally, err := runExtract(t.Context(), c.client(t), lake, x); err != nil || len(tally.Errs) > 0 {
		t.Fatal(err, tally.Errs)
	}
	x.AccountID, x.Streams = c.AccountID(), []string{RecordingsStream}
	expect := func(requests int) {
		t.Helper()
		out, err := Forecasts(t.Context(), lake, x)
		if err != nil || len(out) != 1 || len(out[0].Days) != 4 || int(out[0].Requests) != requests || out[0].Unknown != 1 || len(out[0].Units) > 0 {
			t.Errorf("want %d requests: %+v, %v", requests, out, err)
		}
	}
	named := len(namedIn(t, lake))
	expect(named)
	tally, err := runExtract(t.Context(), c.client(t), lake, x)
	if err != nil || len(tally.Errs) > 0 || named < 5 {
		t.Fatal(err, tally.Errs, named)
	}
	if s := tally.spending(RecordingsStream); s.Spent != named || s.Predicted != nil {
		t.Errorf("%d recordings are named: %+v", named, s)
	}
	expect(0)
}
