package pipeline

import (
	"context"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// objects lists the partitions of the stream that its ledgers know, of the accounts and days that are wanted, in order.
func (s stream) objects(ledgers map[string]sinks.Ledger, want func(account string, day arrow.Date32) bool) []sinks.Object {
	var out []sinks.Object
	for account, ledger := range ledgers {
		for day, held := range ledger {
			if held.SHA256 != "" && want(account, day) {
				key := sinks.PartitionKey(s.Name, account, day)
				out = append(out, sinks.Object{Key: key, SHA256: held.SHA256, Bytes: held.Bytes})
			}
		}
	}
	slices.SortFunc(out, func(a, b sinks.Object) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// loadTables loads objects of the streams, those of which none is named as tables without rows, and the tables that are made of what the
// ledgers say.
func loadTables(ctx context.Context, lake *sinks.Lake, engine *sql.Engine, objects map[string][]sinks.Object, made map[string]arrow.RecordBatch) error {
	var inputs []sql.Input
	for name, rows := range made {
		file, err := lake.LocalTable(name, rows)
		if err != nil {
			return err
		}
		inputs = append(inputs, sql.Input{Table: name, Whole: file})
	}
	for _, s := range streams {
		files, err := lake.Files(ctx, objects[s.Name])
		if err != nil {
			return err
		}
		empty, err := lake.EmptyFile(s.Table, s.columns.Schema())
		if err != nil {
			return err
		}
		inputs = append(inputs, sql.Input{Table: s.Name, Files: files, Empty: empty})
	}
	return engine.Load(ctx, inputs)
}
