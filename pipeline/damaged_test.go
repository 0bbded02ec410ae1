package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/sinks"
)

// spoiled turns bytes of the footer of a day's object over, whose size stays.
func spoiled(t *testing.T, g ground, date string) {
	t.Helper()
	b := g.open(t)
	defer b.Close()
	key := sinks.PartitionKey(CallLogStream, "7", day(date))
	content, err := b.ReadAll(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	content = bytes.Clone(content)
	for i := len(content) - 60; i < len(content)-8; i++ {
		content[i] ^= 0xff
	}
	if err := b.Upload(t.Context(), key, bytes.NewReader(content), &blob.WriterOptions{ContentType: "application/octet-stream"}); err != nil {
		t.Fatal(err)
	}
}

// filled is a lake with the days of the first phase, each read by a run of its own, so that each is in the archive, and the change feed.
func filled(t *testing.T) ground {
	t.Helper()
	g := ground(inMemory{newMemory()})
	days := Window{day("2026-11-08"), day("2026-11-12")}.Days()
	for i, d := range days {
		p := phase{at: fmt.Sprintf("2026-11-11T11:5%d:00Z", i), run: extracting(&Window{d, d + 1})}
		if _, err := p.live(t, g, ending{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := history[0].live(t, g, ending{}); err != nil {
		t.Fatal(err)
	}
	return g
}

// TestDamagedDay: a damaged day that changed fails alone, also where the change feed tells of it; a replay of the archive repairs it,
// and the next run brings what the feed told.
func TestDamagedDay(t *testing.T) {
	undamaged, damaged, second := filled(t), filled(t), history[1]
	if _, err := second.live(t, undamaged, ending{}); err != nil {
		t.Fatal(err)
	}
	want, _ := tableOf(t, undamaged, second.at)
	spoiled(t, damaged, "2026-11-10")
	var damage *sinks.DamagedError
	_, err := second.live(t, damaged, ending{})
	if !errors.As(err, &damage) || !strings.Contains(err.Error(), "change feed: day 2026-11-10: ") {
		t.Fatalf("the run: %v", err)
	}
	rebuild := phase{name: "rebuild", at: second.at, run: rebuilding7}
	if _, err := rebuild.live(t, damaged, ending{}); err != nil {
		t.Fatalf("the replay: %v", err)
	}
	if _, found := tableOf(t, damaged, second.at); len(found) > 0 {
		t.Errorf("after the replay: %+v", found)
	}
	if _, err := second.live(t, damaged, ending{}); err != nil {
		t.Fatalf("the next run: %v", err)
	}
	got, found := tableOf(t, damaged, second.at)
	if diff := cmp.Diff(want, got); diff != "" || len(found) > 0 {
		t.Errorf("%s%+v", diff, found)
	}
}

// TestDamagedDayThatWasLeft: where a run ended while it wrote a day, and the object is damaged, the ledger may not know all that it held: no
// read and no replay replaces it, and the other days go on.
func TestDamagedDayThatWasLeft(t *testing.T) {
	g := filled(t)
	b := g.open(t)
	defer b.Close()
	lake := lakeOver(t, b)
	entry := ledgerOf(t, lake, "7")[day("2026-11-10")]
	known := sinks.Ledger{day("2026-11-10"): entry}
	entry.Writing, entry.WritingBy = true, unarchived
	if err := lake.WriteLedger(t.Context(), "7", CallLogStream, sinks.Ledger{day("2026-11-10"): entry}, known); err != nil {
		t.Fatal(err)
	}
	spoiled(t, g, "2026-11-10")
	var tally Tally
	again := phase{name: "again", at: "2026-11-11T12:10:00Z", run: func(ctx context.Context, c *ringcentral.Client, lake *sinks.Lake, now time.Time) (err error) {
		x := Extraction{AccountID: OwnAccount, Window: &Window{day("2026-11-09"), day("2026-11-12")}, Terms: Terms{Lookback: 72 * time.Hour}, RunID: "again", Now: now}
		tally, err = runExtract(ctx, c, lake, x)
		return err
	}}
	if _, err := again.live(t, g, ending{}); err != nil {
		t.Fatal(err)
	}
	if len(tally.Done) != 2 || !slices.Contains(tally.Failed, day("2026-11-10")) || len(tally.Errs) == 0 ||
		!strings.Contains(tally.Errs[0].Error(), "day 2026-11-10, which an earlier run left: ") {
		t.Errorf("%+v", tally)
	}
	for _, event := range replayed(t, lake) {
		if event.Failed != nil {
			if !strings.Contains(event.Failed.Err.Error(), "move the object to where it can be kept") {
				t.Error(event.Failed.Err)
			}
			return
		}
	}
	t.Error("the replay did not say that it cannot repair the day")
}

func replayed(t *testing.T, lake *sinks.Lake) (events []Event) {
	t.Helper()
	for event, err := range Rebuild(t.Context(), lake, Rebuilding{AccountID: "7", Terms: Terms{Lookback: 72 * time.Hour}, Now: simulated}) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, event)
	}
	return events
}
