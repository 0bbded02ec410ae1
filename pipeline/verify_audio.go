package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// isAudio takes note of an object that is the audio of a recording.
func (c *verification) isAudio(key string, bytes int64) bool {
	if c.stream.byWhat != byCall {
		return false
	}
	account, _, ok := sinks.ParseAudio(c.stream.Name, key)
	if !ok || !c.wantsAccount(account) {
		return ok
	}
	if c.audio[account] == nil {
		c.audio[account] = map[string]int64{}
	}
	c.audio[account][key] = bytes
	return true
}

// audioOf holds what the rows of a day say against the audio that is there.
func (a *accountCheck) audioOf(ctx context.Context, d arrow.Date32, rows arrow.RecordBatch) error {
	if a.stream.byWhat != byCall {
		return nil
	}
	return eachRecord(schema.Recordings(), rows, func(line []byte) error {
		var r recording
		if err := json.Unmarshal(line, &r); err != nil || r.Object == "" {
			return err
		}
		a.namesAudio[r.Object] = true
		if !a.wantsDay(d) {
			return nil
		}
		return a.audioOfRow(ctx, d, r)
	})
}

func (a *accountCheck) audioOfRow(ctx context.Context, d arrow.Date32, r recording) error {
	w := Window{From: d, To: d + 1}
	again := fmt.Sprintf("`trunkline run --streams %s --from %s --to %s` fetches it again, as long as RingCentral has it", a.stream.Name, w.From.FormattedString(), w.To.FormattedString())
	find := func(kind, remedy, format string, args ...any) {
		a.findRecord(Finding{Kind: kind, Stream: a.stream.Name, AccountID: a.id, Day: d.FormattedString(), Key: r.Object, Detail: fmt.Sprintf(format, args...), Remedy: remedy})
	}
	bytes, listed := a.audio[a.id][r.Object]
	if !listed {
		there, err := a.lake.HasAudio(ctx, r.Object) // it may have come since the listing
		if err == nil && !there {
			find(FindAudioMissing, again, "the row of the recording %q names it, the lake has no such object", r.ID)
		}
		return err
	}
	if r.Bytes == nil || bytes != *r.Bytes {
		find(FindAudioDiffers, "move it away; then "+again, "the object has %d bytes, the row of the recording %q says otherwise", bytes, r.ID)
		return nil
	}
	if !a.Deep {
		return nil
	}
	object, err := a.lake.ExamineObject(ctx, r.Object, nil)
	if err != nil || object.Missing {
		return err
	}
	a.done.Objects++
	a.done.Bytes += object.Bytes
	if object.SHA256 != r.SHA256 {
		find(FindAudioDiffers, "move it away; then "+again, "the object's SHA-256 is %s, the row of the recording %q says %s", object.SHA256, r.ID, r.SHA256)
	}
	return nil
}

// unnamedAudio finds the audio that no row names. Only who looks at all days can tell.
func (a *accountCheck) unnamedAudio() {
	if a.Window != nil {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(a.audio[a.id])) {
		if !a.namesAudio[key] {
			a.findRecord(Finding{Kind: FindAudioUnknown, Stream: a.stream.Name, AccountID: a.id, Key: key, Detail: "no row of the table names it",
				Remedy: "a run was stopped between the audio and its row: `trunkline run --streams " + a.stream.Name + "` ends that; if it is found again after such a run, move it away"})
		}
	}
}
