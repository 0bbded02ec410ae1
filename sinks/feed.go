package sinks

import (
	"context"
	"time"
)

// FeedState is where the reading of an account's change feed stands. The chain of its tokens is unbroken since Since: every
// change after that instant and before SyncTime has been read, but for those within Gap.
type FeedState struct {
	SyncToken   string    `json:"sync_token,omitempty"` // continues the feed; empty where there is no chain
	Since       time.Time `json:"since,omitzero"`       // from when on changes were read without a gap
	SyncTime    time.Time `json:"sync_time,omitzero"`   // when the feed was last read to its end
	GapFrom     time.Time `json:"gap_from,omitzero"`    // changes after this instant …
	GapTo       time.Time `json:"gap_to,omitzero"`      // … and before this one were missed: days must be read again after it
	Unavailable string    `json:"unavailable,omitempty"`
	AskedAt     time.Time `json:"asked_at,omitzero"` // when the feed was last found to be unavailable
	Writes      int       `json:"writes"`            // counts the writings, so that no two states are equal
}

func feedKey(account string) string { return "_trunkline/feed/" + account + ".json" }

// Feed reads where the change feed of an account stands; the zero value if it was never read.
func (l *Lake) Feed(ctx context.Context, account string) (FeedState, error) {
	var s FeedState
	if err := checkAccount(account); err != nil {
		return s, err
	}
	_, err := l.readJSON(ctx, feedKey(account), &s)
	return s, err
}

// WriteFeed replaces the state of the feed, if it is still the one that is known; else it is ErrConflict: another run read
// the feed meanwhile, and its token counts.
func (l *Lake) WriteFeed(ctx context.Context, account string, known, next FeedState) (FeedState, error) {
	if err := checkAccount(account); err != nil {
		return known, err
	}
	return update(ctx, l, feedKey(account), func(s *FeedState) error {
		if s.Writes != known.Writes {
			return ErrConflict
		}
		next.Writes = s.Writes + 1
		*s = next
		return nil
	})
}
