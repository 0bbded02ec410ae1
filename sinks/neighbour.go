package sinks

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// A record whose start time moved lies in another day than before. It is looked for in the days beside the one that it came with,
// and the day that holds its newest version keeps it. The day that gains the record is written first and the one that loses it
// afterwards, so that a crash in between leaves it twice and never not at all. The ledger says which days were about to be
// written: Finish ends such a move.

// neighbour is a day beside the one that is merged, which holds rows of ids that were read.
type neighbour struct {
	day  arrow.Date32
	rows arrow.RecordBatch
	hits []int32 // its rows of ids that were read

	policy string
}

// neighbours finds the rows that the days before and after hold of the ids that were read.
func (l *Lake) neighbours(ctx context.Context, m *Merge, day arrow.Date32, rows arrow.RecordBatch) ([]neighbour, error) {
	if rows.NumRows() == 0 || m.Read.table.IsSnapshot() {
		return nil, nil
	}
	wanted := map[string]bool{}
	k, err := keysOf(m.Read.table, rows)
	if err != nil {
		return nil, err
	}
	for i := range int(rows.NumRows()) {
		wanted[k.id.Value(i)] = true
	}
	var out []neighbour
	for _, d := range []arrow.Date32{day - 1, day + 1} {
		n, err := l.neighbour(ctx, m, d, wanted)
		if err != nil {
			return nil, err
		}
		if len(n.hits) > 0 {
			out = append(out, n)
		}
	}
	return out, nil
}

func (l *Lake) neighbour(ctx context.Context, m *Merge, day arrow.Date32, wanted map[string]bool) (neighbour, error) {
	n := neighbour{day: day}
	key := PartitionKey(m.Read.table.Name, m.AccountID, day)
	b, _, found, err := l.readVersioned(ctx, key)
	if err != nil || !found {
		return n, err
	}
	ids, err := readHeld(ctx, key, b, m.Read.table.ID)
	var damaged *DamagedError
	if errors.As(err, &damaged) {
		return n, nil // whoever repairs that day looks here, and takes out what is older on either side
	}
	if err != nil {
		return n, err
	}
	column, ok := ids.Column(0).(*array.String)
	if !ok {
		return n, fmt.Errorf("%s: the column %s is not text", key, m.Read.table.ID)
	}
	for i := range column.Len() {
		if wanted[column.Value(i)] {
			n.hits = append(n.hits, int32(i))
		}
	}
	if len(n.hits) == 0 {
		return n, nil
	}
	batch, err := readHeld(ctx, key, b)
	if errors.As(err, &damaged) {
		return neighbour{day: day}, nil
	}
	if err != nil {
		return n, err
	}
	n.policy = policyOf(batch.Schema())
	if n.rows, err = gatherAll(m.Schema, batch); err != nil {
		return n, err
	}
	n.rows, err = m.redacted(n.rows)
	return n, err
}

// leaving lists, for the days beside, the ids whose newest version lies in the day.
func (g *merging) leaving(beside []neighbour, day arrow.Date32) map[arrow.Date32]map[string]version {
	out := map[arrow.Date32]map[string]version{}
	for _, n := range beside {
		ids := n.rows.Column(n.rows.Schema().FieldIndices(g.table.ID)[0]).(*array.String)
		for _, row := range n.hits {
			id := ids.Value(int(row))
			if v := g.newest[id]; v.day == day {
				if out[n.day] == nil {
					out[n.day] = map[string]version{}
				}
				out[n.day][id] = v
			}
		}
	}
	return out
}

// leave takes rows out of a day that newer versions of lie in another day.
func (l *Lake) leave(ctx context.Context, m *Merge, day arrow.Date32, ids map[string]version) (out Outcome, err error) {
	key := PartitionKey(m.Read.table.Name, m.AccountID, day)
	for range mergeTries {
		held, err := l.holdRedacted(ctx, m, key)
		if err != nil {
			return out, err
		}
		out = Outcome{Key: key, Held: 0, Read: -1, Policy: m.leftBound(held)}
		if !held.found {
			return out, nil // somebody else took them out, and the day with them
		}
		rows, err := m.without(held.rows, ids)
		if err != nil {
			return out, err
		}
		out.Held = held.rows.NumRows()
		if out, err = l.replaceDay(ctx, m, out, held, rows); !mustRepeat(err) || ctx.Err() != nil {
			return out, err
		}
	}
	return out, err
}

// without is the rows but those of which a newer version is named.
func (m *Merge) without(rows arrow.RecordBatch, ids map[string]version) (arrow.RecordBatch, error) {
	k, err := keysOf(m.Read.table, rows)
	if err != nil {
		return nil, err
	}
	var refs []ref
	for i := range int32(rows.NumRows()) {
		v, named := ids[k.id.Value(int(i))]
		if w := k.version(ref{0, i}, 0); named && w.compare(v) <= 0 {
			continue
		}
		refs = append(refs, ref{0, i})
	}
	return gather(m.Schema, []arrow.RecordBatch{rows}, refs)
}
