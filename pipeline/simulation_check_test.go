package pipeline

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// What the lake must hold after a history:
//
//   - every row is a version that its record had, or a tombstone over such a version; no id twice; every row in its day;
//   - of every record a version at least as new as the newest that was surely shown: one that was there throughout the reading of its
//     day, or that the feed told of;
//   - no day counts as held of which RingCentral had forgotten calls that the lake does not have;
//   - nothing is owed, and every day whose lookback is over is settled;
//   - the ledger describes the objects as they are;
//   - where runs came one after the other and none was killed, the archive alone gives the same bytes of every day that is held;
//   - of messages the same; a snapshot has the extensions that there were;
//   - without faults, no penalty was earned and no request was wasted.

// heldRow is one row of the lake.
type heldRow struct {
	day  arrow.Date32
	json string
	dead bool
}

func (w *world) check(last *process) (faults []string) {
	wrong := func(format string, a ...any) {
		if len(faults) < 12 {
			faults = append(faults, fmt.Sprintf(format, a...))
		}
	}
	faults = w.faults
	ledger, feed := w.state()
	rows := w.rows(ledger, wrong)
	known := map[string]bool{}
	for record := range w.sim.Histories(w.now.AddDate(0, 0, -40), w.now.AddDate(0, 0, 2)) {
		known[record[0].ID] = true
		w.checkRecord(record, rows[record[0].ID], ledger, wrong)
	}
	for id := range rows {
		if !known[id] {
			wrong("the lake has %s, which never was", id)
		}
	}
	w.checkHorizon(rows, ledger, wrong)
	w.checkLedger(last, ledger, feed, wrong)
	if w.faultless {
		w.checkRequests(wrong)
	}
	if w.beside != nil {
		w.checkBeside(last, wrong)
	}
	if !w.uneven {
		w.checkArchive(ledger, wrong)
	}
	return faults
}

// rows reads the table and compares it with the ledger.
func (w *world) rows(ledger sinks.Ledger, wrong func(string, ...any)) map[string]heldRow {
	out := map[string]heldRow{}
	for key, o := range w.store.objects {
		if !strings.HasPrefix(key, "call_log/") {
			continue
		}
		batch, err := sinks.ReadParquet(w.t.Context(), o.bytes)
		if err != nil {
			w.t.Fatal(err)
		}
		_, date, _ := strings.Cut(key, "start_date=")
		d := day(date[:len(time.DateOnly)])
		if held := ledger[d]; held.Rows != batch.NumRows() || held.Bytes != int64(len(o.bytes)) {
			wrong("the ledger says %d rows of %s, its object has %d", held.Rows, date[:10], batch.NumRows())
		}
		ids := batch.Column(batch.Schema().FieldIndices("id")[0]).(*array.String)
		dead := batch.Column(batch.Schema().FieldIndices("deleted")[0]).(*array.Boolean)
		starts := batch.Column(batch.Schema().FieldIndices("start_time")[0]).(*array.Timestamp)
		for i, line := range encode(w.t, batch) {
			id := strings.Clone(ids.Value(i))
			if twice, found := out[id]; found {
				wrong("%s is there twice, in %s and %s", id, twice.day.FormattedString(), d.FormattedString())
			}
			if at := sinks.DayOf(int64(starts.Value(i))); at != d {
				wrong("%s of %s lies in %s", id, at.FormattedString(), d.FormattedString())
			}
			out[id] = heldRow{day: d, json: line, dead: dead.IsValid(i) && dead.Value(i)}
		}
	}
	return out
}

// checkRecord compares what the lake has of a record with what it was shown of it.
func (w *world) checkRecord(versions []simulator.Version, held heldRow, ledger sinks.Ledger, wrong func(string, ...any)) {
	least := -1
	for j := range versions {
		if w.shown(versions, j) {
			least = j
		}
	}
	id := versions[0].ID
	if held.json == "" {
		if least >= 0 {
			wrong("%s is missing: it was seen %s", id, describeVersion(versions, least))
		}
		return
	}
	at := w.versionOf(versions, held)
	if at < 0 {
		wrong("%s is held as %s, which it never was; it was %s", id, held.json, allVersions(versions))
		return
	}
	if least >= 0 && at < least && (!w.uneven || versions[at].At.Before(versions[least].At)) {
		wrong("%s is held %s, but was seen %s", id, describeVersion(versions, at), describeVersion(versions, least))
	}
}

func describeVersion(v []simulator.Version, j int) string {
	return fmt.Sprintf("as version %d of %d, of %s, in day %s, deleted %v", j+1, len(v), v[j].At.Format(time.RFC3339Nano), dayOf(v[j].Start).FormattedString(), v[j].Deleted)
}

func allVersions(v []simulator.Version) string {
	var out []string
	for _, one := range v {
		out = append(out, string(one.JSON))
	}
	return strings.Join(out, "\n    ")
}

// shown reports whether a version was surely shown: it was current throughout a reading of its day, or when the feed was read that
// it had come to.
func (w *world) shown(versions []simulator.Version, j int) bool {
	v := versions[j]
	until := w.now.AddDate(1, 0, 0)
	if j+1 < len(versions) {
		until = versions[j+1].At
	}
	for _, r := range w.reads {
		if dayOf(v.Start) == r.day && !v.At.After(r.began) && until.After(r.ended) && (!v.Deleted || !w.hides) && w.remembered(v, r.ended) &&
			v.Start.Before(r.until) {
			return true
		}
	}
	const clocks = 15 * time.Second // clocks differ
	for _, p := range w.passes {
		if dayOf(v.Start) >= p.day && v.At.After(p.since.Add(clocks)) && v.At.Before(p.began.Add(-clocks)) && until.After(p.ended) &&
			(!v.Deleted || !w.feedHides) && w.remembered(v, p.ended) {
			return true
		}
	}
	return false
}

func (w *world) remembered(v simulator.Version, at time.Time) bool {
	return w.retention == 0 || v.Start.After(at.Add(-w.retention+10*time.Second))
}

// versionOf finds the newest version that the held row is: as it was, or as a tombstone over one before it.
func (w *world) versionOf(versions []simulator.Version, held heldRow) int {
	var page bytes.Buffer
	page.WriteString(`{"records":[`)
	for j, v := range versions {
		if j > 0 {
			page.WriteByte(',')
		}
		page.Write(v.JSON)
	}
	page.WriteString(`]}`)
	d := schema.NewDecoder(schema.CallLog())
	if _, err := d.Append(page.Bytes()); err != nil {
		w.t.Fatal(err)
	}
	batch := d.Batch()
	lines := encode(w.t, batch)
	for j := len(versions) - 1; j >= 0; j-- {
		if lines[j] == held.json {
			return j
		}
		for k := 0; versions[j].Deleted && held.dead && k < j; k++ {
			both, err := schema.CallLog().Overlay(batch, k, batch, j)
			if err != nil {
				w.t.Fatal(err)
			}
			if encode(w.t, both)[0] == held.json {
				return j
			}
		}
	}
	return -1
}

// checkHorizon: a day that became held by a reading is whole, also where RingCentral had begun to forget it.
func (w *world) checkHorizon(rows map[string]heldRow, ledger sinks.Ledger, wrong func(string, ...any)) {
	if w.retention == 0 {
		return
	}
	for record := range w.sim.Histories(w.now.AddDate(0, 0, -40), w.now) {
		for j, v := range record {
			for _, r := range w.reads {
				current := dayOf(v.Start) == r.day && !v.At.After(r.began) && (j+1 == len(record) || record[j+1].At.After(r.ended))
				if r.newlyHeld && ledger[r.day].Closed && current && !v.Deleted && !w.remembered(v, r.began) && rows[v.ID].json == "" {
					wrong("day %s counts as held, but %s was forgotten before it was read", r.day.FormattedString(), v.ID)
				}
			}
		}
	}
}

func (w *world) checkLedger(last *process, ledger sinks.Ledger, feed sinks.FeedState, wrong func(string, ...any)) {
	if last.err != nil || len(last.tally.Failed) > 0 {
		wrong("the last run failed: %v %v", last.err, last.tally.Errs)
		return
	}
	if w.strategy == StrategyList {
		feed.SyncToken = ""
	}
	owed := Owed(ledger, feed, w.terms, last.x.Now)
	owed = slices.DeleteFunc(owed, func(d arrow.Date32) bool { return last.x.Now.Sub(ledger[d].ReadAt) < pollLimit })
	if len(owed) > 0 {
		wrong("still owed: %v", Ranges(owed))
	}
	for d, held := range ledger {
		if held.Closed && !dayStart(d+1).Add(w.terms.Lookback).After(last.x.Now.Add(-pollLimit)) && !held.Settled {
			if first, ok := firstHeld(ledger); ok && d >= first {
				wrong("day %s is not settled: read at %s", d.FormattedString(), held.ReadAt)
			}
		}
	}
}

// checkRequests: no penalty, and no more requests for the windows that were read to their end than their records need.
func (w *world) checkRequests(wrong func(string, ...any)) {
	stats := w.sim.Stats()
	if limited := stats.Heavy.Limited + stats.Light.Limited + stats.Auth.Limited; limited > 0 {
		wrong("%d requests earned a penalty", limited)
	}
	if float64(w.spent) > 1.05*float64(w.least) {
		wrong("windows took %d requests, and %d would have done", w.spent, w.least)
	}
}

// checkArchive builds an empty lake from the archive alone.
func (w *world) checkArchive(ledger sinks.Ledger, wrong func(string, ...any)) {
	from := w.store
	w.store = newMemory()
	defer func() { w.store = from }()
	for key, o := range from.objects {
		if strings.HasPrefix(key, "_trunkline/archive/") {
			w.store.objects[key] = o
		}
	}
	if len(w.store.objects) == 0 {
		return // no call yet
	}
	bucket := w.store.open(func(string) error { return nil }, func() bool { return false })
	defer bucket.Close()
	lake, err := sinks.Open(w.t.Context(), bucket, &sinks.LakeOptions{Scratch: w.scratch})
	if err != nil {
		w.t.Fatal(err)
	}
	defer lake.Close()
	for _, err := range Rebuild(w.t.Context(), lake, Rebuilding{AccountID: w.sim.AccountID(), Terms: w.terms, Now: w.now}) {
		if err != nil {
			wrong("the archive alone: %v", err)
			return
		}
	}
	for key, o := range from.objects {
		stream, date, found := strings.Cut(key, "/account_id="+w.sim.AccountID()+"/start_date=")
		if found && stream != RecordingsStream && (stream != CallLogStream || ledger[day(date[:len(time.DateOnly)])].Closed) && !bytes.Equal(o.bytes, w.store.objects[key].bytes) {
			wrong("%s has other bytes if it is built from the archive alone", key)
		}
	}
}
