package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline/trunkline/sinks"
)

// deck is a RingCentral of a few calls and recordings, whose answers are the test's.
type deck struct {
	calls  []any             // of the call log
	audio  map[string]string // by recording
	etag   string            // of all of them
	kind   string            // their MIME type
	ranges bool              // whether it serves parts
	cut    int               // bytes after which a connection breaks; 0: never
	status map[string]int    // of recordings that are refused
	asked  []string          // recordings and offsets
}

func (d *deck) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/oauth/token"):
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "token-of-the-deck", "expires_in": 3600})
	case strings.HasSuffix(r.URL.Path, "/call-log"):
		w.Header().Set("X-Rate-Limit-Group", "heavy")
		_ = json.NewEncoder(w).Encode(map[string]any{"uri": "http://127.0.0.1:1/restapi/v1.0/account/7/call-log", "records": d.calls})
	case strings.HasSuffix(r.URL.Path, "/content"):
		d.content(w, r, path.Base(path.Dir(r.URL.Path)))
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{"id": 7})
	}
}

func (d *deck) content(w http.ResponseWriter, r *http.Request, id string) {
	asked := strings.TrimSpace(id + " " + r.Header.Get("Range"))
	d.asked = append(d.asked, asked)
	for name, value := range map[string]string{"Group": "media", "Limit": "3", "Window": "60"} {
		w.Header().Set("X-Rate-Limit-"+name, value)
	}
	if status := d.status[id]; status != 0 {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"errorCode":"CMN-102","message":"Resource for parameter [callRecordingId] is not found"}`))
		return
	}
	whole, from := d.audio[id], 0
	if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); n == 1 && d.ranges {
		if from >= len(whole) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", len(whole)))
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(whole)-1, len(whole)))
	} else {
		from = 0
	}
	w.Header().Set("ETag", d.etag)
	w.Header().Set("Content-Type", d.kind)
	w.Header().Set("Content-Length", fmt.Sprint(len(whole)-from))
	if from > 0 {
		w.WriteHeader(http.StatusPartialContent)
	}
	body := whole[from:]
	if d.cut > 0 && d.cut < len(body) {
		_, _ = w.Write([]byte(body[:d.cut]))
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write([]byte(body))
}

// call is a record that names a recording on itself or, with a leg, there.
func call(id, start, recording string, onLeg bool) map[string]any {
	r := map[string]any{"id": recording, "type": "Automatic", "uri": "https://platform.example/r", "contentUri": "https://media.example/restapi/v1.0/account/7/recording/" + recording + "/content"}
	c := map[string]any{"id": id, "startTime": start, "lastModifiedTime": start, "result": "Accepted", "legs": []any{map[string]any{"legType": "Accept"}}}
	if onLeg {
		c["legs"] = []any{map[string]any{"legType": "Accept"}, map[string]any{"recording": r}}
	} else {
		c["recording"] = r
	}
	return c
}

// player is a lake and the runs that fill it of a deck.
type player struct {
	t     *testing.T
	store *memory
	cache string
	deck  *deck
	now   time.Time
}

func play(t *testing.T, d *deck) *player {
	t.Helper()
	if d.kind == "" {
		d.kind = "audio/mpeg"
	}
	return &player{t, newMemory(), t.TempDir(), d, clock("2026-11-14T12:00:00Z")}
}

func (p *player) lake() *sinks.Lake {
	p.t.Helper()
	lake, err := sinks.Open(p.t.Context(), p.store.open(undisturbed, neverLost), &sinks.LakeOptions{Scratch: p.t.TempDir(), CacheDir: p.cache})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = lake.Close() })
	return lake
}

// run reads the calls of three days and their recordings, and returns what it asked for and what failed.
func (p *player) run() (asked []string, err error) {
	p.t.Helper()
	p.deck.asked = nil
	x := withRecordings(&Window{day("2026-11-10"), day("2026-11-13")})
	x.Now, x.AllowShrink = p.now, true
	tally, err := runExtract(p.t.Context(), clientTo(p.t, direct{p.deck, undisturbed}), p.lake(), x)
	return p.deck.asked, errors.Join(append(tally.Errs, err)...)
}

func (p *player) wantRun(want ...string) {
	p.t.Helper()
	asked, err := p.run()
	if diff := cmp.Diff(want, asked); err != nil || diff != "" {
		p.t.Errorf("%v, asked for (+), expected (-): %s", err, diff)
	}
	if found := findings(p.t, p.store.open(undisturbed, neverLost), Verifying{Deep: true, Now: p.now, Terms: reading(nil).Terms}); len(found) > 0 {
		p.t.Errorf("findings: %v", found)
	}
}

// days are the recordings of the table, each with the day of its partition and its call.
func (p *player) days() map[string]string {
	p.t.Helper()
	out := map[string]string{}
	for d := day("2026-11-09"); d < day("2026-11-14"); d++ {
		rows, err := heldRecordings(p.t.Context(), p.lake(), "7", d)
		if err != nil {
			p.t.Fatal(err)
		}
		for id, r := range rows {
			out[id] += d.FormattedString() + " " + r.CallID
		}
	}
	return out
}

// TestRecordingsMove: a recording follows its call to another day, and one that calls of two days name has one row; none is fetched twice.
func TestRecordingsMove(t *testing.T) {
	p := play(t, &deck{audio: map[string]string{"1": "one", "2": "two", "3": "three"}, calls: []any{
		call("a", "2026-11-10T10:00:00.000Z", "1", false), call("b", "2026-11-11T00:01:00.000Z", "2", true),
		call("c", "2026-11-11T10:00:00.000Z", "3", false), call("d", "2026-11-12T10:00:00.000Z", "3", true),
	}})
	p.wantRun("1", "2", "3")
	if diff := cmp.Diff(map[string]string{"1": "2026-11-10 a", "2": "2026-11-11 b", "3": "2026-11-11 c"}, p.days()); diff != "" {
		t.Error(diff)
	}
	moved := call("b", "2026-11-10T23:59:00.000Z", "2", true)
	moved["lastModifiedTime"] = "2026-11-12T00:00:00.000Z"
	p.deck.calls = []any{p.deck.calls[0], moved, p.deck.calls[2], p.deck.calls[3], call("e", "2026-11-10T09:00:00.000Z", "1", false)}
	p.wantRun()
	if diff := cmp.Diff(map[string]string{"1": "2026-11-10 e", "2": "2026-11-10 b", "3": "2026-11-11 c"}, p.days()); diff != "" {
		t.Error(diff)
	}
	p.wantRun()
}

// TestPiecesOfRecordings: what breaks is gone on with where it ended; another content, or a server that knows no parts, begins anew.
func TestPiecesOfRecordings(t *testing.T) {
	d := &deck{audio: map[string]string{"1": strings.Repeat("0123456789", 5)}, etag: `"a"`, ranges: true, cut: 20, calls: []any{call("a", "2026-11-10T10:00:00.000Z", "1", false)}}
	play(t, d).wantRun("1", "1 bytes=20-", "1 bytes=40-")

	p := play(t, d)
	d.cut = 3
	asked, err := p.run()
	if err == nil || len(asked) != piecesAtMost || asked[1] != "1 bytes=3-" {
		t.Errorf("%v, %v", asked, err)
	}
	d.cut = 0
	p.wantRun("1 bytes=24-")

	p = play(t, d)
	d.cut = 3
	if _, err := p.run(); err == nil {
		t.Error("it came whole")
	}
	d.audio["1"], d.etag, d.cut = strings.Repeat("abcdefghij", 5), `"b"`, 0
	p.wantRun("1 bytes=24-", "1")
	d.audio["1"], d.cut = "short", 0
	if got := string(p.store.objects["recordings/account_id=7/_audio/1.mp3"].bytes); got != strings.Repeat("abcdefghij", 5) {
		t.Errorf("%q", got)
	}

	p = play(t, d)
	leavePart(t, p.lake(), "7", "1") // 15 bytes of something
	p.wantRun("1 bytes=15-", "1")

	d.ranges, d.audio["1"] = false, strings.Repeat("0123456789", 5)
	p = play(t, d)
	leavePart(t, p.lake(), "7", "1")
	p.wantRun("1 bytes=15-")
	if got := string(p.store.objects["recordings/account_id=7/_audio/1.mp3"].bytes); got != d.audio["1"] {
		t.Errorf("%q", got)
	}
}

// TestFailuresOfRecordings: one that fails does not keep the others away, and is asked for again; three in a row end the run.
func TestFailuresOfRecordings(t *testing.T) {
	d := &deck{audio: map[string]string{"1": "1", "2": "2", "3": "3", "4": "4", "5": "5"}, kind: "audio/ogg; codecs=opus", status: map[string]int{"2": 503, "4": 404, "odd": 400}}
	for _, id := range []string{"1", "2", "3", "4", "odd", "a.b"} {
		d.calls = append(d.calls, call("call-"+id, "2026-11-10T10:00:00.000Z", id, false))
	}
	p := play(t, d)
	asked, err := p.run()
	if diff := cmp.Diff([]string{"1", "2", "2", "3", "4", "odd"}, asked); diff != "" {
		t.Error(diff)
	}
	if err == nil || !strings.Contains(err.Error(), "3 of 6 recordings did not come") {
		t.Error(err)
	}
	rows := recordingRows(t, p.lake())
	if r := rows["1"]; len(rows) != 3 || r.ContentType != "audio/ogg" || !strings.HasSuffix(r.Object, "/1.bin") || rows["4"].GoneAt == "" {
		t.Errorf("%+v", rows)
	}
	d.status = map[string]int{}
	if asked, err = p.run(); !cmp.Equal([]string{"2", "odd"}, asked) || err == nil || !strings.Contains(err.Error(), `recording "a.b"`) {
		t.Errorf("%v, %v", asked, err)
	}
	d.calls = d.calls[:4]

	d.status = map[string]int{"1": 503, "2": 503, "3": 503}
	p = play(t, d)
	asked, err = p.run()
	if want := []string{"1", "1", "2", "2", "3", "3"}; !cmp.Equal(want, asked) || err == nil || !strings.Contains(err.Error(), "recording/3/content") {
		t.Errorf("%v, %v", asked, err)
	}
}

// TestRecordingsHaveTheirOwnRate: media requests are held to the rate of the group that answers name, and the call log's is not used up.
func TestRecordingsHaveTheirOwnRate(t *testing.T) {
	d := &deck{audio: map[string]string{}}
	for n := range 7 {
		id := fmt.Sprint(n)
		d.audio[id], d.calls = id, append(d.calls, call("call-"+id, "2026-11-10T10:00:00.000Z", id, false))
	}
	p, client, before := play(t, d), clientTo(t, direct{d, undisturbed}), driven.now()
	x := withRecordings(&Window{day("2026-11-10"), day("2026-11-11")})
	if tally, err := runExtract(t.Context(), client, p.lake(), x); err != nil || len(tally.Errs) > 0 || tally.Streams[0].Fetched != 7 {
		t.Errorf("%v, %+v", err, tally)
	}
	r := client.Requests()
	if r.Groups["Media"] != 7 || r.Groups["Heavy"] > 2 || r.RateLimited > 0 {
		t.Errorf("%+v", r)
	}
	if took := driven.now().Sub(before); took < 2*time.Minute {
		t.Errorf("7 requests at 3 a minute took %s", took)
	}
}

// long answers for audio with many bytes, and passes all else on.
type long struct {
	http.RoundTripper
	bytes int64
}

func (l long) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/content") {
		return l.RoundTripper.RoundTrip(r)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"audio/wav"}}, ContentLength: l.bytes,
		Body: io.NopCloser(io.LimitReader(silence{}, l.bytes)), Request: r}, nil
}

type silence struct{}

func (silence) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestRecordingsAreStreamed: what is allocated for a recording does not follow its size.
func TestRecordingsAreStreamed(t *testing.T) {
	const size = 96 << 20
	d, lake := &deck{calls: []any{call("a", "2026-11-10T10:00:00.000Z", "1", false)}}, openLake(t, t.TempDir())
	run := func(x Extraction) {
		t.Helper()
		if tally, err := runExtract(t.Context(), clientTo(t, long{direct{d, undisturbed}, size}), lake, x); err != nil || len(tally.Errs) > 0 {
			t.Fatal(err, tally.Errs)
		}
	}
	run(reading(&Window{day("2026-11-10"), day("2026-11-11")}))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run(onlyRecordings(nil))
	runtime.ReadMemStats(&after)
	if r := recordingRows(t, lake)["1"]; r.Bytes == nil || *r.Bytes != size {
		t.Errorf("%+v", r)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > size/2 {
		t.Errorf("%d bytes were allocated for a recording of %d", n, size)
	}
}
