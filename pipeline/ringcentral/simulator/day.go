package simulator

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// maker makes one day's calls. Its generator is used in a fixed order, so the day comes out the same each time.
type maker struct {
	company    *company
	population *population
	rng        *rand.Rand
	day        int
	records    []*record // by index
}

// pairs is the share of conversations that are logged as two records.
const pairs = 0.04

// starts draws when as many conversations as a working day has begin, in unix milliseconds, oldest first: a rate for each
// quarter of an hour, by the company's local time. The day's first and last one are put to its very edges, since that is where windows go wrong.
func (m *maker) starts(perDay float64) []int64 {
	const quarter = dayLength / 96
	midnight := int64(m.day) * dayLength
	var starts []int64
	for q := range int64(96) {
		expected := perDay * weight(time.UnixMilli(midnight+q*quarter).In(m.population.Location)) / 4
		for range int(expected + m.rng.Float64()) {
			starts = append(starts, midnight+q*quarter+m.rng.Int64N(quarter))
		}
	}
	slices.Sort(starts)
	if n := len(starts); n >= 10 {
		starts[0] = midnight + m.rng.Int64N(500)
		starts[n-1] = midnight + dayLength - 1 - m.rng.Int64N(500)
	}
	return starts
}

// weight is the share of a working day's calls in an hour; a working day's 24 hours sum to 1.
func weight(local time.Time) float64 {
	thousandths := [24]float64{1, 1, 1, 1, 1, 3, 10, 27, 76, 111, 119, 114, 84, 100, 117, 107, 78, 29, 8, 5, 3, 2, 1, 1}
	share := thousandths[local.Hour()] / 1000
	if day := local.Weekday(); day == time.Saturday || day == time.Sunday {
		return 0.08*share + 0.0005
	}
	return share
}

// between draws evenly from [low, high).
func (m *maker) between(low, high int64) int64 { return low + m.rng.Int64N(high-low) }

func (m *maker) chance(p float64) bool { return m.rng.Float64() < p }

// pick draws an index with the given weights.
func (m *maker) pick(weights ...int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	n := m.rng.IntN(sum)
	for i, w := range weights {
		if n < w {
			return i
		}
		n -= w
	}
	panic("simulator: a draw beyond the sum of its weights")
}

// talk draws how long two people talk: mostly minutes, at times an hour.
func (m *maker) talk() int64 {
	return min(max(int64(140_000*math.Exp(0.95*m.rng.NormFloat64())), 2_000), 7_200_000)
}

func (m *maker) ring() int64 { return m.between(2_500, 28_000) }

// caller draws an outside number; the first of the pool come most often.
func (m *maker) caller() *party {
	return m.company.outside[int(float64(len(m.company.outside))*math.Pow(m.rng.Float64(), 2.5))]
}

// callee draws whom a user calls: somebody with a number, at times abroad.
func (m *maker) callee() *party {
	if m.chance(0.04) {
		return m.company.abroad[m.rng.IntN(len(m.company.abroad))]
	}
	for {
		if p := m.caller(); p.PhoneNumber != "" {
			return p
		}
	}
}

// user draws one that may call. For one who has left the company it is the successor, so that the calls of others stay
// what they would be.
func (m *maker) user() *extension {
	for {
		x := m.company.users[m.rng.IntN(len(m.company.users))]
		switch {
		case x.status != "Enabled":
		case x.leavesBy(m.day):
			return x.successor
		default:
			return x
		}
	}
}

func (m *maker) colleague(of *extension) *extension {
	for {
		if x := m.user(); x != of {
			return x
		}
	}
}

func (m *maker) queue() *extension { return m.company.queues[m.rng.IntN(len(m.company.queues))] }

// begin opens a record; its place decides its ids.
func (m *maker) begin(start int64) *record {
	index := len(m.records)
	id := m.population.id(m.day, index, 0)
	n := m.population.sequence(m.day, index)
	r := &record{
		ID:        id,
		URI:       m.company.path("/call-log/" + id),
		SessionID: m.population.sessionID(m.day, index),
		day:       m.day, index: index, start: start,
	}
	r.TelephonySessionID = "s-a0" + hex(mix(uint64(n)), 10) + "z" + hex(uint64(start), 11) + "z" + hex(uint64(n), 7) + "0000"
	m.records = append(m.records, r)
	return r
}

// hex writes the low digits of a number.
func hex(n uint64, digits int) string {
	text := strconv.FormatUint(n, 16)
	if len(text) > digits {
		return text[len(text)-digits:]
	}
	for len(text) < digits {
		text = "0" + text
	}
	return text
}

// add appends a leg that begins some milliseconds after the call did.
func (m *maker) add(r *record, l leg, after, length int64) {
	l.start, l.length = r.start+after, length
	l.setTimes(l.start, length)
	l.Type = orDefault(l.Type, "Voice")
	l.Transport = orDefault(l.Transport, "PSTN")
	l.TelephonySessionID = r.TelephonySessionID
	n := strconv.Itoa(len(r.Legs) + 1)
	l.PartyID = "p-" + r.TelephonySessionID[2:] + "-" + n
	if l.Transport == "VoIP" {
		l.SIPUUIDInfo = hex(mix(uint64(l.start)), 16) + hex(mix(uint64(r.index)), 16)
	}
	// The price of a begun minute in thousandths; calls that reached nobody and calls over the internet are free.
	if l.Transport == "PSTN" && reached(l.Result) {
		l.cost = (length + 59_999) / 60_000 * 23
		if l.InternalType == "International" {
			l.cost, l.extra = 0, (length+59_999)/60_000*185
		}
	}
	l.Billing = &billing{dollars(l.cost), dollars(l.extra)}
	l.Master = len(r.Legs) == 0
	r.Legs = append(r.Legs, l)
}

// reached tells whether a result means that something was transmitted.
func reached(result string) bool {
	switch result {
	case "Accepted", "Call connected", "Voicemail", "Sent", "Received", "Fax Partially Sent":
		return true
	}
	return false
}

// total sums the costs of legs.
func total(legs []leg) *billing {
	var cost, extra int64
	for i := range legs {
		cost += legs[i].cost
		extra += legs[i].extra
	}
	return &billing{dollars(cost), dollars(extra)}
}

// finish fills in what follows from the legs: a record lasts as long as they do.
func (m *maker) finish(r *record, s segment) {
	session, end := r.TelephonySessionID, r.start
	for i := range r.Legs {
		end = max(end, r.Legs[i].start+r.Legs[i].length)
	}
	r.segment = s
	r.TelephonySessionID = session
	r.setTimes(r.start, end-r.start)
	r.Type = orDefault(s.Type, "Voice")
	r.Transport = orDefault(s.Transport, "PSTN")
	r.Billing = total(r.Legs)
	r.LastModifiedTime = timestamp(end + m.between(1_000, 18_000))
	// RingCentral shows a call 15 to 30 s after its end.
	r.visible = end + 20_000
	r.modified = r.visible
	// The member came with the API's revision of that day.
	r.Finished = r.start >= time.Date(2026, 8, 13, 0, 0, 0, 0, time.UTC).UnixMilli()
	m.decorate(r)
}
