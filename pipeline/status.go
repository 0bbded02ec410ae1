package pipeline

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/sinks"
)

// AccountStatus is what the lake holds of one account's call log.
type AccountStatus struct {
	AccountID string   `json:"account_id"`
	FirstDay  string   `json:"first_day,omitempty"` // of the ledger
	LastDay   string   `json:"last_day,omitempty"`
	Days      int      `json:"days"`      // closed
	Imported  []string `json:"imported"`  // ranges of days that hold saved pages only: RingCentral was not read for them
	Gaps      []string `json:"gaps"`      // ranges of days between the first and the last that hold nothing, "from to to"
	Unsettled []string `json:"unsettled"` // ranges of closed days that were not yet read after their lookback
	Rows      int64    `json:"rows"`
	Bytes     int64    `json:"bytes"`
	LastRead  string   `json:"last_read,omitempty"` // when the latest closed read began
}

// Status says what the lake holds, account by account, from the ledger alone.
func Status(ctx context.Context, lake *sinks.Lake) ([]AccountStatus, error) {
	accounts, err := lake.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	out := []AccountStatus{}
	for _, account := range accounts {
		ledger, err := lake.Ledger(ctx, account, CallLogStream)
		if err != nil {
			return nil, err
		}
		out = append(out, accountStatus(account, ledger))
	}
	return out, nil
}

func accountStatus(account string, g sinks.Ledger) AccountStatus {
	s := AccountStatus{AccountID: account, Imported: []string{}, Gaps: []string{}, Unsettled: []string{}}
	held := g.Days()
	if len(held) == 0 {
		return s
	}
	first, last := held[0], held[len(held)-1]
	s.FirstDay, s.LastDay = first.FormattedString(), last.FormattedString()
	var imported, gaps, unsettled []arrow.Date32
	var lastRead time.Time
	for d := first; d <= last; d++ {
		day := g[d]
		s.Rows += day.Rows
		s.Bytes += day.Bytes
		switch {
		case day.Closed:
			s.Days++
			if !day.Settled {
				unsettled = append(unsettled, d)
			}
		case day.ContentHash != "":
			imported = append(imported, d)
		default:
			gaps = append(gaps, d)
		}
		if day.ReadAt.After(lastRead) {
			lastRead = day.ReadAt
		}
	}
	if !lastRead.IsZero() {
		s.LastRead = lastRead.UTC().Format(time.RFC3339)
	}
	s.Imported, s.Gaps, s.Unsettled = Ranges(imported), Ranges(gaps), Ranges(unsettled)
	return s
}

// Ranges writes days as ranges of consecutive days, "2026-11-01 to 2026-11-08", the end not included; a single day
// stands alone.
func Ranges(days []arrow.Date32) []string {
	out := []string{}
	for _, w := range runs(days) {
		if w.To == w.From+1 {
			out = append(out, w.From.FormattedString())
			continue
		}
		out = append(out, w.String())
	}
	return out
}
