package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sinks/disk"
)

// told is a version of a call record that a scripted RingCentral tells from some instant on.
type told struct {
	at, id, start, result string
	deleted               bool
}

// scripted is what happens to a small company's call log: calls come, one gets its result late, one moves to the day before, one to
// the day after, one is deleted, and one is deleted after it moved.
var scripted = []told{
	{"2026-11-08T10:05:00Z", "a", "2026-11-08T10:00:00Z", "Missed", false},
	{"2026-11-09T10:05:00Z", "b", "2026-11-09T10:00:00Z", "Missed", false},
	{"2026-11-10T00:05:00Z", "moves-back", "2026-11-10T00:00:01Z", "Missed", false},
	{"2026-11-10T10:05:00Z", "dies", "2026-11-10T10:00:00Z", "Accepted", false},
	{"2026-11-10T23:55:00Z", "moves-on", "2026-11-10T23:50:00Z", "Missed", false},
	{"2026-11-11T09:05:00Z", "moves-and-dies", "2026-11-11T09:00:00Z", "Missed", false},
	{"2026-11-11T10:05:00Z", "late", "2026-11-11T10:00:00Z", "", false},
	{"2026-11-11T12:30:00Z", "late", "2026-11-11T10:00:00Z", "Accepted", false},
	{"2026-11-11T13:00:00Z", "moves-back", "2026-11-09T23:59:59Z", "Missed", false},
	{"2026-11-11T13:00:01Z", "moves-on", "2026-11-11T00:00:10Z", "Missed", false},
	{"2026-11-11T13:00:02Z", "dies", "2026-11-10T10:00:00Z", "", true},
	{"2026-11-11T13:00:03Z", "moves-and-dies", "2026-11-12T00:00:03Z", "Missed", false},
	{"2026-11-11T15:00:00Z", "c", "2026-11-11T14:00:00Z", "Missed", false},
	{"2026-11-12T09:00:00Z", "d", "2026-11-12T08:00:00Z", "Missed", false},
	{"2026-11-12T13:00:00Z", "moves-and-dies", "2026-11-12T00:00:03Z", "", true},
}

// script is a RingCentral that tells them.
type script struct{ now time.Time }

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	w.Header().Set("X-Rate-Limit-Group", "heavy")
	w.Header().Set("X-Rate-Limit-Limit", "1000")
	w.Header().Set("X-Rate-Limit-Remaining", "900")
	w.Header().Set("X-Rate-Limit-Window", "60")
	var answer map[string]any
	switch _, last, _ := strings.Cut(r.URL.Path, "/account/~"); {
	case strings.HasSuffix(r.URL.Path, "/oauth/token"):
		answer = map[string]any{"access_token": "t", "expires_in": 3600}
	case strings.HasSuffix(r.URL.Path, "/call-log"):
		answer = s.records(func(v told) bool { return v.start >= q.Get("dateFrom") && v.start <= q.Get("dateTo") })
	case strings.HasSuffix(r.URL.Path, "/call-log-extract-sync"):
		since := q.Get("dateFrom") + q.Get("syncToken")
		answer = s.records(func(v told) bool { return v.at > since })
		at := s.now.Format(time.RFC3339)
		answer["syncInfo"] = map[string]any{"syncType": q.Get("syncType"), "syncToken": at, "syncTime": at, "newerRecordsExist": false}
	default:
		answer = map[string]any{"id": 7, "rest": last}
	}
	_ = json.NewEncoder(w).Encode(answer) // into memory
}

// records is a page of the records whose current version is wanted.
func (s *script) records(want func(told) bool) map[string]any {
	current := map[string]told{}
	for _, v := range scripted {
		if v.at <= s.now.Format(time.RFC3339) {
			current[v.id] = v
		}
	}
	records := []any{}
	for _, id := range slices.Sorted(maps.Keys(current)) {
		v := current[id]
		if !want(v) {
			continue
		}
		record := map[string]any{"id": id, "startTime": v.start, "lastModifiedTime": v.at}
		if v.deleted {
			record["deleted"] = true
		} else {
			record["result"], record["legs"] = v.result, []any{map[string]any{"legType": "Accept", "result": v.result}}
		}
		records = append(records, record)
	}
	return map[string]any{"uri": "http://127.0.0.1:1/restapi/v1.0/account/7/call-log", "records": records}
}

// phase is one execution of the command in the history.
type phase struct {
	name   string
	at     string
	before func(t *testing.T, g ground) // what becomes of the lake before it; nil: nothing
	run    func(ctx context.Context, c *ringcentral.Client, lake *sinks.Lake, now time.Time) error
}

func extracting(window *Window) func(context.Context, *ringcentral.Client, *sinks.Lake, time.Time) error {
	return func(ctx context.Context, c *ringcentral.Client, lake *sinks.Lake, now time.Time) error {
		x := Extraction{AccountID: OwnAccount, Strategy: StrategyAuto, Window: window, Terms: Terms{Since: 72 * time.Hour, Lookback: 72 * time.Hour},
			RunID: "run", Now: now, Clock: func() time.Time { return now }, PollAnyway: true}
		tally, err := runExtract(ctx, c, lake, x)
		return errors.Join(append(tally.Errs, err)...)
	}
}

func rebuilding7(ctx context.Context, _ *ringcentral.Client, lake *sinks.Lake, now time.Time) error {
	for event, err := range Rebuild(ctx, lake, Rebuilding{AccountID: "7", Terms: Terms{Lookback: 72 * time.Hour}, Now: now}) {
		if err != nil {
			return err
		}
		if event.Failed != nil {
			return event.Failed.Err
		}
	}
	return nil
}

var history = []phase{
	{name: "first", at: "2026-11-11T12:00:00Z", run: extracting(nil)},
	{name: "second", at: "2026-11-12T12:00:00Z", run: extracting(nil)},
	{name: "window", at: "2026-11-12T13:30:00Z", run: extracting(&Window{day("2026-11-10"), day("2026-11-13")})},
	{name: "rebuild", at: "2026-11-12T14:00:00Z", before: losing("call_log/account_id=7/start_date=2026-11-11/call_log.parquet"), run: rebuilding7},
}

// losing loses an object.
func losing(key string) func(*testing.T, ground) {
	return func(t *testing.T, g ground) {
		t.Helper()
		b := g.open(t)
		defer b.Close()
		if err := b.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
}

// ground is where a lake lies, so that a history can begin again from any point of it.
type ground interface {
	open(t *testing.T) *blob.Bucket // over what is there
	copy(t *testing.T) ground
}

func (m *memory) opened(*testing.T) *blob.Bucket {
	return m.open(func(string) error { return nil }, func() bool { return false })
}

type inMemory struct{ *memory }

func (m inMemory) open(t *testing.T) *blob.Bucket { return m.opened(t) }
func (m inMemory) copy(*testing.T) ground {
	return inMemory{&memory{objects: maps.Clone(m.objects), writes: m.writes}}
}

type onDisk string

func (d onDisk) open(t *testing.T) *blob.Bucket {
	t.Helper()
	b, err := disk.OpenBucket(string(d))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (d onDisk) copy(t *testing.T) ground {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(string(d))); err != nil {
		t.Fatal(err)
	}
	return onDisk(to)
}

// ending is how a process ends: at which of its changes to the bucket (from 1; 0: at none), and how.
type ending struct {
	change int
	how    string
}

const (
	diesBefore = "dies before it"
	diesAfter  = "dies when it is done"
	answerLost = "lives on without its answer"
)

// live lives one phase and returns how many changes it made, and its error.
func (p phase) live(t *testing.T, g ground, e ending) (changes int, err error) {
	t.Helper()
	dead := false
	before := func(change string) error {
		if change != "" && !dead {
			changes++
			dead = e.how == diesBefore && changes == e.change
		}
		if dead {
			return errKilled
		}
		return nil
	}
	after := func() error {
		if changes != e.change || e.how == diesBefore {
			return nil
		}
		if e.how == answerLost {
			return fmt.Errorf("the answer: %w", syscall.ECONNRESET)
		}
		dead = true
		return errKilled
	}
	bucket := watch(g.open(t), before, after)
	defer bucket.Close()
	lake, err := sinks.Open(t.Context(), bucket, &sinks.LakeOptions{Scratch: t.TempDir()})
	if err != nil {
		return changes, err
	}
	defer lake.Close()
	server := &script{now: clock(p.at)}
	now := server.now
	client, err := ringcentral.New(ringcentral.Credentials{ServerURL: "http://127.0.0.1:1", ClientID: "id", ClientSecret: "secret", JWT: "jwt"},
		&ringcentral.Options{HTTPClient: &http.Client{Transport: direct{server, func(string) error { return before("") }}}, Tries: 1,
			Clock: ringcentral.Clock{Now: func() time.Time { return now }, Sleep: func(ctx context.Context, d time.Duration) error {
				now = now.Add(d)
				return ctx.Err()
			}}})
	if err != nil {
		t.Fatal(err)
	}
	err = p.run(t.Context(), client, lake, server.now)
	return changes, err
}

// tableOf is the rows of all partitions by key, and what a deep verification finds.
func tableOf(t *testing.T, g ground, at string) (rows map[string][]string, found []Finding) {
	t.Helper()
	b := g.open(t)
	defer b.Close()
	found = findings(t, b, Verifying{Deep: true, Now: clock(at), Terms: Terms{Lookback: 72 * time.Hour}})
	rows = map[string][]string{}
	eachObject(t, b, "call_log/", func(key string, text []byte) {
		batch, err := sinks.ReadParquet(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		if batch.NumRows() > 0 {
			rows[key] = encode(t, batch)
		}
	})
	return rows, found
}

// findings verifies the lake in a bucket.
func findings(t *testing.T, b *blob.Bucket, v Verifying) []Finding {
	t.Helper()
	lake, err := sinks.Open(t.Context(), b, &sinks.LakeOptions{Scratch: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer lake.Close()
	done, err := Verify(t.Context(), lake, v)
	if err != nil {
		t.Fatal(err)
	}
	return done.Findings
}

// eachObject visits the objects of a bucket whose keys begin so.
func eachObject(t testing.TB, b *blob.Bucket, prefix string, visit func(key string, text []byte)) {
	t.Helper()
	for list := b.List(&blob.ListOptions{Prefix: prefix}); ; {
		one, err := list.Next(t.Context())
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := b.ReadAll(t.Context(), one.Key)
		if err != nil {
			t.Fatal(err)
		}
		visit(one.Key, text)
	}
}

var allCrashes = flag.Bool("crashes", false, "every way to end at every change, on all kinds of stores, where a part of them is usual")

// TestCrashPoints lives the history once undisturbed, and then each phase of it again for each change that it makes to the bucket:
// it dies before the change, and dies when it is done or lives on without its answer. Each time the next run must complete, the lake
// must be as a deep verification wants it, and its rows those of the undisturbed one.
func TestCrashPoints(t *testing.T) {
	if underRace {
		t.Skip("it ends runs hundreds of times: .ci/run tries it without the race detector")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // lakes are small and short-lived
	t.Run("memory", func(t *testing.T) {
		lake := inMemory{newMemory()}
		crashPoints(t, lake, history, tableOf, everyChange)
		checkEndOfHistory(t, lake)
	})
	t.Run("directory", func(t *testing.T) {
		lake := onDisk(t.TempDir())
		crashPoints(t, lake, history, tableOf, func(n int) []string {
			return [][]string{{diesBefore}, nil, {diesAfter}, nil, {answerLost}, nil}[n%6]
		})
		checkEndOfHistory(t, lake)
	})
}

// everyChange names the ways to end at a change: before it, and when it is done, after which in both ways nobody is told.
func everyChange(n int) []string {
	return []string{diesBefore, []string{diesAfter, answerLost}[n%2]}
}

// crashPoints lives a history undisturbed, and each phase again for each of its changes and each of the ways to end there.
// What is compared, with what is found wrong, is of look.
func crashPoints(t *testing.T, lake ground, history []phase, look func(*testing.T, ground, string) (map[string][]string, []Finding), endings func(change int) []string) {
	total := 0
	for _, p := range history {
		if p.before != nil {
			p.before(t, lake)
		}
		start := lake.copy(t)
		changes, err := p.live(t, lake, ending{})
		if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		want, found := look(t, lake, p.at)
		if len(found) > 0 || changes == 0 {
			t.Fatalf("%s, undisturbed: %d changes; found %v", p.name, changes, found)
		}
		t.Run(p.name, func(t *testing.T) {
			for n := 1; n <= changes; n++ {
				ways := endings(total + n)
				if *allCrashes {
					ways = []string{diesBefore, diesAfter, answerLost}
				}
				for _, how := range ways {
					t.Run(fmt.Sprint(n, how), func(t *testing.T) {
						t.Parallel()
						g := start.copy(t)
						p.crash(t, g, ending{n, how})
						got, found := look(t, g, p.at)
						for _, f := range found {
							t.Errorf("%+v", f)
						}
						if diff := cmp.Diff(want, got); diff != "" {
							t.Errorf("other rows (+) than undisturbed (-):\n%s", diff)
						}
					})
				}
			}
		})
		total += changes
	}
	t.Logf("%d changes", total)
}

// crash lives a phase to a bad end, and then again.
func (p phase) crash(t *testing.T, g ground, e ending) {
	t.Helper()
	if _, err := p.live(t, g, e); err == nil && e.how == diesBefore {
		t.Error("it did not notice")
	}
	if _, err := p.live(t, g, ending{}); err != nil {
		t.Fatalf("the next run: %v", err)
	}
}

// checkEndOfHistory: what the script tells has come to the lake, so that the test is about something.
func checkEndOfHistory(t *testing.T, g ground) {
	t.Helper()
	rows, _ := tableOf(t, g, "2026-11-13T12:00:00Z")
	var all bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintln(&all, filepath.Base(filepath.Dir(key)))
		for _, row := range rows[key] {
			fmt.Fprintln(&all, row)
		}
	}
	for _, want := range []string{"start_date=2026-11-09\n", `"moves-back","startTime":"2026-11-09T23:59:59`, `"moves-on","startTime":"2026-11-11T00:00:10`, `"result":"Accepted"`, `"deleted":true`} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("%s is not in the lake:\n%s", want, all.String())
		}
	}
	if n := strings.Count(all.String(), `"deleted":true`); n != 2 {
		t.Errorf("%d tombstones:\n%s", n, all.String())
	}
}
