package simulator

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Feed says how an account has the change feed, call-log-extract-sync. The real one is published since 2025-05-20.
type Feed string

const (
	// FeedServed is the feed as it is specified.
	FeedServed Feed = ""
	// FeedMissing is an account that the feed has not reached: 404, as for any unknown path.
	FeedMissing Feed = "missing"
	// FeedRefused is an application without the permission for it: 403.
	FeedRefused Feed = "refused"
)

func (f Feed) check() error {
	if f != FeedServed && f != FeedMissing && f != FeedRefused {
		return fmt.Errorf("feed: %q is unknown; give %q, %q, or nothing for a feed that is served", f, FeedMissing, FeedRefused)
	}
	return nil
}

// changes is what a page of the feed asks for: current versions that became so after one instant and not after another,
// both in unix milliseconds.
type changes struct {
	after, until int64
	oldest       int64              // what started before is not kept; it is merely told here, keep decides
	enough       int                // how many are wanted
	keep         func(*record) bool // which
}

// syncToken is what a sync token carries: a place in the feed, and what the full sync had asked for. The place is the
// last instant whose changes were all delivered.
type syncToken struct {
	After      int64    `json:"a"`
	Issued     int64    `json:"i"`
	Expiries   int64    `json:"e"`
	Count      int      `json:"n"`
	View       string   `json:"v"`
	Categories []string `json:"c,omitempty"`
}

type syncInfo struct {
	SyncType          string `json:"syncType"`
	SyncToken         string `json:"syncToken"`
	SyncTime          string `json:"syncTime"`
	NewerRecordsExist bool   `json:"newerRecordsExist"`
}

// feed answers with the calls that were changed, the first changed first.
func (s *Simulator) feed(r *request) *answer {
	if s.options.Feed == FeedRefused {
		return forbidden("ReadCallLog")
	}
	now := s.options.Now()
	t, refusal := s.place(r, now)
	if refusal != nil {
		return refusal
	}
	page, more := s.changes(t, now)
	body := &bytes.Buffer{}
	body.WriteString(`{"uri":`)
	values := r.URL.Query()
	body.Write(encode(clientURL(r.Request) + s.logPath(nil) + "-extract-sync?syncType=" +
		orDefault(values.Get("syncType"), "FSync") + "&" + echo(values, "syncToken", "dateFrom", "metadataCategory") +
		"recordCount=" + strconv.Itoa(t.Count) + "&view=" + t.View))
	body.WriteString(`,"records":[`)
	for i, one := range page {
		if i > 0 {
			body.WriteByte(',')
		}
		body.Write(one.encode(t.View))
	}
	body.WriteString(`],"syncInfo":`)
	t.Issued, t.Expiries, t.After = now.UnixMilli(), s.expiries.Load(), now.UnixMilli()
	if more {
		t.After = page[len(page)-1].modified
	}
	body.Write(encode(syncInfo{orDefault(values.Get("syncType"), "FSync"), s.seal(t), timestamp(now.UnixMilli()), more}))
	body.WriteByte('}')
	return &answer{status: 200, body: body.Bytes(), records: len(page)}
}

// changes cuts a page out of the feed: at most as many records as the token says, but never some of those that were
// changed in one millisecond without the others.
func (s *Simulator) changes(t *syncToken, now time.Time) (page []*record, more bool) {
	oldest := s.forgotten(now)
	found := s.calls.changed(changes{after: t.After, until: now.UnixMilli(), oldest: oldest, enough: t.Count,
		keep: func(r *record) bool {
			if r.start < oldest || r.Deleted && r.raw == nil && s.options.FeedHidesDeleted {
				return false
			}
			if r.whole != nil {
				r = r.whole
			}
			return len(t.Categories) == 0 || slices.ContainsFunc(r.MetadataCategories, func(category string) bool {
				return slices.Contains(t.Categories, category)
			})
		}})
	slices.SortStableFunc(found, func(a, b *record) int { return cmp.Compare(a.modified, b.modified) })
	n := min(t.Count, len(found))
	for n > 0 && n < len(found) && found[n].modified == found[n-1].modified {
		n++
	}
	return found[:n], n < len(found)
}

// place reads where in the feed a request wants to go on. What an operation does not have is passed over: a token in a
// full sync; a date, a count, a view and categories in an incremental one, which keeps those of its full sync.
func (s *Simulator) place(r *request, now time.Time) (*syncToken, *answer) {
	values := r.URL.Query()
	switch kind := values.Get("syncType"); kind {
	case "", "FSync":
	case "ISync":
		return s.unseal(r, values.Get("syncToken"), now)
	default:
		return nil, invalid("syncType", kind)
	}
	t := &syncToken{Count: 250, View: orDefault(values.Get("view"), "Simple"), Categories: values["metadataCategory"]}
	if t.View != "Simple" && t.View != "Detailed" {
		return nil, invalid("view", t.View)
	}
	if text := values.Get("recordCount"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, invalid("recordCount", text)
		}
		t.Count = min(n, 1000) // as the list does with perPage; for the feed it is not published
	}
	from := now.Add(-time.Hour)
	if text := values.Get("dateFrom"); text != "" {
		var ok bool
		if from, ok = parseTime(text); !ok {
			return nil, invalid("dateFrom", text)
		}
	}
	t.After = ceilMilli(from) - 1
	return t, nil
}

// seal writes a token as opaque text that only this company's feed accepts.
func (s *Simulator) seal(t *syncToken) string {
	text := encode(t)
	return base64.RawURLEncoding.EncodeToString(append(s.stamp(text), text...))
}

func (s *Simulator) stamp(text []byte) []byte {
	h := hmac.New(sha256.New, s.sessions.key)
	h.Write([]byte("sync token "))
	h.Write(text)
	return h.Sum(nil)[:12]
}

// unseal refuses what is no token of this feed, and what has expired. Which of the codes CLG-101 to CLG-105 means what
// is not published.
func (s *Simulator) unseal(r *request, text string, now time.Time) (*syncToken, *answer) {
	if text == "" {
		return nil, invalid("syncToken", text)
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(sealed) < 12 || !hmac.Equal(sealed[:12], s.stamp(sealed[12:])) {
		return nil, staleToken("Parameter [syncToken] is invalid", text)
	}
	t := &syncToken{}
	if err := json.Unmarshal(sealed[12:], t); err != nil {
		panic(fmt.Sprintf("simulator: its own sync token %s: %v", sealed[12:], err)) // nobody else can have stamped it
	}
	lifetime := s.options.FeedTokenLifetime
	old := lifetime > 0 && now.UnixMilli()-t.Issued >= lifetime.Milliseconds()
	if old || t.Expiries != s.expiries.Load() || r.fault.is(tokenExpired) {
		a := staleToken("Parameter [syncToken] is invalid [Sync token expired, call log was reset]", text)
		a.fault = r.fault.only(tokenExpired)
		return nil, a
	}
	return t, nil
}

func staleToken(message, text string) *answer {
	return refuse(400, "CLG-101", message, parameter{ParameterName: "syncToken", ParameterValue: text})
}

// ExpireFeedTokens ends all sync tokens that were issued so far; whoever sends one is told to begin anew.
func (s *Simulator) ExpireFeedTokens() { s.expiries.Add(1) }
