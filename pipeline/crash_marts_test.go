package pipeline

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// transforming brings the marts up to date, with local dates of the zone.
func transforming(zone string) func(context.Context, *ringcentral.Client, *sinks.Lake, time.Time) error {
	return func(ctx context.Context, _ *ringcentral.Client, lake *sinks.Lake, _ time.Time) (err error) {
		location, err := time.LoadLocation(zone)
		if err != nil {
			return err
		}
		engine, err := sql.Open(ctx, &sql.Options{Timezone: zone, TempDir: lake.Scratch(), Threads: 1})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, engine.Close()) }()
		_, err = Transform(ctx, lake, engine, location)
		return err
	}
}

// living lives a phase, undisturbed.
func living(p phase) func(*testing.T, ground) {
	return func(t *testing.T, g ground) {
		t.Helper()
		if _, err := p.live(t, g, ending{}); err != nil {
			t.Fatal(err)
		}
	}
}

// martHistory makes partitions of marts, replaces some and adds others, and in the end removes those of a local date that no
// held day overlaps any more.
var martHistory = []phase{
	{name: "first", at: "2026-11-11T12:10:00Z", before: living(history[0]), run: transforming("Pacific/Pago_Pago")},
	{name: "changed", at: "2026-11-12T12:10:00Z", before: living(history[1]), run: transforming("Pacific/Pago_Pago")},
	{name: "zone", at: "2026-11-12T12:20:00Z", before: checkMarts("2026-11-07"), run: transforming("UTC")},
}

// checkMarts: the calls by day begin with that local date.
func checkMarts(first string) func(*testing.T, ground) {
	return func(t *testing.T, g ground) {
		t.Helper()
		marts, _ := martsOf(t, g, "2026-11-13T12:00:00Z")
		for _, key := range slices.Sorted(maps.Keys(marts)) {
			if strings.HasPrefix(key, "marts/calls_daily/") {
				if want := sinks.MartObject("calls_daily", sinks.MartPath("7", first)); key != want {
					t.Errorf("the first object is %s, want %s", key, want)
				}
				return
			}
		}
		t.Error("there is none")
	}
}

// martsOf is the marts and what the lake says of them, by key, and what a verification finds.
func martsOf(t *testing.T, g ground, at string) (marts map[string][]string, found []Finding) {
	t.Helper()
	b := g.open(t)
	defer b.Close()
	found = findings(t, b, Verifying{Now: clock(at), Terms: Terms{Lookback: 72 * time.Hour}})
	marts = map[string][]string{}
	eachObject(t, b, "", func(key string, text []byte) {
		switch {
		case strings.HasPrefix(key, "marts/"):
			marts[key] = []string{fmt.Sprintf("%x", sha256.Sum256(text))}
		case strings.HasPrefix(key, "_trunkline/marts/"):
			marts[key] = strings.Split(string(text), "\n")
		}
	})
	return marts, found
}

// sampled ends every n-th change to the bucket, by another ending each time: to build all marts anew after each would take an hour.
func sampled(every int) func(n int) []string {
	return func(n int) []string {
		if n%every != 0 {
			return nil
		}
		return []string{[]string{diesBefore, diesAfter, answerLost}[n/every%3]}
	}
}

// TestCrashPointsOfMarts ends a transformation at changes to the bucket all over it. Each time the next one must complete, and the
// marts must be to the byte those of an undisturbed one.
func TestCrashPointsOfMarts(t *testing.T) {
	if underRace {
		t.Skip("it builds marts dozens of times: .ci/run tries it without the race detector")
	}
	everyInMemory, everyOnDisk := 41, 59
	if *allCrashes {
		everyInMemory, everyOnDisk = 3, 7
	}
	t.Run("memory", func(t *testing.T) {
		lake := inMemory{newMemory()}
		crashPoints(t, lake, martHistory, martsOf, sampled(everyInMemory))
		checkMarts("2026-11-08")(t, lake)
	})
	t.Run("directory", func(t *testing.T) {
		lake := onDisk(t.TempDir())
		crashPoints(t, lake, martHistory, martsOf, sampled(everyOnDisk))
		checkMarts("2026-11-08")(t, lake)
	})
}
