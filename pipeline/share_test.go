package pipeline

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gocloud.dev/blob/memblob"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
	"github.com/trunkline/trunkline/sinks"
)

// TestProcessesShareTheRate: tasks that begin one after the other, and do not know of each other but through the lake, earn one penalty at
// most between them, and read all that they were asked for. Without sharing each of them would earn its own.
func TestProcessesShareTheRate(t *testing.T) {
	limited := func(share bool) (n int64) {
		synctest.Test(t, func(t *testing.T) { n = runTasks(t, share) })
		return n
	}
	if n := limited(true); n > 1 {
		t.Errorf("%d requests were refused", n)
	}
	if n := limited(false); n < 2 {
		t.Errorf("without sharing only %d requests were refused: the test shows nothing", n)
	}
}

// runTasks runs four tasks that read six days each, a request a day, two seconds apart, and returns how many requests were refused. Its
// time is that of a synctest bubble, moved to when the company is there.
func runTasks(t *testing.T, share bool) int64 {
	moved := time.Until(simulated)
	now := func() time.Time { return time.Now().Add(moved) }
	sim, err := simulator.New(&simulator.Options{Population: simulator.Population{Seed: 3, Extensions: 6, CallsPerDay: 10}, HeavyLimit: 10, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	scratch := t.TempDir()
	var wg sync.WaitGroup
	for task := range 4 {
		wg.Go(func() {
			time.Sleep(time.Duration(task) * 2 * time.Second)
			lake, err := sinks.Open(t.Context(), bucket, &sinks.LakeOptions{Scratch: scratch})
			if err != nil {
				t.Error(err)
				return
			}
			defer lake.Close()
			sharing := NewSharing()
			id, secret, jwt := sim.Credentials()
			client, err := ringcentral.New(ringcentral.Credentials{ServerURL: "http://127.0.0.1:1", ClientID: id, ClientSecret: secret, JWT: jwt},
				&ringcentral.Options{HTTPClient: &http.Client{Transport: direct{sim, func(string) error { return nil }}},
					Clock: ringcentral.Clock{Now: now}, OnPenalty: sharing.Penalty})
			if err != nil {
				t.Error(err)
				return
			}
			if share {
				defer sharing.Join(t.Context(), client, lake, fmt.Sprint("task-", task), now, slog.New(slog.DiscardHandler))()
			}
			for day := range 6 {
				from := dayStart(fourDays.From).AddDate(0, 0, -6*task-day)
				for _, err := range client.CallLog(t.Context(), OwnAccount, from, from.AddDate(0, 0, 1), nil) {
					if err != nil && share { // without sharing tasks fail for good
						t.Errorf("task %d, day %d: %v", task, day, err)
					}
				}
			}
		})
	}
	wg.Wait()
	return sim.Stats().Heavy.Limited
}
