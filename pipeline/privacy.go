package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// privacy is what becomes of rows between the decoder and everything else: erased persons are taken out first, since they
// can be told by plain numbers only, and then columns follow the policy. Rejected records come from the same rows.
type privacy struct {
	stream  stream
	policy  *schema.Policy
	erasure *schema.Erasure
	notes   sinks.ErasureNotes // that the erasure is of
	at      time.Time          // of what is erased, for byCall
}

// readPrivacy joins the policy with the notes that the lake keeps of who was erased, for the rows of one stream.
func readPrivacy(ctx context.Context, lake *sinks.Lake, p *schema.Policy, s stream) (privacy, error) {
	if err := p.Ready(); err != nil {
		return privacy{}, err
	}
	p, err := p.For(s.columns)
	if err != nil {
		return privacy{}, err
	}
	notes, err := lake.ErasureNotes(ctx)
	if err != nil {
		return privacy{}, &lakeError{err}
	}
	erasure, err := erasureOf(notes)
	return privacy{stream: s, policy: p, erasure: erasure.For(s.columns), notes: notes}, err
}

func erasureOf(notes sinks.ErasureNotes) (*schema.Erasure, error) {
	persons := make([]schema.Erased, len(notes.Notes))
	for i, note := range notes.Notes {
		if err := json.Unmarshal(note, &persons[i]); err != nil {
			return nil, fmt.Errorf("who was erased from the lake: note %d is not what trunkline wrote there: %w", i+1, err)
		}
	}
	return schema.NewErasure(schema.CallLog(), notes.Key, persons), nil
}

// apply gives back the batch itself where there is nothing to do.
func (p privacy) apply(batch arrow.RecordBatch) (arrow.RecordBatch, error) {
	batch, _, err := p.erasure.Apply(batch)
	if err != nil {
		return nil, err
	}
	return p.policy.Apply(batch)
}

// archivable is a page as it may be archived: as it came, but for who was erased. Under a policy nothing is archived.
func (p privacy) archivable(body []byte) ([]byte, error) {
	if p.erasure == nil {
		return body, nil
	}
	return p.rewritten(body)
}

// rewritten is a page without who was erased: a page of records, or one record.
func (p privacy) rewritten(body []byte) ([]byte, error) {
	out, err := schema.RewritePage(p.stream.columns, body, p.without)
	if p.stream.compose != nil && err != nil {
		return schema.RewriteRecord(p.stream.columns, body, p.without)
	}
	return out, err
}

// without is the rows without who was erased.
func (p privacy) without(batch arrow.RecordBatch) (arrow.RecordBatch, func(int) bool, error) {
	out, _, err := p.erasure.Apply(batch)
	return out, nil, err
}

// redact is apply for held rows; nil where there is nothing to do.
func (p privacy) redact() sinks.Redact {
	if p.policy == nil && p.erasure == nil {
		return nil
	}
	return p.apply
}

// UnderAnotherPolicy lists the days with calls that the ledger has under another privacy policy than the one with that id,
// in order. The id of the policy that keeps everything is empty.
func UnderAnotherPolicy(g sinks.Ledger, id string) []arrow.Date32 {
	var out []arrow.Date32
	for _, day := range g.Days() {
		if held := g[day]; held.ContentHash != "" && held.Policy != id {
			out = append(out, day)
		}
	}
	return out
}

// NoPolicy stands for the policy that keeps everything where an empty id would be odd.
const NoPolicy = "none"

// policyRanges sorts the days with calls by their privacy policy.
func policyRanges(g sinks.Ledger) map[string][]string {
	days := map[string][]arrow.Date32{}
	for _, day := range g.Days() {
		if held := g[day]; held.ContentHash != "" {
			days[held.Policy] = append(days[held.Policy], day)
		}
	}
	out := map[string][]string{}
	for id, d := range days {
		out[cmp.Or(id, NoPolicy)] = Ranges(d)
	}
	return out
}
