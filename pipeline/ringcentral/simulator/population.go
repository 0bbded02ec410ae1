package simulator

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// founded is when the company opened its account; there are no calls before.
func founded() time.Time { return time.Date(2015, 1, 5, 0, 0, 0, 0, time.UTC) }

// dayLength is a UTC day in milliseconds: unix time has no leap seconds.
const dayLength = 24 * 60 * 60 * 1000

// dayOf counts the UTC days from 1970 to an instant in unix milliseconds.
func dayOf(milli int64) int {
	day := milli / dayLength
	if milli%dayLength < 0 {
		day--
	}
	return int(day)
}

// population generates days on demand and keeps the last ones used.
type population struct {
	Population
	company    *company
	founded    int
	keyA, keyB uint64 // for ids
	days       *kept[*generatedDay]
}

type generatedDay struct {
	records []*record // by start
	byIndex []*record
}

func newPopulation(o Population, c *company) *population {
	sum := sha256.Sum256(fmt.Appendf(nil, "ids of seed %d", o.Seed))
	p := &population{
		Population: o,
		company:    c,
		founded:    dayOf(founded().UnixMilli()),
		keyA:       binary.LittleEndian.Uint64(sum[:8]),
		keyB:       binary.LittleEndian.Uint64(sum[8:16]),
	}
	// About 2 kB a record: some 60 MB, or two days of a very large company.
	capacity := min(max(30_000/o.CallsPerDay, 2), 100)
	if o.Alive {
		// With all versions, encoded, about 15 kB a record. A day is made up of three, and the feed looks back some.
		capacity = min(max(12_000/o.CallsPerDay, 6), 100)
	}
	p.days = newKept(capacity, p.generate)
	return p
}

func (p *population) span(now time.Time) (first, last int) {
	first = p.founded
	if p.Alive {
		first-- // a start can move back over midnight
	}
	return first, dayOf(now.UnixMilli())
}

func (p *population) on(day int, now int64) []*record {
	if !p.Alive {
		return p.day(day).records
	}
	// A start moves less than a day, so whatever starts on this day now was made for it or for a neighbour.
	var all []*record
	for made := max(day-1, p.founded); made <= min(day+1, dayOf(now)); made++ {
		for _, r := range p.day(made).records {
			if v := r.current(now); v != nil && dayOf(v.start) == day {
				all = append(all, v)
			}
		}
	}
	slices.SortStableFunc(all, byStart)
	return all
}

func (p *population) changed(c changes) []*record {
	var found []*record
	// A day's records become visible, and change, after it began and not later than this after it ended.
	reach := leastChangesWithin
	if p.Alive {
		reach = p.ChangesWithin
	}
	first := max(p.founded, dayOf(c.after-reach.Milliseconds())-1, dayOf(c.oldest)-1)
	for day := first; day <= dayOf(c.until); day++ {
		for _, r := range p.day(day).records {
			if v := r.current(c.until); v != nil && v.modified > c.after && c.keep(v) {
				found = append(found, v)
			}
		}
		border, certain := int64(day+1)*dayLength, 0
		for _, v := range found {
			if v.modified < border {
				certain++
			}
		}
		if certain > c.enough {
			break
		}
	}
	return found
}

func (p *population) day(day int) *generatedDay { return p.days.day(day) }

// generate makes a day's calls, with their history if they have one.
func (p *population) generate(day int) *generatedDay {
	d := &generatedDay{byIndex: p.final(day)}
	for i, r := range d.byIndex {
		switch {
		case p.Alive:
			d.byIndex[i] = p.live(r)
		case p.CallsPerDay <= 100: // of more, the encoded records would take more memory than the records
			r.encoded = &encodings{}
		}
	}
	d.records = slices.Clone(d.byIndex)
	slices.SortStableFunc(d.records, byStart)
	return d
}

// final makes a day's calls as they are in the end, from a generator of its own.
func (p *population) final(day int) []*record {
	sum := sha256.Sum256(fmt.Appendf(nil, "seed %d, %d extensions, %d calls, zone %s, day %d",
		p.Seed, p.Extensions, p.CallsPerDay, p.Location, day))
	m := &maker{
		company:    p.company,
		population: p,
		rng:        rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16]))),
		day:        day,
	}
	kinds := m.kinds()
	for _, start := range m.starts(float64(p.CallsPerDay) / (1 + pairs)) {
		m.conversation(kinds, start)
	}
	return m.records
}

// dayWidth is how many numbers each day has for its records; a day has at most 100,000 conversations and some pairs.
const dayWidth = 200_000

// sequence numbers all records of all days.
func (p *population) sequence(day, index int) int64 {
	return int64(day-p.founded)*dayWidth + int64(index)
}

// sessionID is that of the record with an index; RingOut's two records are neighbours, so theirs differ by 1000.
func (p *population) sessionID(day, index int) string {
	return strconv.FormatInt(400_000_000_008+p.sequence(day, index)*1000, 10)
}

func (p *population) session(id string) []*record {
	n, err := strconv.ParseInt(id, 10, 64)
	n -= 400_000_000_008
	if err != nil || n < 0 || n%1000 != 0 {
		return nil
	}
	n /= 1000
	if r := p.at(p.founded+int(n/dayWidth), int(n%dayWidth)); r != nil && r.SessionID == id {
		return []*record{r}
	}
	return nil
}

// at is the record at a place, or nil.
func (p *population) at(day, index int) *record {
	const lastDay = 1 << 16 // in the year 2149, far from where a day's number would overflow anything
	if day < p.founded || day > lastDay {
		return nil
	}
	if d := p.day(day); index < len(d.byIndex) {
		return d.byIndex[index]
	}
	return nil
}

// id writes a record's place as 15 characters that look like nothing: three bytes of a hash of the place, and the
// place itself covered by a hash of these three. other is 0 for the company's log and the log of the extension on
// whose behalf the call is logged, and counts up for the logs of the others that took part: the same conversation
// has another id there.
func (p *population) id(day, index, other int) string {
	place := uint64(day)<<40 | uint64(index)<<8 | uint64(other)
	tag := mix(place^p.keyA) >> 40
	b := []byte{byte(tag >> 16), byte(tag >> 8), byte(tag)}
	b = binary.BigEndian.AppendUint64(b, place^mix(tag^p.keyB))
	return base64.RawURLEncoding.EncodeToString(b)
}

func (p *population) find(id string) *record {
	b, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil || len(b) != 11 {
		return nil
	}
	tag := uint64(b[0])<<16 | uint64(b[1])<<8 | uint64(b[2])
	place := binary.BigEndian.Uint64(b[3:]) ^ mix(tag^p.keyB)
	if mix(place^p.keyA)>>40 != tag {
		return nil
	}
	return p.at(int(place>>40), int(place>>8&0xffffffff))
}

// mix is the finalizer of splitmix64, a bijection that scatters its input.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// own: an extension's log has the calls that the extension took part in. On whose behalf the call is logged sees the
// company's record; the others see their own legs, with the result these had. It begins when the call began, which
// keeps a call in the same day of every log. (How the real logs differ is published only in outline.)
func (p *population) own(r *record, x *extension) *record {
	whole := r
	if r.whole != nil {
		whole = r.whole
	}
	place := slices.Index(whole.extensionIDs(), x.id)
	if place < 0 {
		return nil
	}
	mine := *r
	mine.encoded = nil
	mine.URI = strings.Replace(r.URI, "/call-log/", "/extension/"+x.idText()+"/call-log/", 1)
	if place == 0 {
		return &mine
	}
	mine.ID = p.id(r.day, r.index, place)
	mine.URI = mine.URI[:strings.LastIndexByte(mine.URI, '/')+1] + mine.ID
	if r.whole != nil {
		return &mine
	}
	mine.Legs = nil
	end := r.start
	for _, l := range r.Legs {
		if l.Extension != nil && l.Extension.ID == x.id {
			l.Master = len(mine.Legs) == 0
			mine.Legs = append(mine.Legs, l)
			end = max(end, l.start+l.length)
		}
	}
	mine.segment = mine.Legs[len(mine.Legs)-1].segment
	mine.setTimes(r.start, end-r.start)
	if r.DurationMs == absent {
		mine.Duration, mine.DurationMs = absent, absent
	}
	mine.TelephonySessionID, mine.PartyID, mine.SIPUUIDInfo = r.TelephonySessionID, "", ""
	mine.Billing = total(mine.Legs)
	mine.MetadataCategories, mine.Finished = r.MetadataCategories, r.Finished
	return &mine
}
