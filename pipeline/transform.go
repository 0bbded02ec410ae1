package pipeline

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// Transformed is what a transformation did.
type Transformed struct {
	Stale     int         // local days of accounts of which some mart's inputs, SQL, settings or time zone changed
	Changed   []Partition // of marts that were replaced or removed
	Unchanged int         // partitions that were built again and came out the same
}

// Transform brings the marts up to date with what the ledger says that the lake holds, for all its accounts: the
// partitions whose inputs changed, and only those, are built, audited and replaced.
func Transform(ctx context.Context, lake *sinks.Lake, engine *sql.Engine, zone *time.Location) (Transformed, error) {
	t := transformation{lake: lake, engine: engine, zone: zone, states: map[string]sinks.MartState{}}
	if err := t.load(ctx); err != nil {
		return Transformed{}, err
	}
	t.compare()
	if len(t.stale) == 0 {
		return t.done, nil
	}
	parts, err := t.build(ctx)
	if err != nil {
		return t.done, err
	}
	return t.done, t.publish(ctx, parts)
}

// transformation is one Transform while it runs.
type transformation struct {
	lake   *sinks.Lake
	engine *sql.Engine
	zone   *time.Location

	held   holdings
	states map[string]sinks.MartState
	inputs map[string]map[string]string // by mart and partition: what it would be built from now
	stale  map[sql.Date][]sql.Model     // marts to build, by day
	done   Transformed
}

func (t *transformation) load(ctx context.Context) (err error) {
	if t.held, err = readHoldings(ctx, t.lake, t.zone, t.engine.Settings(), martTables()); err != nil {
		return err
	}
	t.held.withoutShadowed()
	for _, m := range sql.Marts() {
		if m.Unit == sql.UnitAll {
			return fmt.Errorf("mart %s: unit %q cannot be published", m.Name, m.Unit)
		}
		if t.states[m.Name], err = t.lake.MartState(ctx, m.Name); err != nil {
			return err
		}
	}
	return nil
}

// martTables lists the tables that marts are built from.
func martTables() (out []string) {
	for _, m := range sql.Marts() {
		out = append(out, m.Tables...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Ledgers reads the ledgers of the call log of all accounts in the lake.
func Ledgers(ctx context.Context, lake *sinks.Lake) (map[string]sinks.Ledger, error) {
	return ledgersOf(ctx, lake, CallLogStream)
}

func ledgersOf(ctx context.Context, lake *sinks.Lake, stream string) (map[string]sinks.Ledger, error) {
	accounts, err := lake.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]sinks.Ledger{}
	for _, account := range accounts {
		if out[account], err = lake.Ledger(ctx, account, stream); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// compare finds the partitions of marts that were built from other inputs than there are now.
func (t *transformation) compare() {
	t.inputs, t.stale = map[string]map[string]string{}, map[sql.Date][]sql.Model{}
	for _, m := range sql.Marts() {
		t.inputs[m.Name] = map[string]string{}
		for _, account := range t.held.accounts {
			for _, date := range t.held.datesOf(m, account) {
				partition := sinks.MartPath(account, date)
				now := t.inputsOf(m, account, date)
				t.inputs[m.Name][partition] = now
				if t.states[m.Name][partition].Inputs != now {
					day := sql.Date{AccountID: account, LocalDate: date}
					t.stale[day] = append(t.stale[day], m)
				}
			}
		}
	}
	t.done.Stale = len(t.stale)
}

// dependsOn is what of time a partition of the mart is built from.
func (t *transformation) dependsOn(m sql.Model, date string) stretch {
	before, after := m.Reach(t.engine.Settings())
	return stretchOf(date, t.zone, before, after)
}

// inputsOf names what a partition of the mart is built from.
func (t *transformation) inputsOf(m sql.Model, account, date string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n", m.Hash, t.zone, date)
	for _, name := range m.Settings {
		fmt.Fprintf(h, "%s = %s\n", name, t.engine.Setting(name, date))
	}
	on := t.dependsOn(m, date)
	for _, table := range m.Tables {
		t.held.write(h, table, account, on)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// buildDays is how many local days are built together: what DuckDB holds at a time does not grow with history.
const buildDays = 31

// build computes the stale partitions, some days at a time. A partition depends on its own days only, whatever is loaded with it.
func (t *transformation) build(ctx context.Context) (built []sql.Partition, err error) {
	days := slices.SortedFunc(maps.Keys(t.stale), func(a, b sql.Date) int {
		return cmp.Or(strings.Compare(a.AccountID, b.AccountID), strings.Compare(a.LocalDate, b.LocalDate))
	})
	for together := range slices.Chunk(days, buildDays) {
		parts, err := t.buildTogether(ctx, together)
		if err != nil {
			return nil, err
		}
		built = append(built, parts...)
	}
	return built, nil
}

// buildTogether loads what the stale partitions of some days depend on, and nothing else, and builds them.
func (t *transformation) buildTogether(ctx context.Context, days []sql.Date) ([]sql.Partition, error) {
	need, want := t.held.needNothing(), map[string][]sql.Date{}
	for _, d := range days {
		for _, m := range t.stale[d] {
			want[m.Name] = append(want[m.Name], d)
			need.add(m, d.AccountID, t.dependsOn(m, d.LocalDate))
		}
	}
	if err := need.load(ctx, t.lake, t.engine); err != nil {
		return nil, err
	}
	return t.engine.Build(ctx, want, filepath.Join(t.lake.Scratch(), "marts"))
}

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

// publish uploads what was built and then notes what it was built from.
func (t *transformation) publish(ctx context.Context, parts []sql.Partition) error {
	noted := map[string]sinks.MartState{}
	for _, p := range parts {
		now, err := t.publishOne(ctx, p)
		if err != nil {
			return err
		}
		if noted[p.Mart] == nil {
			noted[p.Mart] = sinks.MartState{}
		}
		noted[p.Mart][sinks.MartPath(p.AccountID, p.LocalDate)] = now
	}
	for mart := range t.states {
		gone, err := t.dropGone(ctx, mart)
		if err != nil {
			return err
		}
		if err := t.lake.WriteMartState(ctx, mart, noted[mart], gone); err != nil {
			return err
		}
	}
	return nil
}

// publishOne replaces one partition. One without rows has no object: so it is the same whether it had rows before or not.
func (t *transformation) publishOne(ctx context.Context, p sql.Partition) (sinks.MartPartition, error) {
	name := sinks.MartPath(p.AccountID, p.LocalDate)
	had, now := t.states[p.Mart][name].SHA256 != "", sinks.MartPartition{Inputs: t.inputs[p.Mart][name]}
	changed := had
	switch {
	case p.Rows > 0:
		published, replaced, err := t.lake.PublishMart(ctx, p.Mart, name, p.Path)
		if err != nil {
			return now, err
		}
		now.Rows, now.Bytes, now.SHA256, changed = p.Rows, published.Bytes, published.SHA256, replaced
	case had:
		if err := t.lake.DropMart(ctx, p.Mart, name); err != nil {
			return now, err
		}
	default:
		return now, nil
	}
	if changed {
		t.done.Changed = append(t.done.Changed, martPartition(p.Mart, p.AccountID, p.LocalDate))
	} else {
		t.done.Unchanged++
	}
	return now, nil
}

// dropGone removes the partitions of local dates that no held day overlaps any more, as after a change of the time
// zone.
func (t *transformation) dropGone(ctx context.Context, mart string) (gone []string, err error) {
	for name, p := range t.states[mart] {
		if _, ok := t.inputs[mart][name]; ok {
			continue
		}
		gone = append(gone, name)
		if p.SHA256 == "" {
			continue
		}
		if err := t.lake.DropMart(ctx, mart, name); err != nil {
			return nil, err
		}
		account, date, _ := strings.Cut(strings.TrimPrefix(name, "account_id="), "/local_date=")
		t.done.Changed = append(t.done.Changed, martPartition(mart, account, date))
	}
	return gone, nil
}

func martPartition(mart, account, date string) Partition {
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		at = time.Unix(0, 0) // a state that another version wrote; the object is named by the day all the same
	}
	return Partition{Table: "marts/" + mart, AccountID: account, Day: dayOf(at)}
}
