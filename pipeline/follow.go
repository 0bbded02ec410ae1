package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/sinks"
)

const (
	// feedMargin is how long before the first list request the feed begins, so that nothing changes between the two unseen.
	feedMargin = 10 * time.Minute
	// feedAgain is after how long an account is asked again whether it has a change feed.
	feedAgain = 24 * time.Hour
	// feedPages is how many pages of the feed are merged at once.
	feedPages = unitPages
)

// follow reads the change feed to its end and merges what changed into the days that the lake holds. Its token is kept after
// all days that a batch of pages touched. needsList reports that the feed cannot be followed, so that days must be
// read from the list.
func (e *extraction) follow(ctx context.Context) (needsList bool, err error) {
	switch {
	case e.feed.Unavailable != "" && e.Now.Sub(e.feed.AskedAt) < feedAgain:
		return true, nil
	case e.feed.SyncToken != "" && e.Now.Sub(e.feed.SyncTime) < pollLimit && !e.PollAnyway:
		return false, e.warn("the change feed was read under %d minutes ago and is not read again. %s", int(pollLimit.Minutes()), notRealTime)
	}
	err = e.changes(ctx)
	var refused *ringcentral.Error
	if !errors.As(err, &refused) {
		return false, err
	}
	switch {
	case refused.TokenInvalid() && e.feed.SyncToken != "":
		return true, e.breakChain(ctx, "", fmt.Sprintf("the change feed's token is no longer accepted (%v)", err))
	case refused.NotFound():
		return true, e.breakChain(ctx, "this RingCentral has no change feed", "")
	case refused.PermissionMissing():
		return true, e.breakChain(ctx, "the change feed is not permitted: "+refused.Error(), "")
	}
	return false, err
}

// breakChain gives the token up: changes since the last reading of the feed may be missed, so the list is read again from a
// lookback before it. Where the feed itself is there, a new chain begins at once.
func (e *extraction) breakChain(ctx context.Context, unavailable, broken string) error {
	next := sinks.FeedState{GapFrom: e.feed.GapFrom, GapTo: e.feed.GapTo, Unavailable: unavailable}
	if unavailable != "" {
		next.AskedAt = e.Now
	}
	if e.feed.SyncToken != "" {
		if next.GapFrom.IsZero() || e.feed.SyncTime.Before(next.GapFrom) {
			next.GapFrom = e.feed.SyncTime
		}
		next.GapTo = e.clock().UTC()
	}
	if e.AccountID == OwnAccount {
		e.untold, e.feed = &next, next // until the account is known
	} else if err := e.writeFeed(ctx, next); err != nil {
		return err
	}
	if unavailable != "" {
		return e.warn("%s; days are read again from the list while late edits are expected", unavailable)
	}
	if err := e.warn("%s; days since %s are read again from the list", broken, dayOf(next.GapFrom.Add(-e.Lookback)).FormattedString()); err != nil {
		return err
	}
	return e.changes(ctx)
}

// feedFrom is the instant that a new chain begins with.
func (e *extraction) feedFrom() time.Time {
	from := e.clock().Add(-feedMargin)
	if _, ok := firstHeld(e.ledger); !ok && e.Strategy == StrategyFeed {
		from = e.Now.Add(-e.Since)
	}
	return from.UTC().Truncate(time.Second)
}

// feedDay is the first day that records of the feed are taken into: earlier ones wait for their reading from the list.
func (e *extraction) feedDay(since time.Time) (arrow.Date32, bool) {
	first, ok := firstHeld(e.ledger)
	if !ok && e.Strategy == StrategyFeed {
		return dayOf(since), true
	}
	return first, ok
}

func (e *extraction) changes(ctx context.Context) error {
	state := e.feed
	if state.SyncToken == "" {
		since := e.feedFrom()
		state = sinks.FeedState{Since: since, SyncTime: since, GapFrom: e.feed.GapFrom, GapTo: e.feed.GapTo, Writes: e.feed.Writes}
	}
	var batch *closedRead
	defer func() {
		if batch != nil {
			_ = batch.close() // a file of scratch
		}
	}()
	options := &ringcentral.ChangesOptions{PerPage: e.perPage()}
	for page, err := range e.client.Changes(ctx, e.AccountID, state.SyncToken, state.Since, options) {
		if err != nil {
			return fmt.Errorf("change feed: %w", err)
		}
		if err := e.resolve(ctx, page.AccountID); err != nil {
			return err
		}
		if batch == nil {
			if batch, err = e.newRead(ctx); err != nil {
				return &lakeError{err}
			}
		}
		if err := e.addChanges(batch, page, state.Since); err != nil {
			return err
		}
		if page.More && batch.pages < feedPages {
			continue
		}
		state.SyncToken = page.SyncToken
		if !page.More { // what is left to read may have changed earlier than this page was read
			state.SyncTime = page.ReadAt.UTC().Truncate(time.Millisecond)
		}
		if err := e.mergeChanges(ctx, batch, state); err != nil {
			return err
		}
		state = e.feed
		if err := batch.close(); err != nil {
			return &lakeError{err}
		}
		batch = nil
	}
	return nil
}

func (e *extraction) addChanges(batch *closedRead, page ringcentral.ChangePage, since time.Time) error {
	name := "none"
	if first, ok := e.feedDay(since); ok {
		name = first.FormattedString()
	}
	return e.add(batch, page.Page, name)
}

// mergeChanges brings a batch of changed records into their days, and then keeps the token.
func (e *extraction) mergeChanges(ctx context.Context, batch *closedRead, state sinks.FeedState) error {
	if err := e.privacy.renew(ctx, e.lake, batch.rows); err != nil {
		return &lakeError{err}
	}
	var days []arrow.Date32
	first, ok := e.feedDay(state.Since)
	if ok {
		days = slices.DeleteFunc(batch.rows.Days(), func(d arrow.Date32) bool { return d < first })
	}
	rejected := e.reject(ctx, batch, days)
	if ok {
		if err := e.mergeInto(ctx, batch, days); err != nil {
			return errors.Join(err, rejected)
		}
	}
	if err := e.flush(ctx); err != nil {
		return errors.Join(err, rejected)
	}
	return errors.Join(e.writeFeed(ctx, state), rejected)
}

// mergeInto merges a batch into its days. It fails if one of them is damaged, when the others are merged: the token must not go on.
func (e *extraction) mergeInto(ctx context.Context, batch *closedRead, days []arrow.Date32) (damaged error) {
	m := e.merge(batch, days)
	for _, day := range days {
		o, err := e.privacy.replaceDay(ctx, e.lake, m, day)
		if isDamaged(err) {
			e.note(day, e.ledger[day]) // as it was: it is not going to be written
			damaged = errors.Join(damaged, fmt.Errorf("change feed: day %s: %w", day.FormattedString(), err))
			continue
		}
		if err != nil {
			return &lakeError{fmt.Errorf("day %s: %w", day.FormattedString(), err)}
		}
		entry := e.ledger[day].WithContent(o)
		if entry.How == "" {
			entry.How, entry.Records = "feed", batch.rows.Rows(&day)
		}
		e.noteOutcome(day, entry, o)
		if !o.Changed {
			continue
		}
		if err := e.emit(Event{Changed: &DayChanged{AccountID: e.AccountID, Day: day, Outcome: o}}); err != nil {
			return err
		}
	}
	return damaged
}

// writeFeed keeps where the feed stands. Where another run has read the feed meanwhile, its token counts: what this one
// merged stays right.
func (e *extraction) writeFeed(ctx context.Context, next sinks.FeedState) error {
	written, err := e.lake.WriteFeed(ctx, e.AccountID, e.feed, next)
	if errors.Is(err, sinks.ErrConflict) {
		if e.feed, err = e.lake.Feed(ctx, e.AccountID); err != nil {
			return &lakeError{err}
		}
		return e.warn("another run reads the change feed of account %s, too", e.AccountID)
	}
	if err != nil {
		return &lakeError{err}
	}
	e.feed = written
	return nil
}
