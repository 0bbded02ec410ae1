package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// Dumping says which records to write back as JSON.
type Dumping struct {
	Stream    string   // by name; default: the call log
	AccountID string   // "~": of all accounts in the lake
	Window    *Window  // nil: all days
	IDs       []string // none: all records
}

// Dump yields records of a stream as RingCentral's JSON, from the lake's Parquet alone: account by account, oldest first. Those of
// extensions' own logs also say whose log it is, in a member of ours (schema.Member). The bytes are valid until the next step.
func Dump(ctx context.Context, lake *sinks.Lake, d Dumping) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if err := dump(ctx, lake, d, func(line []byte) bool { return yield(line, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

func dump(ctx context.Context, lake *sinks.Lake, d Dumping, emit func([]byte) bool) error {
	s, known := streamNamed(cmp.Or(d.Stream, CallLogStream))
	if !known {
		return fmt.Errorf("stream %q: there are %s", d.Stream, strings.Join(Tables(), ", "))
	}
	ledgers, err := ledgersOf(ctx, lake, s.Name)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, id := range d.IDs {
		wanted[id] = true
	}
	accounts := make([]string, 0, len(ledgers))
	for account := range ledgers {
		if d.AccountID == OwnAccount || d.AccountID == account {
			accounts = append(accounts, account)
		}
	}
	slices.Sort(accounts)
	for _, account := range accounts {
		for _, day := range ledgers[account].Days() {
			if d.Window != nil && (day < d.Window.From || day >= d.Window.To) || ledgers[account][day].ContentHash == "" {
				continue
			}
			more, err := s.dumpDay(ctx, lake, account, day, wanted, emit)
			if err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// dumpDay emits one day's records; more is false when no more are wanted.
func (s stream) dumpDay(ctx context.Context, lake *sinks.Lake, account string, day arrow.Date32, wanted map[string]bool, emit func([]byte) bool) (more bool, err error) {
	batch, found, err := lake.ReadDay(ctx, s.Name, account, day)
	if err != nil {
		return false, err
	}
	if !found {
		return false, fmt.Errorf("the ledger has day %s of account %s, the lake has no object for it: run that day again", day.FormattedString(), account)
	}
	enc, err := schema.NewEncoder(s.columns, batch)
	if err != nil {
		return false, fmt.Errorf("day %s: %w", day.FormattedString(), err)
	}
	ids, ok := batch.Column(batch.Schema().FieldIndices(s.idColumn())[0]).(*array.String)
	if !ok {
		return false, fmt.Errorf("day %s: the ids are not text", day.FormattedString())
	}
	var line []byte
	for row := range int(batch.NumRows()) {
		if len(wanted) > 0 && !wanted[ids.Value(row)] {
			continue
		}
		line = enc.Append(line[:0], row)
		if !emit(line) {
			return false, nil
		}
	}
	return true, nil
}
