package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
// partitions whose inputs changed, and only those, are built, audited and replaced. Nothing is replaced before all of them are built.
func Transform(ctx context.Context, lake *sinks.Lake, engine *sql.Engine, zone *time.Location) (Transformed, error) {
	t := transformation{lake: lake, engine: engine, zone: zone, states: map[string]sinks.MartState{},
		inputs: map[string]map[string]string{}, built: map[string]map[string]sql.Partition{},
		read: map[string]bool{}, contents: map[string]map[string]string{}}
	if err := t.load(ctx); err != nil {
		return Transformed{}, err
	}
	days := map[sql.Date]bool{}
	for _, marts := range stages(sql.Marts()) {
		stale := t.compare(marts)
		for day := range stale {
			days[day] = true
		}
		if err := t.build(ctx, stale); err != nil {
			return Transformed{}, err
		}
	}
	if t.done.Stale = len(days); t.done.Stale == 0 {
		return t.done, nil
	}
	return t.done, t.publish(ctx)
}

// transformation is one Transform while it runs.
type transformation struct {
	lake   *sinks.Lake
	engine *sql.Engine
	zone   *time.Location

	held     holdings
	states   map[string]sinks.MartState
	inputs   map[string]map[string]string        // by mart and partition: what it would be built from now
	built    map[string]map[string]sql.Partition // by mart and partition, until they are published
	read     map[string]bool                     // marts that others read
	contents map[string]map[string]string        // of their built partitions, see contentOf
	done     Transformed
}

// stages sorts the marts behind those that they read: a mart is in the first stage in which all of these are built.
func stages(marts []sql.Model) (out [][]sql.Model) {
	at := map[string]int{}
	for len(at) < len(marts) {
		var stage []sql.Model
		for _, m := range marts {
			_, placed := at[m.Name]
			if !placed && !slices.ContainsFunc(m.Marts, func(read string) bool { n, ok := at[read]; return !ok || n == len(out) }) {
				stage = append(stage, m)
			}
		}
		for _, m := range stage {
			at[m.Name] = len(out)
		}
		out = append(out, stage)
	}
	return out
}

func (t *transformation) load(ctx context.Context) (err error) {
	if t.held, err = readHoldings(ctx, t.lake, t.zone, t.engine.Settings(), martTables()); err != nil {
		return err
	}
	t.held.withoutShadowed()
	for _, m := range sql.Marts() {
		for _, read := range m.Marts {
			t.read[read], t.contents[read] = true, map[string]string{}
		}
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

// compare finds the partitions of marts that were built from other inputs than there are now, by day.
func (t *transformation) compare(marts []sql.Model) map[sql.Date][]sql.Model {
	stale := map[sql.Date][]sql.Model{}
	for _, m := range marts {
		t.inputs[m.Name], t.built[m.Name] = map[string]string{}, map[string]sql.Partition{}
		for _, account := range t.held.accounts {
			for _, date := range t.datesOf(m, account) {
				partition := sinks.MartPath(account, date)
				now := t.inputsOf(m, account, date)
				t.inputs[m.Name][partition] = now
				if t.states[m.Name][partition].Inputs != now {
					day := sql.Date{AccountID: account, LocalDate: date}
					stale[day] = append(stale[day], m)
				}
			}
		}
	}
	return stale
}

// datesOf lists the local dates for which the mart has a partition of the account, in order: those of the marts that it reads, too.
func (t *transformation) datesOf(m sql.Model, account string) []string {
	dates := t.held.datesOf(m, account)
	for _, read := range m.Marts {
		for partition := range t.inputs[read] {
			if of, date := partitionOf(partition); of == account {
				dates = append(dates, date)
			}
		}
	}
	slices.Sort(dates)
	return slices.Compact(dates)
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
	for _, mart := range m.Marts {
		for _, date := range t.datesRead(m, date) {
			fmt.Fprintf(h, "%s of %s %s\n", mart, date, t.contentOf(mart, sinks.MartPath(account, date)))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// contentOf names the rows of a partition as they will be published: the SHA-256 of its object, empty without one.
func (t *transformation) contentOf(mart, partition string) string {
	if _, owed := t.inputs[mart][partition]; !owed {
		return ""
	}
	if content, built := t.contents[mart][partition]; built {
		return content
	}
	return t.states[mart][partition].SHA256
}

// publish uploads what was built and then notes what it was built from.
func (t *transformation) publish(ctx context.Context) error {
	noted := map[string]sinks.MartState{}
	for _, mart := range slices.Sorted(maps.Keys(t.built)) {
		noted[mart] = sinks.MartState{}
		for _, name := range slices.Sorted(maps.Keys(t.built[mart])) {
			now, err := t.publishOne(ctx, t.built[mart][name])
			if err != nil {
				return err
			}
			noted[mart][name] = now
		}
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
		account, date := partitionOf(name)
		t.done.Changed = append(t.done.Changed, martPartition(mart, account, date))
	}
	return gone, nil
}

// partitionOf reads what MartPath writes.
func partitionOf(path string) (account, date string) {
	account, date, _ = strings.Cut(strings.TrimPrefix(path, "account_id="), "/local_date=")
	return account, date
}

func martPartition(mart, account, date string) Partition {
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		at = time.Unix(0, 0) // a state that another version wrote; the object is named by the day all the same
	}
	return Partition{Table: "marts/" + mart, AccountID: account, Day: dayOf(at)}
}
