package pipeline

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// sawBeside notes which days of messages, and which snapshots, were seen when.
func (p *process) sawBeside(e Event) {
	switch {
	case e.Planned != nil:
		p.planned = p.now
	case e.Day != nil && e.Stream == MessagesStream:
		p.messages = append(p.messages, seen{day: e.Day.Day, until: p.x.Now.Add(-settleDelay - 10*time.Second), began: p.planned, ended: p.now})
	case e.Day != nil && e.Stream == ExtensionsStream:
		p.snapshots = append(p.snapshots, seen{day: e.Day.Day, began: p.planned, ended: p.now})
	}
}

// besideRows reads the rows of a stream, as JSON by day and id.
func (w *world) besideRows(table, member string, columns *schema.Table) map[arrow.Date32]map[string]string {
	out := map[arrow.Date32]map[string]string{}
	for key, o := range w.store.objects {
		if !strings.HasPrefix(key, table+"/") || !strings.HasSuffix(key, ".parquet") {
			continue
		}
		batch, err := sinks.ReadParquet(w.t.Context(), o.bytes)
		if err != nil {
			w.t.Fatal(err)
		}
		enc, err := schema.NewEncoder(columns, batch)
		if err != nil {
			w.t.Fatal(err)
		}
		_, date, _ := strings.Cut(key, "start_date=")
		rows := map[string]string{}
		for row := range int(batch.NumRows()) {
			line := string(enc.Append(nil, row))
			_, rest, _ := strings.Cut(line, `"`+member+`":`)
			id, _, _ := strings.Cut(rest, ",")
			rows[strings.Trim(id, `"`)] = line
		}
		out[day(date[:len(time.DateOnly)])] = rows
	}
	return out
}

func (w *world) checkBeside(last *process, wrong func(string, ...any)) {
	for _, s := range last.tally.Streams {
		if s.Left != "" && last.err == nil {
			wrong("%s was left out: %s", s.Stream, s.Left)
		}
	}
	w.checkMessages(wrong)
	w.checkSnapshots(wrong)
	w.checkRecordings(last, wrong)
}

// checkRecordings: of each recording that a held call names the lake has one row and the audio, or knows that it is gone; and RingCentral
// sent each byte a single time, however often runs were killed, overlapped, or lost a connection.
func (w *world) checkRecordings(last *process, wrong func(string, ...any)) {
	rows, audio := map[string]recording{}, map[string][]byte{}
	for d, lines := range w.besideRows(RecordingsStream, "id", schema.Recordings()) {
		for id, line := range lines {
			var r recording
			if err := json.Unmarshal([]byte(line), &r); err != nil || rows[id].ID != "" || dayOf(r.started()) != d {
				wrong("recording %s in %s: %s, and %+v, %v", id, d.FormattedString(), line, rows[id], err)
			}
			rows[id] = r
		}
	}
	for key, o := range w.store.objects {
		if _, id, ok := sinks.ParseAudio(RecordingsStream, key); ok {
			if audio[id] = o.bytes; rows[id].Object != key {
				wrong("%s is there, and its row is %+v", key, rows[id])
			}
		}
	}
	for _, calls := range w.besideRows(CallLogStream, "id", schema.CallLog()) {
		for _, line := range calls {
			for _, m := range audioAddress.FindAllStringSubmatch(line, -1) {
				w.checkRecording(m[1], rows[m[1]], audio[m[1]], last, wrong)
			}
		}
	}
	for id, n := range w.sim.AudioSent() {
		if _, want := w.sim.Audio(id); n != int64(len(want)) {
			wrong("of the recording %s %d bytes were sent, it has %d", id, n, len(want))
		}
	}
}

func (w *world) checkRecording(id string, row recording, audio []byte, last *process, wrong func(string, ...any)) {
	_, want := w.sim.Audio(id)
	young := row.ID == "" && want == nil // whether it will come nobody can tell
	switch {
	case last.err != nil || len(last.tally.Errs) > 0 || young:
	case want == nil && (row.GoneAt == "" || row.Object != ""):
		wrong("recording %s is gone, and its row is %+v", id, row)
	case want != nil && !bytes.Equal(want, audio):
		wrong("recording %s has %d bytes of audio instead of %d: %+v", id, len(audio), len(want), row)
	}
}

// checkMessages compares the messages with what was surely shown of them.
func (w *world) checkMessages(wrong func(string, ...any)) {
	held := w.besideRows(MessagesStream, "id", schema.Messages())
	gone := w.gone()
	known := map[string]bool{}
	for versions := range w.sim.MessageHistories(w.now.AddDate(0, 0, -40), w.now.AddDate(0, 0, 2)) {
		first := versions[0]
		known[first.ID] = true
		row, least := held[dayOf(first.Created)][first.ID], -1
		for j := range versions {
			if w.messageShown(versions, j, gone[first.ExtensionID]) {
				least = j
			}
		}
		at := w.messageVersion(versions, row)
		switch {
		case row == "" && least >= 0 && versions[least].Availability != "Purged":
			wrong("message %s is missing: it was seen as version %d of %d", first.ID, least+1, len(versions))
		case row != "" && at < 0:
			wrong("message %s is held as %s, which it never was", first.ID, row)
		case row != "" && at < least:
			wrong("message %s is held as version %d of %d, but was seen as %d", first.ID, at+1, len(versions), least+1)
		}
	}
	for d, rows := range held {
		for id := range rows {
			if !known[id] {
				wrong("day %s has the message %s, which never was", d.FormattedString(), id)
			}
		}
	}
}

// gone is when extensions were removed; zero means never.
func (w *world) gone() map[string]time.Time {
	out := map[string]time.Time{}
	for x := range w.sim.Extensions() {
		out[x.ID] = x.Removed
	}
	return out
}

func (w *world) messageShown(versions []simulator.MessageVersion, j int, gone time.Time) bool {
	v := versions[j]
	until := w.now.AddDate(1, 0, 0)
	if j+1 < len(versions) {
		until = versions[j+1].At
	}
	for _, r := range w.messages {
		if dayOf(v.Created) == r.day && !v.At.After(r.began) && until.After(r.ended) && v.Created.Before(r.until) && (gone.IsZero() || gone.After(r.ended)) {
			return true
		}
	}
	return false
}

// messageVersion finds the newest version that a held row is: as it was, or as purged over one before it.
func (w *world) messageVersion(versions []simulator.MessageVersion, row string) int {
	if row == "" {
		return -1
	}
	for j := len(versions) - 1; j >= 0; j-- {
		if versions[j].Availability != "Purged" {
			if canonicalRecords(w.t, schema.Messages(), versions[j].JSON)[0] == row {
				return j
			}
			continue
		}
		for k := range j {
			alive := canonicalRecords(w.t, schema.Messages(), versions[k].JSON)[0]
			over := strings.Replace(alive, `"availability":"`+versions[k].Availability+`"`, `"availability":"Purged"`, 1)
			if over == row {
				return j
			}
		}
	}
	return -1
}

// checkSnapshots: a snapshot has every extension that was there while it was read, and none that never was.
func (w *world) checkSnapshots(wrong func(string, ...any)) {
	held, gone := w.besideRows(ExtensionsStream, "id", schema.CompanyExtensions()), w.gone()
	for _, r := range w.snapshots {
		for id, left := range gone {
			if held[r.day][id] == "" && (left.IsZero() || left.After(r.ended)) {
				wrong("the snapshot of %s lacks the extension %s", r.day.FormattedString(), id)
			}
		}
	}
	for d, rows := range held {
		for id := range rows {
			if _, ever := gone[id]; !ever {
				wrong("the snapshot of %s has the extension %s, which never was", d.FormattedString(), id)
			}
		}
	}
}
