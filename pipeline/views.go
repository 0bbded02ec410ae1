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
	zone, err := time.LoadLocation(engine.Timezone())
	if err != nil {
		return fmt.Errorf("time zone of the views: %w", err)
	}
	held, err := readHoldings(ctx, lake, zone, engine.Settings(), Tables())
	if err != nil {
		return err
	}
	tables := held.objects(w)
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
	settled := settledDays(held.ledgers[CallLogStream])
	if err := errors.Join(engine.LoadSettled(ctx, settled), loadTables(ctx, lake, engine, tables, held.made(held.datesIn(w)))); err != nil {
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

// objects lists the partitions of each stream; of snapshots those of all days, since they say who was who.
func (h holdings) objects(w *Window) map[string][]sinks.Object {
	out := map[string][]sinks.Object{}
	for _, s := range streams {
		out[s.Name] = s.objects(h.ledgers[s.Name], func(_ string, day arrow.Date32) bool {
			return s.IsSnapshot() || w.has(day)
		})
	}
	return out
}

// datesIn lists the local dates that the days of a window overlap, by account.
func (h holdings) datesIn(w *Window) map[string]map[string]bool {
	dates := map[string]map[string]bool{}
	for _, account := range h.accounts {
		dates[account] = map[string]bool{}
		add := func(day arrow.Date32) {
			for _, date := range datesIn(Window{From: day, To: day + 1}, h.zone) {
				dates[account][date] = true
			}
		}
		for _, s := range streams {
			for day := range h.ledgers[s.Name][account] {
				if w.has(day) {
					add(day)
				}
			}
		}
		for _, c := range h.covered[account] {
			if w.has(c.day) {
				dates[account][c.date()] = true
			}
		}
	}
	return dates
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
	return err == nil && w.has(dayOf(at))
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
