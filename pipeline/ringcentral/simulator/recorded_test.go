package simulator_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

func recorded(t *testing.T, files ...simulator.Recording) *bench {
	t.Helper()
	return open(t, simulator.Options{Recorded: files})
}

func file(name, body string) simulator.Recording {
	return simulator.Recording{Name: name, Body: []byte(body)}
}

// always is a window that holds every recording of the tests.
const always = "?dateFrom=2000&dateTo=2030&perPage=max"

func TestRecordedAreServedByteForByte(t *testing.T) {
	var files []simulator.Recording
	var want []string
	for _, name := range []string{"call-log-page-simple", "own-call-log-page-detailed", "own-call-log-page-simple",
		"record-detailed", "record-simple", "sync-full", "sync-incremental", "extract-sync"} {
		body := read(t, "testdata/"+name+".json")
		files = append(files, simulator.Recording{Name: name, Body: body})
		want = append(want, recordsIn(t, body)...)
	}
	b := recorded(t, files...)
	checkServed(t, b, want)
}

// recordsIn takes the records out of a page or gives the record itself, with the bytes of the file.
func recordsIn(t *testing.T, body []byte) []string {
	t.Helper()
	p := decode[struct{ Records []json.RawMessage }](t, body)
	if p.Records == nil {
		return []string{string(bytes.TrimSpace(body))}
	}
	return texts(p.Records)
}

// checkServed: both logs, both views and the ids give what is wanted, in any order, newest first.
func checkServed(t *testing.T, b *bench, want []string) {
	t.Helper()
	slices.Sort(want)
	for _, path := range []string{callLog + always, callLog + always + "&view=Detailed", ownLog + always} {
		page := b.page(path)
		got := texts(page.Records)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		last := "9999"
		for _, c := range decodeAll[struct{ StartTime string }](t, page.Records) {
			if c.StartTime > last {
				t.Errorf("%s: %s comes after %s", path, c.StartTime, last)
			}
			last = orLast(c.StartTime, last)
		}
	}
	for _, record := range want {
		id := decode[struct{ ID string }](t, []byte(record)).ID
		if answer := b.get(callLog + "/" + id); !slices.Contains(want, string(answer.body)) {
			t.Errorf("%s: %s: %s", id, answer.Status, answer.body)
		}
	}
	truths := texts(truth(b.Simulator, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), noon()))
	slices.Sort(truths)
	if diff := cmp.Diff(want, truths); diff != "" {
		t.Errorf("Records: %s", diff)
	}
}

// orLast passes over a record without startTime.
func orLast(start, last string) string {
	if start == "" {
		return last
	}
	return start
}

func TestRecordedForms(t *testing.T) {
	one := `{"id":"a","startTime":"2026-03-01T10:00:00.000Z",  "x": 1e400}`
	two := `{"id":"b","startTime":"2026-03-01T11:00:00.972+0000","extension":{"id":"7"}}`
	for name, body := range map[string]string{
		"array":             `[` + one + `,` + two + `]`,
		"page":              `{"records":[` + one + `, ` + two + "]}\n",
		"lines":             one + "\n" + two + "\n",
		"lines of pages":    `{"records":[` + one + `]}` + "\n" + `{"records":[` + two + `]}`,
		"array of pages":    `[{"records":[` + one + `]},[` + two + `]]`,
		"byte order mark":   "\xef\xbb\xbf" + one + two,
		"an empty page too": `{"records":[]}` + one + two,
	} {
		b := recorded(t, file(name, body))
		got := texts(b.page(callLog + always).Records)
		if diff := cmp.Diff([]string{two, one}, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	b := recorded(t, file("x", one), file("again", one))
	if n := len(b.page(callLog + always).Records); n != 2 {
		t.Errorf("a record recorded twice is served %d times", n)
	}
	if n := len(b.page(account + "/extension").Records); n != 1 {
		t.Errorf("%d extensions, want the administrator", n)
	}
	p := b.page(callLog + "?dateFrom=2026-03-01T10:00:00Z&dateTo=2026-03-01T10:00:00Z&perPage=1&page=2")
	if len(p.Records) != 1 || !strings.Contains(p.Navigation["previousPage"].URI, "page=1") {
		t.Errorf("%+v", p)
	}
}

func TestRecordedWithoutStart(t *testing.T) {
	with, without := `{"id":"a","startTime":"2026-03-01T10:00:00Z"}`, `{"id":"b"}`
	for _, body := range []string{with + without, without + with} {
		b := recorded(t, file("page.json", body))
		p := b.page(callLog + "?dateFrom=2026-03-01T10:00:00Z&dateTo=2026-03-01T10:00:00Z")
		if len(p.Records) != 2 {
			t.Errorf("%s: %s", body, p.Records)
		}
	}
}

func TestRecordedRefused(t *testing.T) {
	for body, want := range map[string]string{
		"":                                 "calls.json: line 1, byte 0: the file is empty",
		`{"id":"a"}`:                       "calls.json: line 1, byte 0: no record in the file has a startTime",
		`{"id":"a","startTime":"at noon"}`: "no record in the file has a startTime",
		"{\"id\":\"a\"}\n{\"id\":,}":       "calls.json: line 2, byte 18: invalid character ','",
		`{"records":[{"id":"a"`:            "byte 21: unexpected EOF",
		"{\"records\":[]}\n\n[1]":          "line 3, byte 16: element 0: 1 is neither an object nor an array",
		`{"records":{}}`:                   "member records",
		`"text"`:                           "is neither an object nor an array",
	} {
		_, err := simulator.New(&simulator.Options{Recorded: []simulator.Recording{file("calls.json", body)}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "give a call record") {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

// The published call log samples are served byte for byte, if a variable names their directory.
func TestPublishedSamples(t *testing.T) {
	directory := os.Getenv("TRUNKLINE_SAMPLES")
	if directory == "" {
		t.Skip("not checked: TRUNKLINE_SAMPLES does not name a directory of published samples")
	}
	var files []simulator.Recording
	var want []string
	for _, path := range slices.Concat(glob(t, directory, "*call-log*.json"), glob(t, directory, "*record-*.json")) {
		body := read(t, path)
		files = append(files, simulator.Recording{Name: filepath.Base(path), Body: body})
		want = append(want, recordsIn(t, body)...)
	}
	t.Logf("%d files, %d records", len(files), len(want))
	checkServed(t, recorded(t, files...), want)
}

func glob(t *testing.T, directory, pattern string) []string {
	t.Helper()
	return files(t, filepath.Join(directory, pattern))
}
