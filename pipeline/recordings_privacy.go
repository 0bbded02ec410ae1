package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// A row of recordings names nobody, so who was erased is looked for in the calls that name the recording. The audio of such a call is
// removed from the lake, and so are parts of it on this machine; parts on others go with the next run there that sees the call, or
// after a week.

// silence removes the audio of calls about the given day in which somebody takes part who was erased, and returns what takes it out of
// rows. Calls move by a day at most, so those of the days beside it are looked at, too.
func (p privacy) silence(ctx context.Context, lake *sinks.Lake, account string, day arrow.Date32) (sinks.Redact, error) {
	ids, _, err := p.silenceDays(ctx, lake, account, []arrow.Date32{day - 1, day, day + 1})
	return p.silencing(ids), err
}

// silenceDays removes the audio of calls of the days, and returns the recordings and how many objects there were.
func (p privacy) silenceDays(ctx context.Context, lake *sinks.Lake, account string, days []arrow.Date32) (ids map[string]bool, removed int, err error) {
	ids = map[string]bool{}
	for _, day := range days {
		named, err := recordingsNamed(ctx, lake, p.erasure.For(schema.CallLog()), account, day)
		if err != nil {
			return nil, removed, err
		}
		for id, n := range named {
			if n.erased {
				ids[id] = true
			}
		}
	}
	removed, err = lake.RemoveAudio(ctx, RecordingsStream, account, ids)
	return ids, removed, err
}

// silencing takes erased persons out of rows and, where one takes part in the call, what leads to the audio.
func (p privacy) silencing(ids map[string]bool) sinks.Redact {
	return func(batch arrow.RecordBatch) (arrow.RecordBatch, error) {
		batch, err := p.erase(batch)
		if err != nil || len(ids) == 0 {
			return batch, err
		}
		return changeRecordings(batch, func(id string, record jsonObject) bool {
			if !ids[id] || record["erasedAt"] != nil {
				return false
			}
			for _, member := range []string{"object", "contentType", "bytes", "sha256", "fetchedAt"} {
				delete(record, member)
			}
			record["erasedAt"] = json.RawMessage(`"` + recordTime(p.at) + `"`)
			return true
		})
	}
}

// changeRecordings changes rows of recordings, and returns the batch itself if none is.
func changeRecordings(batch arrow.RecordBatch, change func(id string, record jsonObject) bool) (arrow.RecordBatch, error) {
	var records [][]byte
	changed := false
	err := eachRecord(schema.Recordings(), batch, func(line []byte) error {
		record := jsonObject{}
		if err := json.Unmarshal(line, &record); err != nil {
			return fmt.Errorf("recordings: %w", err)
		}
		if line = slices.Clone(line); change(listed{ID: record["id"]}.id(), record) {
			changed = true
			line, _ = json.Marshal(record) // of what was JSON
		}
		records = append(records, line)
		return nil
	})
	if err != nil || !changed {
		return batch, err
	}
	d := schema.NewDecoder(schema.Recordings())
	if _, err := d.Append(recordsPage(records)); err != nil {
		return nil, err
	}
	return d.Batch(), nil
}

// hasRecordings reports whether recordings of an account were ever fetched: the ledger is marked before the first part of one.
func (w *rewriting) hasRecordings(ctx context.Context, account string) (bool, error) {
	ledger, err := w.lake.Ledger(ctx, account, RecordingsStream)
	if err != nil || len(ledger) > 0 {
		return true, err
	}
	held, err := w.lake.PartitionAccounts(ctx, RecordingsStream)
	return slices.Contains(held, account), err
}

// recordings turns to the recordings of an account: the audio goes first, and then what the rows say of it.
func (e *erasing) recordings(ctx context.Context, account string) error {
	if any, err := e.hasRecordings(ctx, account); err != nil || !any {
		return err
	}
	days, err := e.lake.PartitionDays(ctx, CallLogStream, account)
	if err != nil {
		return err
	}
	p := e.privacy()
	p.at = e.now
	ids, removed, err := p.silenceDays(ctx, e.lake, account, days)
	e.done.Audio += removed
	e.change = p.silencing(ids)
	return err
}

// unheard removes the audio of an account's calls that a policy without audio=keep is brought over.
func (w *rewriting) unheard(ctx context.Context, account string) error {
	if any, err := w.hasRecordings(ctx, account); err != nil || !any {
		return err
	}
	days, err := w.lake.PartitionDays(ctx, CallLogStream, account)
	others, err2 := w.lake.PartitionDays(ctx, RecordingsStream, account)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	ids := map[string]bool{}
	for _, day := range append(days, others...) {
		if day < w.window.From || day >= w.window.To {
			continue
		}
		named, err := recordingsNamed(ctx, w.lake, nil, account, day)
		if err != nil {
			return err
		}
		held, err := heldRecordings(ctx, w.lake, account, day)
		if err != nil {
			return err
		}
		for id := range named {
			ids[id] = true
		}
		for id := range held {
			ids[id] = true
		}
	}
	removed, err := w.lake.RemoveAudio(ctx, RecordingsStream, account, ids)
	w.done.Audio += removed
	return err
}
