package sql

import (
	"cmp"
	"context"
	"crypto/sha256"
	stdsql "database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// BusinessHours is one stretch of a weekday in which the company is open, by the clocks of the time zone: on days on which they
// are put forward or back, too.
type BusinessHours struct {
	Weekday time.Weekday
	// FromMinute and ToMinute are minutes since midnight by the clock, 0 to 1440; the last one is outside.
	FromMinute, ToMinute int
}

// Holiday is a day on which the company is closed.
type Holiday struct {
	Date string // YYYY-MM-DD, in the time zone
	Name string // may be empty
}

// RateCard says what a contact is charged for a call. A call is charged by the card that is in force on its local date: that of
// its contact, else the default one.
type RateCard struct {
	ContactID string // whose card it is; empty for the default card
	Currency  string // code of ISO 4217, such as EUR
	// CurrencyDigits are the digits behind the point that an amount of the currency has, 0 to 4.
	CurrencyDigits int
	RatePerMinute  string // a decimal number with at most four digits behind the point
	// InitialS is charged whatever a call takes up to it; beyond it, seconds are rounded up to whole increments of IncrementS.
	InitialS, IncrementS int
	MinimumS             int // the least that is charged [s]
	GraceS               int // what takes no longer costs nothing [s]
	// Of calls between extensions, of those that nobody answered, and of those that ended in a voicemail box: whether they are free.
	InternalFree, MissedFree, VoicemailFree bool
	ValidFrom, ValidTo                      string // first and last local date, YYYY-MM-DD; empty without a bound
}

// Contact says whose number an outside number is.
type Contact struct {
	Digits             string // of the number, with country code and without +
	ContactID          string
	Matter             string // what calls of the number are booked on; may be empty
	ValidFrom, ValidTo string // first and last local date, YYYY-MM-DD; empty without a bound
}

// settingTables are the tables in the schema settings, which the engine fills, by the names under which models declare that they use them.
var settingTables = map[string]string{
	"business_hours": "weekday bigint, from_minute bigint, to_minute bigint",
	"holidays":       "holiday_date date, holiday_name varchar",
	"rate_card": "contact_id varchar, currency varchar, currency_digits bigint, rate_per_minute decimal(18,4), initial_s bigint, " +
		"increment_s bigint, minimum_s bigint, grace_s bigint, is_internal_free boolean, is_missed_free boolean, " +
		"is_voicemail_free boolean, valid_from date, valid_to date",
	"contact_map": "phone_digits varchar, contact_id varchar, matter varchar, valid_from date, valid_to date",
}

// settingRow is a row of such a table: its values in SQL, and when it counts.
type settingRow struct {
	values   string
	weekday  int    // 1 for Monday to 7 for Sunday; 0: on each
	from, to string // first and last date; empty without a bound
}

func (r settingRow) countsOn(date string, weekday int) bool {
	return (r.weekday == 0 || r.weekday == weekday) && r.from <= date && (r.to == "" || date <= r.to)
}

// rows are the settings that are more than a number, in the order of their text.
func (s Settings) rows() map[string][]settingRow {
	out := map[string][]settingRow{}
	add := func(table string, r settingRow, values ...string) {
		r.values = "(" + strings.Join(values, ", ") + ")"
		out[table] = append(out[table], r)
	}
	for _, h := range s.BusinessHours {
		day := isoWeekday(h.Weekday)
		add("business_hours", settingRow{weekday: day}, fmt.Sprint(day), fmt.Sprint(h.FromMinute), fmt.Sprint(h.ToMinute))
	}
	for _, h := range s.Holidays {
		add("holidays", settingRow{from: h.Date, to: h.Date}, quoteText(h.Date), orNull(h.Name))
	}
	for _, c := range s.RateCards {
		add("rate_card", settingRow{from: c.ValidFrom, to: c.ValidTo}, orNull(c.ContactID), quoteText(c.Currency), fmt.Sprint(c.CurrencyDigits),
			quoteText(c.RatePerMinute), fmt.Sprint(c.InitialS), fmt.Sprint(c.IncrementS), fmt.Sprint(c.MinimumS), fmt.Sprint(c.GraceS),
			fmt.Sprint(c.InternalFree), fmt.Sprint(c.MissedFree), fmt.Sprint(c.VoicemailFree), orNull(c.ValidFrom), orNull(c.ValidTo))
	}
	for _, c := range s.Contacts {
		add("contact_map", settingRow{from: c.ValidFrom, to: c.ValidTo},
			quoteText(c.Digits), quoteText(c.ContactID), orNull(c.Matter), orNull(c.ValidFrom), orNull(c.ValidTo))
	}
	for _, rows := range out {
		slices.SortFunc(rows, func(a, b settingRow) int { return strings.Compare(a.values, b.values) })
	}
	return out
}

func orNull(text string) string {
	if text == "" {
		return "null"
	}
	return quoteText(text)
}

func isoWeekday(d time.Weekday) int {
	return cmp.Or(int(d), 7)
}

// check refuses what no table can hold, and what the arithmetic of the marts is not meant for.
func (c RateCard) check() error {
	whole, fraction, _ := strings.Cut(c.RatePerMinute, ".")
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	switch {
	case whole == "" || len(whole) > 6 || len(fraction) > 4 || !digits(whole) || !digits(fraction):
		return fmt.Errorf("rate per minute %q: expected a decimal number, below 1000000, with at most four digits behind the point, such as 1.50", c.RatePerMinute)
	case c.CurrencyDigits < 0 || c.CurrencyDigits > 4:
		return fmt.Errorf("currency %s of %d digits behind the point: expected 0 to 4", c.Currency, c.CurrencyDigits)
	case c.IncrementS < 1 || min(c.InitialS, c.MinimumS, c.GraceS) < 0 || max(c.InitialS, c.IncrementS, c.MinimumS, c.GraceS) > 86400:
		return fmt.Errorf("initial %d s, increment %d s, minimum %d s, grace %d s: expected 0 to 86400 s, and an increment of at least 1 s",
			c.InitialS, c.IncrementS, c.MinimumS, c.GraceS)
	}
	return nil
}

// Setting is what a model that declares the name depends on at a local date: the value of a number; of a table its rows that count on
// that date. It is empty for a name that is not known.
func (e *Engine) Setting(name, date string) string {
	if _, isTable := settingTables[name]; !isTable {
		return e.settings.Value(name)
	}
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return ""
	}
	e.memory.Lock()
	defer e.memory.Unlock()
	weekday := 0
	if rows := e.rows[name]; len(rows) > 0 && rows[0].weekday > 0 {
		weekday = isoWeekday(at.Weekday())
	}
	key := fmt.Sprint(name, " ", weekday, " ", e.period(name, date))
	if _, known := e.counting[key]; !known {
		e.counting[key] = hashOn(e.rows[name], date, weekday)
	}
	return e.counting[key]
}

// period numbers the stretches of time in which the same rows count, but for weekdays: a long contact map is hashed once for each, not
// for every date.
func (e *Engine) period(name, date string) int {
	if _, known := e.borders[name]; !known {
		var borders []string
		for _, r := range e.rows[name] {
			borders = append(borders, r.from, r.to+"~") // behind the last date, and before the next
		}
		slices.Sort(borders)
		e.borders[name] = slices.Compact(borders)
	}
	behind, _ := slices.BinarySearch(e.borders[name], date+" ") // behind the date itself
	return behind
}

// hashOn is the SHA-256 of the rows that count on a date. Of rows for weekdays it belongs to it whether there are any: without business
// hours at all it is not known when the company is closed.
func hashOn(rows []settingRow, date string, weekday int) string {
	h := sha256.New()
	fmt.Fprintln(h, len(rows) > 0 && rows[0].weekday > 0)
	for _, r := range rows {
		if r.countsOn(date, weekday) {
			fmt.Fprintln(h, r.values)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// fillTables makes the tables that the settings fill, and that of settled days, without rows.
func (e *Engine) fillTables(ctx context.Context) error {
	e.rows = e.settings.rows()
	return e.inTransaction(ctx, func(tx *stdsql.Tx) error {
		for _, table := range sortedKeys(settingTables) {
			if err := fillTable(ctx, tx, table, settingTables[table], valuesOf(e.rows[table])); err != nil {
				return err
			}
		}
		return fillTable(ctx, tx, "settled_days", settledColumns, nil)
	})
}

// insertedRows is how many rows one statement inserts: the text of one is kept small.
const insertedRows = 1000

func fillTable(ctx context.Context, tx *stdsql.Tx, table, columns string, values []string) error {
	for _, statement := range tableStatements(table, columns, values) {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("table %s: %w; check the dates of the settings", table, err)
		}
	}
	return nil
}

func tableStatements(table, columns string, values []string) []string {
	out := []string{"create schema if not exists settings", fmt.Sprintf("create or replace table settings.%s (%s)", table, columns)}
	for some := range slices.Chunk(values, insertedRows) {
		out = append(out, fmt.Sprintf("insert into settings.%s values %s", table, strings.Join(some, ", ")))
	}
	return out
}

// settingStatements make the tables of the settings, and that of settled days as it is now, in another database, with comments.
func (e *Engine) settingStatements() (out []string) {
	for _, table := range sortedKeys(settingTables) {
		out = append(out, commented(table, settingTables[table], valuesOf(e.rows[table]))...)
	}
	return append(out, commented("settled_days", settledColumns, e.settled)...)
}

func commented(table, columns string, values []string) []string {
	out := tableStatements(table, columns, values)
	note := " is " + quoteText("what staging."+table+" is made from")
	out = append(out, "comment on table settings."+table+note)
	for column := range strings.SplitSeq(columns, ", ") {
		name, _, _ := strings.Cut(column, " ")
		out = append(out, "comment on column settings."+table+"."+name+note)
	}
	return out
}

func valuesOf(rows []settingRow) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.values
	}
	return out
}

const settledColumns = "account_id varchar, start_date date"

// LoadSettled says which UTC days (YYYY-MM-DD, by account) were read so late that their calls are not expected to change any more. It
// replaces what was said before; at first no day is settled. No mart depends on it, since a reading that brings nothing new must change none:
// it is for queries, as staging.settled_days.
func (e *Engine) LoadSettled(ctx context.Context, days map[string][]string) error {
	var values []string
	for _, account := range sortedKeys(days) {
		for _, day := range days[account] {
			values = append(values, "("+quoteText(account)+", "+quoteText(day)+")")
		}
	}
	return e.inTransaction(ctx, func(tx *stdsql.Tx) error {
		e.settled = values
		return fillTable(ctx, tx, "settled_days", settledColumns, values)
	})
}
