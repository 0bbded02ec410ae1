package sql

import (
	"regexp"
	"strings"
	"testing"
)

// martsPreface is what docs/marts.md says before the marts.
const martsPreface = "# Marts\n\nGenerated from the headers of `sql/marts/*.sql`; a test keeps it true. `trunkline marts NAME` shows the same at a prompt, and `trunkline\n" +
	"open` puts it as comments into a DuckDB file. A mart is one Parquet object an account and local date, below\n" +
	"`marts/<mart>/account_id=<id>/local_date=<date>/`; the two columns of the path are not in the file.\n\n" +
	"Where a figure comes from: all of it from RingCentral's call log (and, where a mart says so, its message store, its queues' settings and the\n" +
	"ledger of the lake), by the selects in `sql/`. RingCentral's own reports are computed from another source, with other definitions of the same\n" +
	"words (their \"abandoned\" includes voicemail in one report and not in the other), so that they will not agree to the call; each mart says under\n" +
	"\"Mind\" what differs. Not in the call log, and therefore in no mart: hold, park, menus' prompts, work after a call, and who was available.\n\n" +
	"Measures that add up may be summed over any rows. Percentiles, distinct counts, peaks and ratios do not: take the sums and divide.\n\n"

// saysItself finds numbers that are no amounts: ratios by their formula, hours of the clock, places in an order.
var saysItself = regexp.MustCompile(` / |^hour of the clock|^place of|^1 for Monday`)

// TestMartsDocument: docs/marts.md is what the headers say.
func TestMartsDocument(t *testing.T) {
	e := open(t, nil)
	if err := e.Load(t.Context(), newLake(t, "").inputs()); err != nil {
		t.Fatal(err)
	}
	text := e.Document(Marts())
	compareGolden(t, "../docs/marts.md", martsPreface+text)
	for _, m := range Marts() {
		if m.Caveats == "" {
			t.Errorf("%s says nothing of what it must not be taken for", m.Name)
		}
		for i, c := range m.Columns {
			if e.typeOf(m, i) == "" {
				t.Errorf("%s.%s has no type", m.Name, c.Name)
			}
			measure := e.typeOf(m, i) == "BIGINT" || strings.HasPrefix(e.typeOf(m, i), "DECIMAL")
			if measure && c.Unit == "" && !saysItself.MatchString(c.Meaning) {
				t.Errorf("%s.%s is a number without a unit: %q", m.Name, c.Name, c.Meaning)
			}
		}
	}
}
