package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/pipeline"
	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
	"github.com/trunkline/trunkline/sinks"
)

// TestDemoReadsAgain: faults that outlast the client's tries cost a demo another reading and no rows; without --faults they
// are what they are anywhere.
func TestDemoReadsAgain(t *testing.T) {
	clock := &eagerClock{now: scriptStart}
	sim, err := simulator.New(&simulator.Options{Population: simulator.Population{Extensions: 10, CallsPerDay: 30}, HeavyLimit: demoRate, Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	left := 0 // requests that fail
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if left > 0 && strings.HasSuffix(r.URL.Path, "/call-log") {
			left--
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		sim.ServeHTTP(w, r)
	}))
	defer server.Close()
	id, secret, jwt := sim.Credentials()
	creds := ringcentral.Credentials{ServerURL: server.URL, ClientID: id, ClientSecret: secret, JWT: jwt}
	last := arrow.Date32FromTime(scriptStart())
	for _, tc := range []struct {
		faults string
		fails  int
		done   bool
	}{{"hard", 0, true}, {"hard", 6 * (demoReadings - 1), true}, {"hard", 6 * demoReadings, false}, {"none", 6, false}} {
		left = tc.fails
		s := &session{ctx: t.Context(), stderr: io.Discard, log: slog.New(slog.DiscardHandler), clock: scriptStart, now: scriptStart(), summary: &summary{RunID: "test", started: time.Now()}}
		flags := lakeFlags{Lake: filepath.Join(t.TempDir(), "lake")}
		err := withLake(s, flags, func(lake *sinks.Lake) error {
			c := &demoCmd{faultFlags: faultFlags{Faults: tc.faults}}
			return c.extract(s, lake, creds, clock, pipeline.Window{From: last - 3, To: last})
		})
		if (err == nil) != tc.done || tc.done && (s.summary.Days.Done != 3 || s.summary.Days.Changed != 3) {
			t.Errorf("%+v: %v, %+v", tc, err, s.summary.Days)
		}
	}
}
