package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// ErrCacheLimit says that a query needs more of a remote lake than may be copied here.
var ErrCacheLimit = fmt.Errorf("more than --cache-limit would have to be copied")

// View defines the lake's tables and marts as views of the engine: call_log and the other streams', the staging views over them, the marts
// as published, and which days are settled. A window, if not nil, bounds the days (for marts, the local dates of the same names). Objects of a remote lake are copied
// to the cache first; if that is more than limit bytes, nothing is copied and the error is ErrCacheLimit.
func View(ctx context.Context, lake *sinks.Lake, engine *sql.Engine, w *Window, limit int64) error {
	tables, err := tableObjects(ctx, lake, w)
	if err != nil {
		return err
	}
	marts, err := martObjects(ctx, lake, w)
	if err != nil {
		return err
	}
	var all []sinks.Object
	for _, objects := range tables {
		all = append(all, objects...)
	}
	for _, m := range marts {
		all = append(all, m...)
	}
	if missing := lake.MissingBytes(all); missing > limit {
		return fmt.Errorf("%w: %d bytes of %d allowed; bound the days with --from and --to, or raise --cache-limit", ErrCacheLimit, missing, limit)
	}
	ledgers, err := Ledgers(ctx, lake)
	if err != nil {
		return err
	}
	err = errors.Join(engine.LoadSettled(ctx, settledDays(ledgers)), loadTables(ctx, lake, engine, tables))
	if err != nil {
		return err
	}
	files := map[string][]string{}
	for name, m := range marts {
		if files[name], err = lake.Files(ctx, m); err != nil {
			return err
		}
	}
	return engine.LoadMarts(ctx, files)
}

// tableObjects lists the partitions of each stream; of snapshots those of all days, since they say who was who.
func tableObjects(ctx context.Context, lake *sinks.Lake, w *Window) (map[string][]sinks.Object, error) {
	out := map[string][]sinks.Object{}
	for _, s := range streams {
		ledgers, err := ledgersOf(ctx, lake, s.Name)
		if err != nil {
			return nil, err
		}
		out[s.Name] = s.objects(ledgers, func(_ string, day arrow.Date32) bool {
			return w == nil || s.IsSnapshot() || w.From <= day && day < w.To
		})
	}
	return out, nil
}

// martObjects lists the published partitions of each mart.
func martObjects(ctx context.Context, lake *sinks.Lake, w *Window) (map[string][]sinks.Object, error) {
	out := map[string][]sinks.Object{}
	for _, m := range sql.Marts() {
		state, err := lake.MartState(ctx, m.Name)
		if err != nil {
			return nil, err
		}
		for name, p := range state {
			if p.SHA256 != "" && inWindow(name, w) {
				out[m.Name] = append(out[m.Name], sinks.Object{Key: sinks.MartObject(m.Name, name), SHA256: p.SHA256, Bytes: p.Bytes})
			}
		}
		slices.SortFunc(out[m.Name], func(a, b sinks.Object) int { return strings.Compare(a.Key, b.Key) })
	}
	return out, nil
}

func inWindow(partition string, w *Window) bool {
	if w == nil {
		return true
	}
	_, date, _ := strings.Cut(partition, "local_date=")
	at, err := time.Parse(time.DateOnly, date)
	return err == nil && w.From <= dayOf(at) && dayOf(at) < w.To
}

// settledDays are the days of the call log that are not expected to change any more, by account.
func settledDays(ledgers map[string]sinks.Ledger) map[string][]string {
	out := map[string][]string{}
	for account, ledger := range ledgers {
		for _, day := range ledger.Days() {
			if ledger[day].Settled {
				out[account] = append(out[account], day.FormattedString())
			}
		}
	}
	return out
}
