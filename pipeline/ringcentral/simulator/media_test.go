package simulator_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

type taped struct {
	ID        string
	Recording *struct{ ID, URI, ContentURI string }
	Duration  int
}

// recordings are the calls of a window that have one, as they are now.
func recordings(t *testing.T, s *simulator.Simulator, from, to time.Time) []taped {
	t.Helper()
	var all []taped
	for _, c := range decodeAll[taped](t, truth(s, from, to)) {
		if c.Recording != nil {
			all = append(all, c)
		}
	}
	return all
}

func path(uri string) string {
	_, after, _ := strings.Cut(uri, ".example")
	return after
}

func TestRecordings(t *testing.T) {
	for _, o := range []simulator.Options{small(), alive()} {
		o.CallsPerDay = 400
		b := open(t, o)
		gone, formats := 0, map[string]int{}
		all := recordings(t, b.Simulator, day(16), day(18))
		for _, c := range all {
			details, content := b.get(path(c.Recording.URI)), b.get(path(c.Recording.ContentURI))
			kind, truth := b.Audio(c.Recording.ID)
			if truth == nil {
				gone++
				details.mustBe(t, 404, "CMN-102")
				content.mustBe(t, 404, "CMN-102")
				continue
			}
			m := decode[struct {
				ID, ContentURI, ContentType string
				Duration                    int
			}](t, details.body)
			if m.ID != c.Recording.ID || m.ContentURI != c.Recording.ContentURI || m.ContentType != kind || m.Duration != c.Duration ||
				!strings.HasPrefix(m.ContentURI, "https://media.ringcentral.example/") {
				t.Errorf("%s of %+v", details.body, c)
			}
			h := content.Header
			if content.StatusCode != 200 || !bytes.Equal(content.body, truth) || h.Get("Content-Type") != kind || h.Get("Accept-Ranges") != "bytes" ||
				h.Get("Content-Length") != fmt.Sprint(len(truth)) || h.Get("X-Rate-Limit-Group") != "heavy" || h.Get("Content-Encoding") != "" {
				t.Errorf("%s: %s %v", c.Recording.ContentURI, content.Status, h)
			}
			checkAudio(t, kind, truth)
			formats[kind]++
		}
		if share := float64(gone) / float64(len(all)); share < 0.005 || share > 0.06 {
			t.Errorf("%d of %d are gone", gone, len(all))
		}
		if formats["audio/x-wav"] <= formats["audio/mpeg"] || formats["audio/mpeg"] == 0 {
			t.Errorf("%v", formats)
		}
	}
}

// checkAudio reads a file as a player would, by what the formats say.
func checkAudio(t *testing.T, kind string, b []byte) {
	t.Helper()
	if len(b) < 20_000 || len(b) > 64<<10 {
		t.Errorf("%d bytes of %s", len(b), kind)
	}
	if kind == "audio/mpeg" {
		for at := 0; at < len(b); at += 72 {
			if len(b)-at < 72 || !bytes.Equal(b[at:at+4], []byte{0xff, 0xf3, 0x28, 0xc0}) {
				t.Errorf("no frame at %d of %d", at, len(b))
				return
			}
		}
		return
	}
	var head struct {
		RIFF             [4]byte
		Size             uint32
		WAVE, Fmt        [4]byte
		FmtSize          uint32
		Format, Channels uint16
		Rate, ByteRate   uint32
		Align, Bits      uint16
		Data             [4]byte
		DataSize         uint32
	}
	if err := binary.Read(bytes.NewReader(b), binary.LittleEndian, &head); err != nil {
		t.Fatal(err)
	}
	if string(head.RIFF[:])+string(head.WAVE[:])+string(head.Fmt[:])+string(head.Data[:]) != "RIFFWAVEfmt data" ||
		int(head.Size) != len(b)-8 || int(head.DataSize) != len(b)-44 || head.FmtSize != 16 || head.Format != 1 || head.Channels != 1 ||
		head.Rate != 8000 || head.ByteRate != 8000 || head.Align != 1 || head.Bits != 8 {
		t.Errorf("%+v of %d bytes", head, len(b))
	}
}

func TestRanges(t *testing.T) {
	b := open(t, small())
	var uri, id string
	var whole []byte
	for _, c := range recordings(t, b.Simulator, day(16), day(18)) {
		if _, content := b.Audio(c.Recording.ID); content != nil {
			uri, id, whole = path(c.Recording.ContentURI), c.Recording.ID, content
			break
		}
	}
	size := len(whole)
	for text, want := range map[string]struct{ status, first, last int }{
		"bytes=0-0": {206, 0, 0}, "bytes=100-199": {206, 100, 199}, "bytes=1000-": {206, 1000, size - 1}, "bytes=-10": {206, size - 10, size - 1},
		"bytes=0-999999999": {206, 0, size - 1}, "bytes=-999999999": {206, 0, size - 1}, fmt.Sprintf("bytes=%d-", size-1): {206, size - 1, size - 1},
		"": {200, 0, size - 1}, "bytes=5-4": {200, 0, size - 1}, "bytes=0-1,4-5": {200, 0, size - 1}, "lines=0-1": {200, 0, size - 1},
		"bytes=x-": {200, 0, size - 1}, "bytes=-": {200, 0, size - 1},
	} {
		answer := b.do("GET", uri, "", "Authorization", "Bearer "+b.token, "Range", text)
		if answer.StatusCode != want.status || !bytes.Equal(answer.body, whole[want.first:want.last+1]) {
			t.Errorf("%q: %s, %d bytes", text, answer.Status, len(answer.body))
		}
		said := ""
		if want.status == 206 {
			said = fmt.Sprintf("bytes %d-%d/%d", want.first, want.last, size)
		}
		if got := answer.Header.Get("Content-Range"); got != said {
			t.Errorf("%q: Content-Range %q, want %q", text, got, said)
		}
	}
	before := b.AudioSent()[id]
	for _, text := range []string{fmt.Sprintf("bytes=%d-", size), "bytes=-0", "bytes=99999999-"} {
		answer := b.do("GET", uri, "", "Authorization", "Bearer "+b.token, "Range", text)
		answer.mustBe(t, 416, "CMN-107")
		if got := answer.Header.Get("Content-Range"); got != fmt.Sprintf("bytes */%d", size) {
			t.Errorf("%q: Content-Range %q", text, got)
		}
	}
	if after := b.AudioSent()[id]; before <= int64(size) || after != before {
		t.Errorf("%d bytes were sent, and by refusals %d", before, after-before)
	}
}

func TestAudioSentCountsEachByte(t *testing.T) {
	b := open(t, small())
	if n := len(b.AudioSent()); n != 0 {
		t.Errorf("%d recordings before anybody asked", n)
	}
	want := map[string]int64{}
	for i, c := range recordings(t, b.Simulator, day(17), day(18)) {
		b.get(path(c.Recording.URI))
		for range i % 3 {
			b.get(path(c.Recording.ContentURI))
		}
		if _, content := b.Audio(c.Recording.ID); content != nil && i%3 > 0 {
			want[c.Recording.ID] = int64(i % 3 * len(content))
		}
	}
	if diff := cmp.Diff(want, b.AudioSent()); diff != "" || len(want) == 0 {
		t.Error(diff)
	}
}

// A recording is there when its call names it, not before, and stays when the call is deleted.
func TestRecordingsComeLater(t *testing.T) {
	o := alive()
	o.CallsPerDay = 300
	b := open(t, o)
	later, deleted := 0, 0
	for _, versions := range histories(newSimulator(t, simulator.Options{Population: o.Population, Now: longAfter}), day(19), day(24)) {
		i := slices.IndexFunc(versions, func(v simulator.Version) bool { return bytes.Contains(v.JSON, []byte(`"recording"`)) })
		if i < 1 {
			continue
		}
		c := decode[taped](t, versions[i].JSON)
		b.clock.now = versions[i].At.Add(-time.Millisecond)
		if kind, content := b.Audio(c.Recording.ID); content != nil {
			t.Errorf("%s of %s before the call names it", kind, c.ID)
		}
		b.clock.advance(time.Millisecond)
		if _, content := b.Audio(c.Recording.ID); content == nil {
			continue // gone
		}
		later++
		last := versions[len(versions)-1]
		b.clock.now = last.At
		if _, content := b.Audio(c.Recording.ID); content == nil {
			t.Errorf("%s lost its recording", c.ID)
		}
		if last.Deleted {
			deleted++
		}
	}
	if later == 0 || deleted == 0 {
		t.Errorf("%d recordings came later, %d of deleted calls", later, deleted)
	}
}

func TestRecordingRefusals(t *testing.T) {
	o := small()
	o.Restricted = true
	restricted := open(t, o)
	o.Restricted, o.WithoutScopes = false, []string{"ReadCallRecording"}
	narrow := open(t, o)
	b := open(t, small())
	from := open(t, simulator.Options{Recorded: []simulator.Recording{{Name: "r", Body: []byte(
		`{"id":"a","startTime":"2026-11-17T10:00:00Z","recording":{"id":"2000000000004"}}`)}}})
	for _, end := range []string{"", "/content"} {
		restricted.get(account+"/recording/2000000000004"+end).refusedFor(t, "CMN-408", "ReadCallRecording")
		narrow.get(account+"/recording/2000000000004"+end).refusedFor(t, "CMN-401", "ReadCallRecording")
		for _, id := range []string{"x", "1", "2000000000004", "9223372036854775807", "-4", "1000000000004"} {
			b.get(account+"/recording/"+id+end).mustBe(t, 404, "CMN-102")
		}
		from.get(account+"/recording/2000000000004"+end).mustBe(t, 404, "CMN-102")
	}
}

// The content comes on any host, as the media host is the same listener.
func TestAnyHostServesContent(t *testing.T) {
	b := open(t, small())
	for _, c := range recordings(t, b.Simulator, day(17), day(18)) {
		_, want := b.Audio(c.Recording.ID)
		if want == nil {
			continue
		}
		r, err := http.NewRequest("GET", b.url+path(c.Recording.ContentURI), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "media.ringcentral.example"
		r.Header.Set("Authorization", "Bearer "+b.token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if got, err := io.ReadAll(answer.Body); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v, %d bytes", err, len(got))
		}
		return
	}
	t.Error("no recording")
}
