package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// recording is a record of the table of recordings: what its call says of it, and what became of it. Times are as schema writes them.
type recording struct {
	ID          string `json:"id"`
	StartTime   string `json:"startTime"`
	CallID      string `json:"callId,omitempty"`
	Type        string `json:"type,omitempty"`
	ContentURI  string `json:"contentUri,omitempty"`
	Object      string `json:"object,omitempty"`
	ContentType string `json:"contentType,omitempty"`
	Bytes       *int64 `json:"bytes,omitempty"`
	SHA256      string `json:"sha256,omitempty"`
	FetchedAt   string `json:"fetchedAt,omitempty"`
	GoneAt      string `json:"goneAt,omitempty"`
	ErasedAt    string `json:"erasedAt,omitempty"`

	elsewhere bool // its row lies in another day, and rightly so
}

// settled reports whether it is known what became of it.
func (r recording) settled() bool { return r.Object != "" || r.GoneAt != "" || r.ErasedAt != "" }

// isOf reports whether the record says what its calls say now.
func (r recording) isOf(n namedRecording) bool {
	return r.StartTime == n.StartTime && r.CallID == n.CallID && r.Type == n.Type && r.ContentURI == n.ContentURI
}

// of is the record with what its calls say now.
func (r recording) of(n namedRecording) recording {
	r.ID, r.StartTime, r.CallID, r.Type, r.ContentURI = n.ID, n.StartTime, n.CallID, n.Type, n.ContentURI
	return r
}

// holds is the record with the audio.
func (r recording) holds(a sinks.Audio, at time.Time) recording {
	r.Object, r.ContentType, r.Bytes, r.SHA256, r.FetchedAt = a.Key, a.ContentType, &a.Bytes, a.SHA256, recordTime(at)
	return r
}

// started is when its call began; the zero time if nobody can tell.
func (r recording) started() time.Time {
	at, _ := time.Parse(time.RFC3339Nano, r.StartTime)
	return at
}

func recordTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

// recordingsPage is the records as the decoder reads them.
func recordingsPage(rows []recording) []byte {
	records := make([][]byte, len(rows))
	for i, r := range rows {
		records[i], _ = json.Marshal(r) // text and numbers
	}
	return recordsPage(records)
}

// heldRecordings are the rows of a day by their ids.
func heldRecordings(ctx context.Context, lake *sinks.Lake, account string, day arrow.Date32) (map[string]recording, error) {
	batch, found, err := lake.ReadDay(ctx, RecordingsStream, account, day)
	if err != nil {
		return nil, asLakes(err)
	}
	if !found {
		return nil, nil
	}
	out := map[string]recording{}
	err = eachRecord(schema.Recordings(), batch, func(line []byte) error {
		var r recording
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("recordings of %s: %w", day.FormattedString(), err)
		}
		out[r.ID] = r
		return nil
	})
	return out, err
}

// asLakes tells a failure of the lake from one damaged object of it.
func asLakes(err error) error {
	if isDamaged(err) {
		return err
	}
	return &lakeError{err}
}

// eachRecord visits the rows of a batch as JSON.
func eachRecord(columns *schema.Table, batch arrow.RecordBatch, visit func(line []byte) error) error {
	enc, err := schema.NewEncoder(columns, batch)
	if err != nil {
		return err
	}
	var line []byte
	for row := range int(batch.NumRows()) {
		line = enc.Append(line[:0], row)
		if err := visit(line); err != nil {
			return err
		}
	}
	return nil
}

// namedRecording is what the calls of a day say of a recording: those of the earliest call.
type namedRecording struct {
	recording
	erased bool // somebody who was erased takes part in one of the calls
}

// recordedCall is what is needed of a call.
type recordedCall struct {
	ID        string             `json:"id"`
	StartTime string             `json:"startTime"`
	Recording *recordingOf       `json:"recording"`
	Legs      []recordedCallsLeg `json:"legs"`
}

type recordedCallsLeg struct {
	Recording *recordingOf `json:"recording"`
}

type recordingOf struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	ContentURI string `json:"contentUri"`
}

// recordingsNamed are the recordings that the calls which the lake holds of a day name, by their ids.
func recordingsNamed(ctx context.Context, lake *sinks.Lake, erasure *schema.Erasure, account string, day arrow.Date32) (map[string]namedRecording, error) {
	batch, found, err := lake.ReadDay(ctx, CallLogStream, account, day)
	if err != nil {
		return nil, asLakes(err)
	}
	out := map[string]namedRecording{}
	if !found {
		return out, nil
	}
	if batch, _, err = erasure.Apply(batch); err != nil {
		return nil, err
	}
	return out, eachRecord(schema.CallLog(), batch, func(line []byte) error { return noteNamed(out, line) })
}

// noteNamed adds the recordings that one call names, on the record and on its legs.
func noteNamed(out map[string]namedRecording, line []byte) error {
	if !bytes.Contains(line, []byte(`"recording":{`)) {
		return nil
	}
	var call recordedCall
	var unusual *json.UnmarshalTypeError // of a member that RingCentral sends in another form than usual
	if err := json.Unmarshal(line, &call); err != nil && !errors.As(err, &unusual) {
		return fmt.Errorf("call %s: %w", call.ID, err)
	}
	erased := schema.NamesErased(line)
	of := []*recordingOf{call.Recording}
	for _, leg := range call.Legs {
		of = append(of, leg.Recording)
	}
	for _, r := range of {
		if r == nil || r.ID == "" {
			continue
		}
		now := namedRecording{recording{ID: r.ID, StartTime: call.StartTime, CallID: call.ID, Type: r.Type, ContentURI: r.ContentURI}, erased}
		if before, found := out[r.ID]; found {
			now = now.or(before)
		}
		out[r.ID] = now
	}
	return nil
}

// or joins what two calls say.
func (n namedRecording) or(before namedRecording) namedRecording {
	first := before
	if cmp.Or(strings.Compare(n.StartTime, before.StartTime), strings.Compare(n.CallID, before.CallID)) < 0 {
		first = n
	}
	first.Type, first.ContentURI = cmp.Or(first.Type, before.Type, n.Type), cmp.Or(first.ContentURI, before.ContentURI, n.ContentURI)
	first.erased = n.erased || before.erased
	return first
}
