package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline/trunkline/pipeline"
	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// TestSentOrReceived: the README's statement finds each SMS and fax of the demo's company, none twice, and says of each whether it was
// sent or received, as the company knows it.
func TestSentOrReceived(t *testing.T) {
	clock := &eagerClock{now: scriptStart}
	sim, err := simulator.New(&simulator.Options{Population: simulator.Population{Extensions: 12, CallsPerDay: 400}, HeavyLimit: demoRate, MediumLimit: demoRate, LightLimit: demoRate, Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	defer server.Close()
	id, secret, jwt := sim.Credentials()
	creds := ringcentral.Credentials{ServerURL: server.URL, ClientID: id, ClientSecret: secret, JWT: jwt}
	last := arrow.Date32FromTime(scriptStart())
	window := pipeline.Window{From: last - 6, To: last}
	s := &session{ctx: t.Context(), stderr: io.Discard, log: slog.New(slog.DiscardHandler), clock: scriptStart, now: scriptStart(), summary: &summary{RunID: "test", started: time.Now()}}
	flags := lakeFlags{Lake: filepath.Join(t.TempDir(), "lake")}
	got := map[string]string{}
	err = withLake(s, flags, func(lake *sinks.Lake) error {
		if err := (&demoCmd{}).extract(s, lake, creds, clock, window); err != nil {
			return err
		}
		return withViews(s, lake, building{options: sql.Options{Timezone: "UTC", MemoryLimit: "1GB"}}, nil, math.MaxInt64, func(e *sql.Engine) error {
			rows, err := e.Query(t.Context(), readmeQuery(t, "sent or received"))
			if err != nil {
				return err
			}
			for v, err := range rows.All() {
				if err != nil {
					return err
				}
				name := messageName(v[0].Text, v[1].Text)
				if got[name] != "" {
					t.Errorf("%s is there twice", name)
				}
				got[name] = v[2].Text + " " + v[3].Text
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	want := sentTruth(t, sim, window)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	found := map[string]int{}
	for _, what := range want {
		found[what]++
	}
	for _, what := range []string{"sms sent", "sms received", "mms sent", "fax sent", "fax received"} {
		if found[what] < 3 {
			t.Errorf("%d %s: too few to tell", found[what], what)
		}
	}
}

// messageName is the id of a message, or of the call where no message came of it.
func messageName(message, call string) string {
	if message != "" {
		return "message " + message
	}
	return "call " + call
}

// sentTruth is what became of every SMS and fax: those in a store of messages, and those of which the log has a call alone.
func sentTruth(t *testing.T, sim *simulator.Simulator, w pipeline.Window) map[string]string {
	t.Helper()
	type record struct {
		ID, Type, Direction string
		Message             struct{ ID string }
		Attachments         []struct{ Type string }
	}
	read := func(b []byte) (r record) {
		if err := json.Unmarshal([]byte(regexp.MustCompile(`"id":(\d+)`).ReplaceAllString(string(b), `"id":"$1"`)), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	way, out := map[string]string{"Outbound": "sent", "Inbound": "received"}, map[string]string{}
	for m := range sim.Messages(w.From.ToTime(), w.To.ToTime()) {
		r := read(m.JSON)
		kind := strings.ToLower(r.Type)
		for _, a := range r.Attachments {
			if a.Type == "MmsAttachment" {
				kind = "mms"
			}
		}
		if kind == "sms" || kind == "mms" || kind == "fax" {
			out[messageName(m.ID, "")] = kind + " " + way[r.Direction]
		}
	}
	for b := range sim.Records(w.From.ToTime(), w.To.ToTime()) {
		if r := read(b); r.Type == "Fax" {
			out[messageName(r.Message.ID, r.ID)] = "fax " + way[r.Direction]
		}
	}
	return out
}

// readmeQuery is the SQL of the README that begins with a comment of those words.
func readmeQuery(t *testing.T, comment string) string {
	t.Helper()
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(b), "```sql\n")[1:] {
		if strings.HasPrefix(block, "-- "+comment) {
			query, _, _ := strings.Cut(block, "```")
			return query
		}
	}
	t.Fatalf("the README has no query %q", comment)
	return ""
}
