package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// # What a verification looks at
//
// The ledger says of each day which object there is. The object is read, hashed and compared with that, and its rows
// are held against what a partition promises: each in its day, sorted, no id twice, also over all days of the account.
// What lies below the tables and is not known to the ledger, or to the marts' states, is somebody else's. A deep
// verification has each object read by a second reader, and folds the archive as a rebuilding does, beside the lake, to
// see that of every archived record the table has a version at least as new. Nothing in the lake is changed.
//
// Days under another privacy policy than the configured one are listed, and are no findings: they are what they were meant to be
// when they were written, and only who configures the policy knows whether they are to come under it.
//
// A day that is found wrong is looked at a second time with its ledger read anew, since a run may have replaced it
// between the two. Even so it is best to verify while nothing is written.

// Kinds of findings. They are stable: programs may compare them.
const (
	FindObjectMissing    = "object_missing"    // the ledger has an object of the day, the lake has none
	FindObjectUnknown    = "object_unknown"    // the lake has an object of a day of which the ledger knows none
	FindObjectUnreadable = "object_unreadable" // a partition that cannot be read as Parquet
	FindSizeDiffers      = "size_differs"      // the object has another size than the ledger says
	FindSHA256Differs    = "sha256_differs"    // it has other bytes
	FindRowsDiffer       = "rows_differ"       // it has another number of rows
	FindContentDiffers   = "content_differs"   // it has other rows
	FindRowKeyless       = "row_without_key"   // a row without id or time
	FindRowMisplaced     = "row_misplaced"     // a row in another day than its time says
	FindRowsUnsorted     = "rows_unsorted"     // rows that are not sorted by time and id
	FindIDRepeated       = "id_repeated"       // an id that the account has more than once
	FindForeignObject    = "foreign_object"    // an object below a table's or mart's prefix that is no partition
	FindStateUnreadable  = "state_unreadable"  // an object below _trunkline/ that is not what it must be
	FindStateMissing     = "state_missing"     // an object below _trunkline/ that must be there
	FindLeftWriting      = "left_writing"      // a day that a run was about to write when it ended
	FindPolicyDiffers    = "policy_differs"    // the object names another privacy policy than the ledger
	FindMartMissing      = "mart_missing"      // a mart's state has a partition, the lake has not
	FindMartUnknown      = "mart_unknown"      // the lake has a partition that the mart's state does not know
	FindMartDiffers      = "mart_differs"      // a mart's partition has other bytes than its state says
	FindReadersDiffer    = "readers_differ"    // deep: two readers read different things
	FindArchiveBad       = "archive_unreadable"
	FindArchivedMissing  = "archived_missing" // deep: the archive has a record that the table has not
	FindArchivedNewer    = "archived_newer"   // deep: the archive has a newer version than the table
	FindAudioMissing     = "audio_missing"    // a row names audio that the lake has not
	FindAudioDiffers     = "audio_differs"    // audio of another size than its row says or, deep, of other bytes
	FindAudioUnknown     = "audio_unknown"    // audio that no row names
	FindPolicyBroken     = "policy_broken"    // deep: rows hold what the policy that they are under takes away
)

// A Finding is one thing that is not as the lake promises.
type Finding struct {
	Kind      string `json:"kind"`              // one of the Find constants
	Stream    string `json:"stream,omitempty"`  // where it is one stream's
	AccountID string `json:"account,omitempty"` // where it is one account's
	Day       string `json:"day,omitempty"`     // UTC, or a mart's local date; where it is one day's
	Key       string `json:"key,omitempty"`     // of the object, where it is one object's
	Detail    string `json:"detail"`
	Remedy    string `json:"remedy"`
}

// Verifying says what to verify.
type Verifying struct {
	AccountID string  // OwnAccount: all accounts of the lake
	Window    *Window // nil: all days
	Deep      bool
	Policy    *schema.Policy // the configured one; nil keeps everything
	Terms
	Now time.Time
}

// Verification is what a verification came to.
type Verification struct {
	Findings []Finding `json:"findings"`
	Accounts int       `json:"accounts"`
	Days     int       `json:"days"`    // of the ledger, looked at
	Objects  int       `json:"objects"` // read and hashed
	Rows     int64     `json:"rows"`    // of the table
	Bytes    int64     `json:"bytes"`   // of the objects
	Archived int       `json:"archived_reads"`
	Deep     bool      `json:"deep"`

	// UnderAnotherPolicy is the days with calls that the ledger has under another privacy policy than the configured one.
	UnderAnotherPolicy []PolicyDays `json:"under_another_policy"`
}

// Verify compares the lake with what it says of itself. It changes nothing and needs no credentials of RingCentral. Its error is
// that of a lake that cannot be looked at; what is wrong in the lake is a finding.
func Verify(ctx context.Context, lake *sinks.Lake, v Verifying) (Verification, error) {
	c := &verification{Verifying: v, lake: lake, ledgers: map[string][]string{}, badMonths: map[string]bool{}, seen: map[string]bool{}}
	c.done = Verification{Findings: []Finding{}, Deep: v.Deep, UnderAnotherPolicy: []PolicyDays{}}
	if err := c.state(ctx); err != nil {
		return c.done, err
	}
	for _, s := range streams {
		c.stream, c.held, c.audio = s, map[string]map[arrow.Date32]bool{}, map[string]map[string]int64{}
		if err := errors.Join(c.table(ctx), c.accounts(ctx)); err != nil {
			return c.done, s.named(err)
		}
	}
	return c.done, c.marts(ctx)
}

// verification is one Verify while it runs.
type verification struct {
	Verifying
	lake *sinks.Lake
	done Verification

	stream    stream                           // that is looked at
	seen      map[string]bool                  // accounts that were looked at
	ledgers   map[string][]string              // by stream, accounts that have a ledger
	held      map[string]map[arrow.Date32]bool // by account, the days that have an object of the stream
	audio     map[string]map[string]int64      // by account and key, the bytes of audio that there is
	badMonths map[string]bool                  // by account, stream and month: what cannot be read of the ledger
	many      map[string]int                   // findings of one record each, by kind
}

func (c *verification) find(f Finding) { c.done.Findings = append(c.done.Findings, f) }

// manyAlike is how many findings of one record each are listed by kind and account.
const manyAlike = 50

// findRecord notes a finding about one record, and only counts it where there are many alike.
func (c *verification) findRecord(f Finding) {
	if c.many[f.Kind]++; c.many[f.Kind] <= manyAlike {
		c.find(f)
	}
}

// countAlike says how many more findings there are than are listed.
func (c *verification) countAlike(account string) {
	for _, kind := range slices.Sorted(maps.Keys(c.many)) {
		if more := c.many[kind] - manyAlike; more > 0 {
			c.find(Finding{Kind: kind, Stream: c.stream.Name, AccountID: account, Detail: fmt.Sprintf("and %d more records like these", more), Remedy: "as above"})
		}
	}
}

func (c *verification) wantsAccount(account string) bool {
	return c.AccountID == OwnAccount || c.AccountID == "" || c.AccountID == account
}

func (c *verification) wantsDay(d arrow.Date32) bool {
	return c.Window == nil || d >= c.Window.From && d < c.Window.To
}

// near reports whether a day is wanted or lies beside one that is: a record may have moved there.
func (c *verification) near(d arrow.Date32) bool {
	return c.Window == nil || d >= c.Window.From-1 && d <= c.Window.To
}

// accounts verifies the table account by account.
func (c *verification) accounts(ctx context.Context) error {
	all := slices.Concat(c.ledgers[c.stream.Name], slices.Collect(maps.Keys(c.held)), slices.Collect(maps.Keys(c.audio)))
	slices.Sort(all)
	for _, account := range slices.Compact(all) {
		if err := c.account(ctx, account); err != nil {
			return fmt.Errorf("account %s: %w", account, err)
		}
	}
	return nil
}

func (c *verification) account(ctx context.Context, account string) (err error) {
	c.seen[account] = true
	c.done.Accounts = len(c.seen)
	c.many = map[string]int{}
	a := &accountCheck{verification: c, id: account, namesAudio: map[string]bool{}}
	if a.policy, err = c.Policy.For(c.stream.columns); err != nil && !errors.Is(err, schema.ErrNoIdentity) {
		return err
	}
	if a.ledger, _, err = c.lake.LedgerAsFound(ctx, account, c.stream.Name); err != nil {
		return err // months that cannot be read were told of with the other objects of their kind
	}
	if a.versions, err = c.lake.NewVersions(c.stream.Table); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.versions.Close()) }()
	for _, day := range a.days() {
		if err := a.day(ctx, day); err != nil {
			return fmt.Errorf("day %s: %w", day.FormattedString(), err)
		}
	}
	if err := a.repeated(); err != nil {
		return err
	}
	a.unnamedAudio()
	a.listPolicies()
	if c.Deep {
		err = a.archive(ctx)
	}
	c.countAlike(account)
	return err
}

// accountCheck verifies the table of one account.
type accountCheck struct {
	*verification
	id       string
	ledger   sinks.Ledger
	policy   *schema.Policy  // the configured one, for the stream's rows
	versions *sinks.Versions // of all rows

	namesAudio map[string]bool // keys of audio that rows name
}

// days lists the days of the ledger and of the objects, in order.
func (a *accountCheck) days() []arrow.Date32 {
	all := a.ledger.Days()
	for d := range a.held[a.id] {
		all = append(all, d)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(d arrow.Date32) bool { return !a.near(d) })
}

// day verifies one day, a second time if something is wrong.
func (a *accountCheck) day(ctx context.Context, d arrow.Date32) error {
	found, object, err := a.look(ctx, d)
	if err == nil && len(found) > 0 {
		if a.ledger, _, err = a.lake.LedgerAsFound(ctx, a.id, a.stream.Name); err != nil {
			return err
		}
		found, object, err = a.look(ctx, d)
	}
	if err != nil {
		return err
	}
	if object.Rows != nil {
		if err := errors.Join(a.versions.Add(object.Rows, d), a.audioOf(ctx, d, object.Rows)); err != nil {
			return err
		}
	}
	if !a.wantsDay(d) {
		return nil // it is there for its ids only
	}
	a.done.Days++
	if object.SHA256 != "" {
		a.done.Objects++
		a.done.Bytes += object.Bytes
	}
	if object.Rows != nil {
		a.done.Rows += object.Rows.NumRows()
	}
	a.done.Findings = append(a.done.Findings, found...)
	return nil
}

// look compares a day's object with the ledger, and its rows with what a partition promises.
func (a *accountCheck) look(ctx context.Context, d arrow.Date32) (found []Finding, object sinks.Examined, err error) {
	entry, date := a.ledger[d], d.FormattedString()
	key := sinks.PartitionKey(a.stream.Name, a.id, d)
	note := func(kind, remedy, format string, args ...any) {
		found = append(found, Finding{kind, a.stream.Name, a.id, date, key, fmt.Sprintf(format, args...), remedy})
	}
	if entry.Writing {
		note(FindLeftWriting, "the next run looks after it: `trunkline run`", "a run ended while it was writing the day")
	}
	if entry.ContentHash != "" || a.held[a.id][d] {
		if object, err = a.lake.Examine(ctx, a.stream.columns.Schema(), key, a.Deep); err != nil {
			return nil, object, err
		}
	}
	var differ *sinks.ReadersDiffer
	switch {
	case object.Missing && entry.ContentHash != "":
		note(FindObjectMissing, a.readAgain(d), "the ledger has %d rows of the day, the lake has no object of it", entry.Rows)
	case object.SHA256 == "": // there is none, and need not be
	case errors.As(object.Wrong, &differ):
		note(FindReadersDiffer, "read the object with a third reader, and report it with the object's columns and levels, not its values", "%v", object.Wrong)
	case object.Wrong != nil:
		note(FindObjectUnreadable, a.readAgain(d)+"; where both say that it is damaged, keep the object elsewhere and repeat", "%v", object.Wrong)
	}
	if object.SHA256 != "" {
		a.compare(d, entry, object, note)
	}
	if object.Rows == nil {
		return found, object, nil
	}
	if err := a.obeys(d, object, note); err != nil {
		return nil, object, err
	}
	return found, object, a.rows(d, object.Rows, note)
}

// noting notes a finding about a day.
type noting func(kind, remedy, format string, args ...any)

// compare holds an object against its entry in the ledger.
func (a *accountCheck) compare(d arrow.Date32, entry sinks.LedgerDay, object sinks.Examined, note noting) {
	remedy := "if the object was damaged move it away; then " + a.readAgain(d)
	for beside := d - 1; beside <= d+1; beside++ {
		if a.ledger[beside].Writing {
			remedy = "a run was writing the day, or one beside it, when it ended: the next run looks after it"
		}
	}
	if entry.ContentHash == "" {
		if !a.badMonths[a.id+" "+a.stream.Name+" "+d.FormattedString()[:len("2006-01")]] {
			note(FindObjectUnknown, remedy, "the ledger knows of no object of the day")
		}
		return
	}
	if object.Bytes != entry.Bytes {
		note(FindSizeDiffers, remedy, "the object has %d bytes, the ledger says %d", object.Bytes, entry.Bytes)
	}
	if object.SHA256 != entry.SHA256 {
		note(FindSHA256Differs, remedy, "the object's SHA-256 is %s, the ledger says %s", object.SHA256, entry.SHA256)
	}
	if object.Rows == nil {
		return
	}
	if object.Policy != entry.Policy {
		note(FindPolicyDiffers, remedy, "the object's metadata names the privacy policy %s, the ledger %s",
			cmp.Or(object.Policy, NoPolicy), cmp.Or(entry.Policy, NoPolicy))
	}
	if n := object.Rows.NumRows(); n != entry.Rows {
		note(FindRowsDiffer, remedy, "the object has %d rows, the ledger says %d", n, entry.Rows)
	}
	if object.ContentHash != entry.ContentHash {
		note(FindContentDiffers, remedy, "the rows' content hash is %s, the ledger says %s", object.ContentHash, entry.ContentHash)
	}
}

// rows holds the rows of a day against what a partition promises.
func (a *accountCheck) rows(d arrow.Date32, rows arrow.RecordBatch, note noting) error {
	faults, err := a.stream.On(d).CheckRows(rows, d)
	if err != nil {
		note(FindObjectUnreadable, "move the object away; then "+a.readAgain(d), "%v", err)
		return nil
	}
	remedy := "nothing that trunkline writes is like this: move the object away; then " + a.readAgain(d)
	if faults.Keyless > 0 {
		note(FindRowKeyless, remedy, "%d rows have no id or no start time; the first is %s", faults.Keyless, faults.First["keyless"])
	}
	if faults.Misplaced > 0 {
		note(FindRowMisplaced, remedy, "%d rows start on another day; the first is %s", faults.Misplaced, faults.First["misplaced"])
	}
	if faults.Unsorted > 0 {
		note(FindRowsUnsorted, remedy, "%d rows come after later ones; the first is %s", faults.Unsorted, faults.First["unsorted"])
	}
	return nil
}

// repeated finds the ids that lie in the table more than once.
func (a *accountCheck) repeated() error {
	var before sinks.RowVersion
	var days []string
	end := func() {
		if len(days) > 1 {
			a.findRecord(Finding{Kind: FindIDRepeated, Stream: a.stream.Name, AccountID: a.id, Day: days[0],
				Detail: fmt.Sprintf("id %q lies in %s", before.ID, strings.Join(days, ", ")),
				Remedy: "read these days again: `trunkline run" + a.stream.scopeFlag() + " --from " + days[0] + " --to DAY`; of days beside each other the older version leaves, " +
					"of days further apart move the older day's object away first"})
		}
	}
	for v, err := range a.versions.Sorted() {
		if err != nil {
			return err
		}
		if v.ID != before.ID || a.stream.IsSnapshot() && v.Day != before.Day {
			end()
			days = nil
		}
		before, days = v, append(days, v.Day.FormattedString())
	}
	end()
	return nil
}

// readAgain is the command that brings a day in order.
func (a *accountCheck) readAgain(d arrow.Date32) string {
	w := Window{From: d, To: d + 1}
	if a.stream.IsSnapshot() {
		return fmt.Sprintf("`trunkline replay --from %s --to %s` builds the day from the archive; what was then cannot be read any more",
			w.From.FormattedString(), w.To.FormattedString())
	}
	if a.stream.byWhat == byCall {
		return fmt.Sprintf("`trunkline run --streams %s --from %s --to %s` makes the day's table again, of the calls and of the audio that is there",
			a.stream.Name, w.From.FormattedString(), w.To.FormattedString())
	}
	if !a.stream.isCallLog() {
		return fmt.Sprintf("`trunkline run --streams %s --from %s --to %s` reads the day again, and `trunkline replay` with the same days builds it from the archive",
			a.stream.Name, w.From.FormattedString(), w.To.FormattedString())
	}
	return fmt.Sprintf("`trunkline run%s --from %s --to %s` reads the day again, and `trunkline replay` with the same days builds it from the archive",
		a.stream.scopeFlag(), w.From.FormattedString(), w.To.FormattedString())
}
