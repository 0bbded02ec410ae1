// Package simulator is a RingCentral over HTTP: log in, read the account, its extensions, queues and numbers, its call
// log, recordings and messages, under the rate limits of the real one. It needs no account and no network beyond the
// listener that it is mounted on.
//
// It promises:
//   - The same seed and population give the same account, byte for byte. The calls of a UTC day depend on the seed, the
//     population and the date alone: not on other days, not on the order of requests, not on the clock, not on the
//     address at which the simulator listens.
//   - A call can be seen from 20 s after its end, by the clock in Options, and never changes. In a population that is
//     Alive it has a history instead, by the same clock: it can be seen in progress, gets its recording, its costs or a
//     leg later, appears late, moves to another start, is deleted and comes back.
//   - The messages of a UTC day depend on the same alone. Every voicemail and fax that a call links is in the store of the
//     extension that the link names, and agrees with the call; texts go with it, and pager messages are in the stores of
//     all who had them. A message can be seen from a second after its creation. In a population that is alive texts are
//     delivered, voicemails are transcribed, and messages are read, deleted and purged, within the same time as calls
//     change; and one or two users leave the company.
//   - Every recording that a call names can be downloaded, but one in forty, which is gone. Its audio depends on its id and
//     its duration alone.
//   - The change feed (call-log-extract-sync) brings every call that changed, as it is now, in the order in which the
//     changes can be seen. Who reads on to its end has missed none.
//   - Faults, if they are asked for, are the same for the same requests in the same order. They change answers and never
//     the truth, and whoever repeats a request five times gets a proper answer.
//   - Recorded call records are served as they were recorded, byte for byte.
//
// What it does not know: the feeds for one extension and those of the older call-log-sync, active calls, and the content of
// attachments. Messages are not subject to Retention, and stay purged for ever. Facts about RingCentral come from its
// published OpenAPI document (revision of 2026-08-13), its developer documentation and published payloads; where these are
// silent, the comment at the code says what was assumed.
package simulator

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Population says which company is simulated. Together with a date it decides that day's calls.
type Population struct {
	// Seed chooses one company among all that fit the other members. Every value is a seed.
	Seed int64
	// Extensions counts users, call queues and one IVR menu: 5 to 5000, default 50.
	Extensions int
	// CallsPerDay is how many call records a working day has, give or take a few: 1 to 100000, default 2000.
	// Nights and weekends are thin, so the mean over a week is about three quarters of it.
	CallsPerDay int
	// Location is where the company works; its working hours follow that zone's daylight saving time.
	// Default America/New_York.
	Location *time.Location
	// Alive gives the calls and messages a history; without it they appear once, complete, and stay.
	Alive bool
	// ChangesWithin is how long after the end of the UTC day on which a call starts, or a message is created, the last
	// change of it may come, 12 h at least, default 60 h. It counts only if Alive.
	ChangesWithin time.Duration
}

// Options of a Simulator. The zero value of each member means the default stated with it.
type Options struct {
	Population
	// HeavyLimit, MediumLimit and LightLimit are how many requests of these groups a user may send in Window; default 10,
	// 40 and 50, as RingCentral's. The group auth keeps its 5.
	HeavyLimit, MediumLimit, LightLimit int
	// Window is the length of the sliding window that requests are counted in; default 60 s.
	Window time.Duration
	// Penalty is how long everything of a group is refused after its limit was exceeded; default 60 s.
	Penalty time.Duration
	// TokenLifetime caps how long an access token is accepted; default 1 h, the most that RingCentral grants.
	TokenLifetime time.Duration
	// BaseURL is the scheme and host of the uris inside records, default https://platform.ringcentral.example
	// (a name that can never be resolved). It is fixed, and not the address that a client happened to use, so that a
	// record has the same bytes on every port. The uris of pages do carry the client's.
	BaseURL string
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Sleep is what slow answers wait with, less than 300 ms in sum for each; default time.Sleep.
	Sleep func(time.Duration)
	// Retention is how long calls are served, counted from their start; zero means for ever.
	Retention time.Duration
	// Feed says whether the change feed is there for this account; default FeedServed.
	Feed Feed
	// FeedHidesDeleted keeps deleted calls out of the feed; otherwise it brings their tombstones. Which of the two
	// RingCentral does is not published.
	FeedHidesDeleted bool
	// FeedTokenLifetime is how long a sync token is accepted; zero means for ever.
	FeedTokenLifetime time.Duration
	// RefuseShowDeleted refuses showDeleted in the company's log, which has it only since the specification of
	// 2026-03-25.
	RefuseShowDeleted bool
	// Restricted lets clients act as a user who is no administrator: the company's call log, its change feed, numbers,
	// queues and recordings are refused, as are the call logs and messages of other extensions.
	Restricted bool
	// WithoutScopes are permissions that the application lacks, of ReadAccounts, ReadCallLog, ReadCallRecording and
	// ReadMessages.
	WithoutScopes []string
	// Faults spoils some of the answers.
	Faults Faults
	// Recorded, if not empty, is served instead of a generated population.
	Recorded []Recording
}

// Simulator answers HTTP requests as RingCentral would. It is safe for concurrent use.
type Simulator struct {
	options  Options
	company  *company
	user     *extension // that clients act as
	calls    calls
	mail     *mailroom // nil if the calls are recorded ones
	limiter  *limiter
	sessions *sessions
	mux      *http.ServeMux
	requests atomic.Int64
	counts   counts
	sent     sent
	faults   *faults
	// expiries is how often all sync tokens were made to expire.
	expiries atomic.Int64
}

// calls is where call records come from: a generated population, or recordings.
type calls interface {
	// span is the first and the last day that can hold calls, both inclusive, in days since 1970-01-01 UTC.
	span(now time.Time) (first, last int)
	// on returns the records of the company's log that start on a day at an instant, oldest first, as they were then; some
	// may become visible only later. Not to be changed.
	on(day int, now int64) []*record
	// changed returns current versions of records of the company's log in no particular order. Once there are more than
	// enough it may leave out those that come after them.
	changed(changes) []*record
	// find returns any version of the record of the company's log that an id belongs to, in whichever extension's log
	// the id was seen, or nil.
	find(id string) *record
	// session returns any versions of the records of the company's log with a sessionId, oldest first.
	session(id string) []*record
	// own returns how a record of the company's log reads in the log of an extension, nil if it is not in there.
	own(r *record, x *extension) *record
}

// New returns a Simulator; nil options mean all defaults. It fails if an option is out of its range, or a recording
// cannot be read; the error names the option, or the file with line and byte and what was expected there.
func New(o *Options) (*Simulator, error) {
	options, err := withDefaults(o)
	if err != nil {
		return nil, err
	}
	s := &Simulator{
		options: options,
		limiter: newLimiter(options.Window, options.Penalty),
		faults:  newFaults(options.Faults),
	}
	if len(options.Recorded) > 0 {
		s.company = newCompany(options.Population, 1, options.BaseURL)
		s.calls, err = readRecordings(options.Recorded)
		if err != nil {
			return nil, err
		}
	} else {
		s.company = newCompany(options.Population, options.Extensions, options.BaseURL)
		p := newPopulation(options.Population, s.company)
		s.calls, s.mail = p, newMailroom(p)
	}
	s.user = s.company.acting(options.Restricted)
	s.sessions = newSessions(options, s.user)
	s.mux = s.routes()
	return s, nil
}

func withDefaults(given *Options) (Options, error) {
	var o Options
	if given != nil {
		o = *given
	}
	if o.Location == nil {
		newYork, err := time.LoadLocation("America/New_York")
		if err != nil {
			return o, fmt.Errorf("default time zone: %w; give another Location or install the time zone database", err)
		}
		o.Location = newYork
	}
	o.Extensions = orDefault(o.Extensions, 50)
	o.CallsPerDay = orDefault(o.CallsPerDay, 2000)
	o.HeavyLimit = orDefault(o.HeavyLimit, 10)
	o.MediumLimit = orDefault(o.MediumLimit, 40)
	o.LightLimit = orDefault(o.LightLimit, 50)
	o.Window = orDefault(o.Window, time.Minute)
	o.Penalty = orDefault(o.Penalty, time.Minute)
	o.TokenLifetime = orDefault(o.TokenLifetime, time.Hour)
	o.BaseURL = strings.TrimSuffix(orDefault(o.BaseURL, "https://platform.ringcentral.example"), "/")
	o.ChangesWithin = orDefault(o.ChangesWithin, 60*time.Hour)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = time.Sleep
	}
	return o, o.check()
}

func orDefault[T comparable](given, byDefault T) T {
	var zero T
	if given == zero {
		return byDefault
	}
	return given
}

func (o *Options) check() error {
	switch {
	case o.Extensions < 5 || o.Extensions > 5000:
		return fmt.Errorf("extensions: %d is not between 5 and 5000; give a number in that range", o.Extensions)
	case o.CallsPerDay < 1 || o.CallsPerDay > 100_000:
		return fmt.Errorf("calls per day: %d is not between 1 and 100000; give a number in that range", o.CallsPerDay)
	case min(o.HeavyLimit, o.MediumLimit, o.LightLimit) < 0:
		return fmt.Errorf("heavy limit %d, medium limit %d, light limit %d: one is negative; give how many requests a window admits",
			o.HeavyLimit, o.MediumLimit, o.LightLimit)
	case o.Window < 0 || o.Penalty < 0 || o.TokenLifetime < 0:
		return fmt.Errorf("window %v, penalty %v, token lifetime %v: one is negative; give positive durations",
			o.Window, o.Penalty, o.TokenLifetime)
	case o.Retention < 0 || o.FeedTokenLifetime < 0:
		return fmt.Errorf("retention %v, feed token lifetime %v: one is negative; give positive durations, or zero for ever",
			o.Retention, o.FeedTokenLifetime)
	case o.ChangesWithin < leastChangesWithin:
		return fmt.Errorf("changes within: %v is less than the longest call needs; give 12h or more", o.ChangesWithin)
	}
	if err := o.Feed.check(); err != nil {
		return err
	}
	if err := o.Faults.check(); err != nil {
		return err
	}
	if err := o.checkScopes(); err != nil {
		return err
	}
	base, err := url.Parse(o.BaseURL)
	if err != nil || base.Scheme == "" || base.Host == "" {
		return fmt.Errorf("base url %q: give a scheme and a host, such as http://127.0.0.1:8080", o.BaseURL)
	}
	return nil
}

// ServeHTTP answers one request.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.options.Now().UTC().Format(http.TimeFormat))
	s.mux.ServeHTTP(w, r)
}

// Credentials returns what a client logs in with: the application's id and secret, and a personal JWT that does not
// expire, of the account's administrator or, if Options.Restricted, of another user. They depend on the seed and that
// alone.
func (s *Simulator) Credentials() (clientID, clientSecret, jwt string) {
	return s.sessions.clientID, s.sessions.clientSecret, s.JWT(time.Time{})
}

// JWT returns a personal JWT like the one of Credentials that is refused from an instant on; zero means never. It is
// for those who hand out access for a limited time, and for trying what happens when it ends.
func (s *Simulator) JWT(expires time.Time) string {
	return s.sessions.personalJWT(expires)
}

// AccountID returns the account's id, decimal digits.
func (s *Simulator) AccountID() string {
	return strconv.FormatInt(s.company.accountID, 10)
}

// shows tells whether a version can be seen in a log by those who do not ask for deleted ones. What was recorded is
// always shown.
func (s *Simulator) shows(r *record, now int64) bool {
	return r.visible <= now && (!r.Deleted || r.raw != nil)
}

// forgotten is the start before which calls are not served any more.
func (s *Simulator) forgotten(now time.Time) int64 {
	if s.options.Retention == 0 {
		return math.MinInt64
	}
	return ceilMilli(now.Add(-s.options.Retention))
}

// ceilMilli is the first whole millisecond, since 1970 UTC, that is not before t.
func ceilMilli(t time.Time) int64 {
	milli := t.UnixMilli()
	if t.After(time.UnixMilli(milli)) {
		milli++
	}
	return milli
}
