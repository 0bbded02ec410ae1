package sinks

import (
	"context"
	"fmt"
	"path"
	"sort"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// LedgerDay is what the ledger says of one day of one account and stream.
type LedgerDay struct {
	ReadAt      time.Time `json:"read_at"`                // when its last closed read began
	How         string    `json:"how"`                    // `list`: read from the call log by start time
	Pages       int       `json:"pages"`                  // pages of the read's windows that touched the day
	Records     int       `json:"records"`                // records of the day that the read brought, repeated ones included
	Rows        int64     `json:"rows"`                   // rows that the partition holds
	Bytes       int64     `json:"bytes"`                  // size of the partition's object, 0 without one
	ContentHash string    `json:"content_hash,omitempty"` // of the rows; empty for a day without rows and object
	SHA256      string    `json:"sha256,omitempty"`       // of the object
	Closed      bool      `json:"closed"`                 // every window that touches the day was read to its end
	Settled     bool      `json:"settled"`                // read after its lookback, so that late edits are no longer expected
}

// Ledger is what the lake holds of one account and stream, day by day.
type Ledger map[arrow.Date32]LedgerDay

// Days returns the days in order.
func (g Ledger) Days() []arrow.Date32 {
	days := make([]arrow.Date32, 0, len(g))
	for d := range g {
		days = append(days, d)
	}
	sort.Slice(days, func(i, j int) bool { return days[i] < days[j] })
	return days
}

// ledgerMonth is the object that keeps one month of a ledger.
type ledgerMonth struct {
	AccountID string               `json:"account_id"`
	Stream    string               `json:"stream"`
	Days      map[string]LedgerDay `json:"days"`
}

const ledgerPrefix = "_trunkline/ledger/"

func ledgerKey(account, stream, month string) string {
	return ledgerPrefix + path.Join(account, stream, month+".json")
}

// Ledger reads the ledger of an account and stream; it is empty where nothing was read yet. A bucket that cannot be
// listed is an error, never an empty ledger.
func (l *Lake) Ledger(ctx context.Context, account, stream string) (Ledger, error) {
	if err := checkAccount(account); err != nil {
		return nil, err
	}
	out := Ledger{}
	err := l.keys(ctx, ledgerPrefix+path.Join(account, stream)+"/", func(o *blob.ListObject) error {
		var month ledgerMonth
		if _, err := l.readJSON(ctx, o.Key, &month); err != nil {
			return err
		}
		for name, day := range month.Days {
			at, err := time.Parse(time.DateOnly, name)
			if err != nil {
				return fmt.Errorf("%s: day %q is not a date", o.Key, name)
			}
			out[arrow.Date32FromTime(at)] = day
		}
		return nil
	})
	return out, err
}

// WriteLedger notes the given days; the other days of their months stay as they are.
func (l *Lake) WriteLedger(ctx context.Context, account, stream string, days Ledger) error {
	if err := checkAccount(account); err != nil {
		return err
	}
	if err := l.markLayout(ctx); err != nil {
		return err
	}
	months := map[string]Ledger{}
	for d, day := range days {
		name := d.FormattedString()[:len("2006-01")]
		if months[name] == nil {
			months[name] = Ledger{}
		}
		months[name][d] = day
	}
	for name, noted := range months {
		if err := l.writeLedgerMonth(ctx, account, stream, name, noted); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lake) writeLedgerMonth(ctx context.Context, account, stream, name string, noted Ledger) error {
	key := ledgerKey(account, stream, name)
	month := ledgerMonth{AccountID: account, Stream: stream, Days: map[string]LedgerDay{}}
	if _, err := l.readJSON(ctx, key, &month); err != nil {
		return err
	}
	for d, day := range noted {
		month.Days[d.FormattedString()] = day
	}
	return l.writeJSON(ctx, key, month)
}

// Accounts lists the accounts that the ledger knows, in order.
func (l *Lake) Accounts(ctx context.Context) ([]string, error) {
	var out []string
	list := l.bucket.List(&blob.ListOptions{Prefix: ledgerPrefix, Delimiter: "/"})
	for {
		object, err := list.Next(ctx)
		if err != nil {
			if isEOF(err) {
				return out, nil
			}
			return nil, fmt.Errorf("list %s: %w", ledgerPrefix, err)
		}
		if object.IsDir {
			out = append(out, strings.TrimSuffix(strings.TrimPrefix(object.Key, ledgerPrefix), "/"))
		}
	}
}

func notFound(err error) bool { return gcerrors.Code(err) == gcerrors.NotFound }
