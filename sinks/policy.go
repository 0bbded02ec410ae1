package sinks

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
)

// A partition names the privacy policy that all of its rows obey, in its file's metadata, and the ledger repeats it. The
// name is a bound: no row holds more than the policy permits; it may hold less. The policy that keeps everything has no
// name, and its files have no such metadata.

// Redact brings rows under a policy; to do it twice is to do it once. Rows that are under it already are given back as they
// are or as equal ones.
type Redact func(arrow.RecordBatch) (arrow.RecordBatch, error)

// policyKey is the name of the policy in a file's metadata.
const policyKey = "trunkline_privacy_policy"

// policyOf is the policy of rows that were read from a file.
func policyOf(s *arrow.Schema) string {
	meta := s.Metadata()
	id, _ := meta.GetValue(policyKey)
	return id
}

// underPolicy is the batch with the policy in its schema; the batch itself for the policy without a name.
func underPolicy(batch arrow.RecordBatch, policy string) arrow.RecordBatch {
	if policy == "" {
		return batch
	}
	meta := arrow.NewMetadata([]string{policyKey}, []string{policy})
	return array.NewRecordBatch(arrow.NewSchema(batch.Schema().Fields(), &meta), batch.Columns(), batch.NumRows())
}

// policyMetadata is what a file's metadata says of the policy, nil where it says nothing.
func policyMetadata(s *arrow.Schema) metadata.KeyValueMetadata {
	id := policyOf(s)
	if id == "" {
		return nil
	}
	kv := metadata.NewKeyValueMetadata()
	_ = kv.Append(policyKey, id) // it fails on text that is not UTF-8 only
	return kv
}

func filePolicy(r *file.Reader) string {
	if id := r.MetaData().KeyValueMetadata().FindValue(policyKey); id != nil {
		return *id
	}
	return ""
}

func (m *Merge) redacted(rows arrow.RecordBatch) (arrow.RecordBatch, error) {
	if m.Redact == nil {
		return rows, nil
	}
	redacted, err := m.Redact(rows)
	if err != nil || redacted == rows {
		return redacted, err
	}
	return gatherAll(m.Schema, redacted)
}

// holdRedacted is what the lake holds of a day, brought under the merge's policy.
func (l *Lake) holdRedacted(ctx context.Context, m *Merge, key string) (heldDay, error) {
	held, err := l.hold(ctx, m.Schema, key)
	if err != nil || !held.found {
		return held, err
	}
	rows, err := m.redacted(held.rows)
	if err != nil {
		return held, fmt.Errorf("%s: %w", key, err)
	}
	if rows != held.rows {
		held.content, held.rows = contentHash(held.rows), rows
	}
	return held, nil
}

// contentHash is that of the object's rows, whatever became of them since.
func (h heldDay) contentHash() string {
	if h.content != "" {
		return h.content
	}
	return contentHash(h.rows)
}

// bound is the policy that all rows of a merged day obey.
func (m *Merge) bound(held heldDay, beside []neighbour) string {
	if m.Policy == "" || m.Redact != nil {
		return m.Policy
	}
	same := !held.found || held.policy == m.Policy
	for _, n := range beside {
		same = same && n.policy == m.Policy
	}
	if !same {
		return ""
	}
	return m.Policy
}

// leftBound is the policy of a day that rows leave.
func (m *Merge) leftBound(held heldDay) string {
	if m.Policy != "" && m.Redact != nil {
		return m.Policy
	}
	return held.policy
}
