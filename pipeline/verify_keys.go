package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/sinks"
)

// state looks at all objects below _trunkline/.
func (c *verification) state(ctx context.Context) error {
	marked := false
	err := c.lake.EachObject(ctx, "_trunkline/", func(key string, _ int64) error {
		marked = marked || key == "_trunkline/format.json"
		account := accountOfState(key)
		if account != "" && !c.wantsAccount(account) {
			return nil
		}
		stream := streamOfLedger(key)
		if stream != "" && !slices.Contains(c.ledgers[stream], account) {
			c.ledgers[stream] = append(c.ledgers[stream], account)
		}
		wrong, err := c.lake.CheckState(ctx, key)
		if err != nil || wrong == nil {
			return err
		}
		c.find(Finding{Kind: FindStateUnreadable, AccountID: account, Key: key, Detail: wrong.Error(), Remedy: remedyOfState(key)})
		if stream != "" {
			c.badMonths[account+" "+stream+" "+strings.TrimSuffix(key[strings.LastIndex(key, "/")+1:], ".json")] = true
		}
		return nil
	})
	if err == nil && !marked && len(c.ledgers) > 0 {
		c.find(Finding{Kind: FindStateMissing, Key: "_trunkline/format.json", Detail: "the lake does not say which layout it has",
			Remedy: "the next run that writes the ledger makes it"})
	}
	return err
}

// streamOfLedger is the stream whose ledger has that key; "" where it is none's.
func streamOfLedger(key string) string {
	parts := strings.Split(key, "/")
	if len(parts) != 5 || parts[1] != "ledger" {
		return ""
	}
	return parts[3]
}

// accountOfState is the account that a key below _trunkline/ belongs to; "" where it is nobody's.
func accountOfState(key string) string {
	parts := strings.Split(key, "/")
	switch {
	case len(parts) > 3 && (parts[1] == "ledger" || parts[1] == "archive" || parts[1] == "rejected"):
		return parts[2]
	case len(parts) == 3 && parts[1] == "feed":
		return strings.TrimSuffix(parts[2], ".json")
	}
	return ""
}

func remedyOfState(key string) string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(key, "_trunkline/"), "/")
	switch {
	case strings.HasSuffix(key, ".parquet"):
		return "move it away: nothing of trunkline's below _trunkline/ has such a name"
	case kind == "ledger":
		return "move it away; `trunkline replay` books its days again from the archive, and `trunkline run --from DAY` reads them again"
	case kind == "feed":
		return "move it away; the next run reads the days of its lookback from the list, and begins to follow the change feed anew"
	case kind == "rate":
		return "remove it; the next run makes it"
	case kind == "marts":
		return "move it away; `trunkline transform` builds the mart again"
	case kind == "archive":
		return "move it away"
	case kind == "erased.json":
		return "bring it back from a copy; without one, move it away and `trunkline erase` everybody again who was erased"
	}
	return "use the trunkline that wrote the lake, or a newer one"
}

// table looks at all keys below the stream's table's prefix and notes which days have an object.
func (c *verification) table(ctx context.Context) error {
	table := c.stream.Name
	return c.lake.EachObject(ctx, table+"/", func(key string, bytes int64) error {
		if c.isAudio(key, bytes) {
			return nil
		}
		account, date, ok := parsePartition(key, table+"/", "start_date")
		day, err := time.Parse(time.DateOnly, date)
		d := arrow.Date32FromTime(day)
		if !ok || err != nil || sinks.PartitionKey(table, account, d) != key {
			if account == "" || c.wantsAccount(account) {
				c.foreign(key, account)
			}
			return nil
		}
		if !c.wantsAccount(account) {
			return nil
		}
		if c.held[account] == nil {
			c.held[account] = map[arrow.Date32]bool{}
		}
		c.held[account][d] = true
		return nil
	})
}

func (c *verification) foreign(key, account string) {
	detail := "it is no partition, and engines do not read it"
	if strings.HasSuffix(key, ".parquet") {
		detail = "it is no partition, but engines that read all .parquet below the table read it, too"
	}
	c.find(Finding{Kind: FindForeignObject, AccountID: account, Key: key, Detail: detail, Remedy: "move it away: only partitions lie here"})
}

// parsePartition reads account and day out of a key below a prefix.
func parsePartition(key, prefix, dayName string) (account, date string, ok bool) {
	parts := strings.Split(strings.TrimPrefix(key, prefix), "/")
	if len(parts) > 0 {
		account, ok = strings.CutPrefix(parts[0], "account_id=")
	}
	if !ok || len(parts) != 3 {
		return account, "", false
	}
	date, ok = strings.CutPrefix(parts[1], dayName+"=")
	return account, date, ok
}

// marts compares the objects below marts/ with the states of the marts.
func (c *verification) marts(ctx context.Context) error {
	known, unreadable := map[string]sinks.MartPartition{}, map[string]bool{}
	err := c.lake.EachObject(ctx, "_trunkline/marts/", func(key string, _ int64) error {
		mart, ok := strings.CutSuffix(strings.TrimPrefix(key, "_trunkline/marts/"), ".json")
		if !ok {
			return nil // told of already
		}
		state, wrong, err := c.lake.MartAsFound(ctx, mart)
		unreadable[mart] = wrong != nil
		for partition, p := range state {
			if p.SHA256 != "" {
				known[sinks.MartObject(mart, partition)] = p
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	err = c.lake.EachObject(ctx, "marts/", func(key string, _ int64) error {
		mart, _, _ := strings.Cut(strings.TrimPrefix(key, "marts/"), "/")
		p, found := known[key]
		delete(known, key)
		account, date, ok := parsePartition(key, "marts/"+mart+"/", "local_date")
		switch {
		case ok && !c.wantsMart(account, date), unreadable[mart]:
			return nil
		case !ok || sinks.MartObject(mart, sinks.MartPath(account, date)) != key:
			c.foreign(key, account)
			return nil
		case !found:
			c.find(Finding{FindMartUnknown, "", account, date, key, "the mart's state does not know it",
				"`trunkline transform` notes it if it is the mart's; else move it away"})
			return nil
		}
		return c.mart(ctx, key, p)
	})
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(known)) {
		if err := c.mart(ctx, key, known[key]); err != nil {
			return err
		}
	}
	return nil
}

// wantsMart reports whether a mart's partition is to be verified. A local date overlaps the UTC days beside it.
func (c *verification) wantsMart(account, date string) bool {
	at, err := time.Parse(time.DateOnly, date)
	return c.wantsAccount(account) && (err != nil || c.near(dayOf(at)))
}

// mart compares one partition of a mart with the mart's state.
func (c *verification) mart(ctx context.Context, key string, p sinks.MartPartition) error {
	mart, _, _ := strings.Cut(strings.TrimPrefix(key, "marts/"), "/")
	account, date, _ := parsePartition(key, "marts/"+mart+"/", "local_date")
	if !c.wantsMart(account, date) {
		return nil
	}
	var differ error
	var read func(string) error
	if c.Deep {
		read = func(file string) (err error) {
			differ, err = sinks.CompareFile(file)
			return err
		}
	}
	object, err := c.lake.ExamineObject(ctx, key, read)
	if err != nil {
		return err
	}
	remedy := "move _trunkline/marts/" + mart + ".json away; `trunkline transform` builds the mart again"
	switch {
	case object.Missing:
		c.find(Finding{FindMartMissing, "", account, date, key, "the mart's state has it, the lake has not", remedy})
		return nil
	case object.SHA256 != p.SHA256 || object.Bytes != p.Bytes:
		c.find(Finding{FindMartDiffers, "", account, date, key, fmt.Sprintf("the object has %d bytes of SHA-256 %s, the mart's state says %d of %s",
			object.Bytes, object.SHA256, p.Bytes, p.SHA256), remedy})
	case differ != nil:
		c.find(Finding{FindReadersDiffer, "", account, date, key, differ.Error(), "read the object with a third reader, and report it"})
	}
	c.done.Objects++
	c.done.Bytes += object.Bytes
	return nil
}
