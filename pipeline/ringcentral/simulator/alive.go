package simulator

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// How often something happens to a call of a population that is alive. The kinds of change are published (in RingCentral's
// documentation, in code that reads its log, or in captured payloads); how frequent they are is not, so these shares are
// chosen such that a few days of a small company have every kind.
const (
	progressShare  = 0.40 // is seen while it is in progress
	flipShare      = 0.50 // of calls of queues in progress: reads as an outbound call until it has finished
	lateShare      = 0.04 // appears only hours after its end
	recordingShare = 0.60 // of recorded calls: the recording comes later than the call
	growShare      = 0.15 // of calls with several legs: the last one comes later
	billingShare   = 0.35 // of calls that cost something: the costs come later
	moveShare      = 0.06 // the start moves; five times that within moveLimit of midnight
	surpriseShare  = 0.05 // gets members or values that the published schema does not know
	deleteShare    = 0.05 // is deleted
	restoreShare   = 0.30 // of deleted calls: comes back
	twinShare      = 0.04 // has two versions with one lastModifiedTime
	longShare      = 0.10 // of all changes: comes as late as ChangesWithin permits, instead of in the usual time
)

const (
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute

	// moveLimit is how far a start moves at most: into the neighbouring day, never beyond.
	moveLimit = 3 * hour
	// Billing runs every two hours, so that what it updates has one lastModifiedTime.
	billingRun = 2 * hour
	// leastChangesWithin is enough for the longest call to be seen finished.
	leastChangesWithin = 12 * time.Hour
)

// state is what has become of a call until a version of it.
type state struct {
	inProgress, flipped bool
	legs                int // how many of them are there
	legless             bool
	recorded, billed    bool
	deleted             bool
	shift               int64 // of the start
	hints               *routingHints
	strange             bool
}

// change is one of the things that happen to a call.
type change struct {
	at       int64 // from when on it can be seen, unix milliseconds
	modified int64 // its lastModifiedTime; the same but of a twin
	apply    func(*state)
}

// fate decides what happens to one call. It draws from a generator of the call's own, so that the calls themselves stay
// those of a population that is not alive.
type fate struct {
	term
	record  *record
	changes []change
}

// term is until when something may change.
type term struct {
	*maker
	limit int64 // all changes come before, unix milliseconds
}

// live makes the versions of a record that was made as it is in the end, and returns the first one.
func (p *population) live(r *record) *record {
	place := uint64(r.day)<<40 | uint64(r.index)<<8
	f := &fate{record: r, term: term{maker: &maker{company: p.company, population: p, day: r.day,
		rng: rand.New(rand.NewPCG(mix(p.keyA^place), mix(p.keyB+place)))}}}
	shift := f.drawShift()
	day := min(r.day, dayOf(r.start+shift))
	f.limit = p.changeLimit(day)
	f.draw(shift)
	return f.versions()
}

// changeLimit is when what belongs to a day changes no more.
func (p *population) changeLimit(day int) int64 {
	return int64(day+1)*dayLength + p.ChangesWithin.Milliseconds() - second
}

// happens plans a change at an instant.
func (f *fate) happens(at int64, apply func(*state)) {
	f.changes = append(f.changes, change{at, at, apply})
}

// when draws an instant that is between low and high after another one, or once in a while as late as may be; ok is
// false if the limit leaves no room.
func (t *term) when(after, low, high int64) (at int64, ok bool) {
	low += after
	high += after
	if t.chance(longShare) || high > t.limit {
		high = t.limit
	}
	if low >= high {
		return 0, false
	}
	return t.between(low, high), true
}

func (f *fate) drawShift() int64 {
	sinceMidnight := f.record.start - int64(f.day)*dayLength
	share := moveShare
	if min(sinceMidnight, dayLength-sinceMidnight) < moveLimit {
		share *= 5
	}
	if !f.chance(share) {
		return 0
	}
	return f.between(-moveLimit, moveLimit+1)
}

// draw plans everything, from the first version on. A call is seen 15 to 30 s after its end.
func (f *fate) draw(shift int64) {
	r := f.record
	end := r.start + int64(r.DurationMs)
	seen := end + f.between(15*second, 30*second)
	late, isLate := int64(0), f.chance(lateShare)
	if isLate {
		if late, isLate = f.when(end, hour, 20*hour); isLate {
			seen = late
		}
	}
	inProgress, flips := f.chance(progressShare), f.chance(flipShare)
	if inProgress && !isLate && end-r.start > 5*second {
		at := r.start + f.between(2_500, 4_000)
		f.happens(at, func(s *state) { s.inProgress, s.flipped = true, flips && f.isQueued() })
	}
	grows := len(r.Legs) > 1 && f.chance(growShare)
	recordingLater := r.Recording != nil && f.chance(recordingShare)
	billedLater := *r.Billing != (billing{}) && f.chance(billingShare)
	twin := f.chance(twinShare)
	f.happens(seen, func(s *state) {
		s.inProgress, s.flipped, s.legless = false, false, twin
		s.recorded, s.billed = !recordingLater, !billedLater
		if s.legs = len(r.Legs); grows {
			s.legs--
		}
	})
	if twin {
		at := seen + f.between(second, 20*second)
		f.changes = append(f.changes, change{at, seen, func(s *state) { s.legless = false }})
	}
	f.complete(seen, grows, recordingLater, billedLater)
	f.disturb(max(seen, end+shift), shift)
}

// isQueued tells whether the call came through a queue.
func (f *fate) isQueued() bool {
	x := f.record.Extension
	return x != nil && f.company.byNumericID(x.ID).kind == "Department"
}

// complete plans what was missing when the call was first seen finished.
func (f *fate) complete(seen int64, leg, recording, billing bool) {
	if at, ok := f.when(seen, 30*second, 20*minute); leg && ok {
		f.happens(at, func(s *state) { s.legs = len(f.record.Legs) })
	}
	if at, ok := f.when(seen, minute, 30*minute); recording && ok {
		f.happens(at, func(s *state) { s.recorded = true })
	}
	if at, ok := f.when(seen, 2*billingRun, 24*hour); billing && ok {
		f.happens(at/billingRun*billingRun, func(s *state) { s.billed = true })
	}
}

// disturb plans what happens to calls that were complete.
func (f *fate) disturb(after, shift int64) {
	if at, ok := f.when(after, 10*minute, 12*hour); shift != 0 && ok {
		f.happens(at, func(s *state) { s.shift = shift })
	}
	if at, ok := f.when(after, 5*minute, 10*hour); f.chance(surpriseShare) && ok {
		hints := &routingHints{Skill: "überprüft", Attempts: 1 + f.rng.IntN(4),
			Score: float64(f.rng.IntN(1000)) / 1000, Path: []string{"again"}}
		strange := f.chance(0.5)
		f.happens(at, func(s *state) { s.hints, s.strange = hints, strange })
	}
	at, ok := f.when(after, 10*minute, 48*hour)
	if !ok || !f.chance(deleteShare) {
		return
	}
	f.happens(at, func(s *state) { s.deleted = true })
	if at, ok := f.when(at, minute, 24*hour); ok && f.chance(restoreShare) {
		f.happens(at, func(s *state) { s.deleted = false })
	}
}

// versions turns the changes into versions and returns the first one.
func (f *fate) versions() *record {
	slices.SortStableFunc(f.changes, func(a, b change) int { return cmp.Compare(a.at, b.at) })
	s := state{legs: 1}
	gone := false
	var last int64
	all := &life{}
	for _, c := range f.changes {
		c.apply(&s)
		if gone && s.deleted {
			continue // what happens to a deleted call is seen only if it comes back
		}
		if c.at <= last { // no two versions at once
			c.modified += last + 1 - c.at
			c.at = last + 1
		}
		last = c.at
		v := f.version(&s, c, all)
		if gone = s.deleted; gone {
			v = tombstone(v)
		}
		all.versions = append(all.versions, v)
	}
	return all.versions[0]
}

// version is the record as it reads in a state.
func (f *fate) version(s *state, c change, all *life) *record {
	v := *f.record
	v.life, v.encoded = all, &encodings{}
	v.visible, v.modified, v.LastModifiedTime = c.at, c.at, timestamp(c.modified)
	v.Legs = v.Legs[:s.legs:s.legs]
	if s.shift != 0 || s.inProgress || !s.recorded || !s.billed || s.strange {
		v.Legs = slices.Clone(v.Legs)
	}
	if s.shift != 0 {
		v.start += s.shift
		v.setTimes(v.start, int64(v.DurationMs))
	}
	v.show(s)
	for i := range v.Legs {
		l := &v.Legs[i]
		if s.shift != 0 {
			l.start += s.shift
			l.setTimes(l.start, l.length)
		}
		if !s.billed {
			l.cost, l.extra = 0, 0
		}
		l.show(s)
	}
	if s.hints != nil {
		v.RoutingHints = s.hints
	}
	if s.strange {
		odd := strangeValues()
		v.Result, v.Reason, v.Legs[len(v.Legs)-1].LegType = odd.result, odd.reason, odd.legType
	}
	if s.legless {
		v.Legs, v.Recording = nil, nil
	}
	return &v
}

// show leaves out of a record or leg what is not known yet.
func (g *segment) show(s *state) {
	if !s.recorded {
		g.Recording = nil
	}
	if !s.billed {
		g.Billing = &billing{}
	}
	if s.flipped {
		g.Direction, g.Action = "Outbound", "VoIP Call"
	}
	if s.inProgress {
		g.Result, g.Reason, g.ReasonDescription = "In Progress", "", ""
		g.Duration, g.DurationMs, g.Finished = absent, absent, false
		g.Recording, g.ShortRecording, g.Message, g.Billing = nil, false, nil, nil
		g.Delegate, g.DelegationType, g.TransferTarget, g.Transferee = nil, "", nil, nil
		g.MetadataCategories = nil
	}
}

// tombstone is what is left of a deleted record.
func tombstone(v *record) *record {
	t := &record{URI: v.URI, ID: v.ID, SessionID: v.SessionID, Deleted: true, LastModifiedTime: v.LastModifiedTime,
		day: v.day, index: v.index, start: v.start, visible: v.visible, modified: v.modified,
		life: v.life, encoded: v.encoded, whole: v}
	t.segment = segment{StartTime: v.StartTime, Duration: absent, DurationMs: absent, Type: v.Type,
		Direction: v.Direction, Action: v.Action}
	return t
}
