package simulator

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
)

// Ids of messages end in a digit that tells where they come from, so that all are unique in the account.
const (
	linkedIDs = 1_000_000_000_004 // of voicemails and faxes, which the call log links
	textIDs   = 1_000_000_000_008 // of SMS, MMS and pager messages
)

// mailroom makes the messages of a population. Those of a UTC day of creation depend on the seed, the population and the
// date alone.
type mailroom struct {
	*population
	links *kept[[]*record] // a day's calls that name a message, without the history that they may have
	days  *kept[*mailDay]
}

type mailDay struct {
	all     []*stored // first versions, by creation
	byOwner map[int64][]*stored
	byID    map[int64]*stored
}

func newMailroom(p *population) *mailroom {
	m := &mailroom{population: p}
	// About 0.4 messages a call and 1 kB a message: some 80 MB. Readers walk the same days once per extension, so that
	// more than a month should stay.
	capacity := min(max(200_000/p.CallsPerDay, 3), 400)
	if p.Alive { // with two or three versions of most
		capacity = min(max(120_000/p.CallsPerDay, 3), 400)
	}
	m.days = newKept(capacity, m.generate)
	m.links = newKept(3, func(day int) []*record {
		return slices.Clip(slices.DeleteFunc(p.final(day), func(r *record) bool { return r.Message == nil }))
	})
	return m
}

// span is the first and the last day that can hold messages, both inclusive.
func (m *mailroom) span(now int64) (first, last int) { return m.founded, dayOf(now) }

// generate makes a day's messages: what the calls of this day and of the one before left, and the texts.
func (m *mailroom) generate(day int) *mailDay {
	d := &mailDay{byOwner: map[int64][]*stored{}, byID: map[int64]*stored{}}
	for _, made := range []int{day - 1, day} {
		if made < m.founded {
			continue
		}
		for _, r := range m.links.day(made) {
			if one := m.linked(r); dayOf(one.created) == day {
				d.all = append(d.all, one)
			}
		}
	}
	d.all = append(d.all, m.texts(day)...)
	slices.SortStableFunc(d.all, func(a, b *stored) int { return cmp.Compare(a.created, b.created) })
	for i, one := range d.all {
		if m.Alive {
			one = m.live(one)
		} else {
			*one.versions = []*stored{one}
		}
		d.all[i] = one
		d.byOwner[one.owner.id] = append(d.byOwner[one.owner.id], one)
		d.byID[one.ID] = one
	}
	return d
}

// find returns any version of a message, or nil.
func (m *mailroom) find(id string) *stored {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil
	}
	for _, day := range m.daysOf(n) {
		if one := m.days.day(day).byID[n]; one != nil {
			return one
		}
	}
	return nil
}

// daysOf are the days on which a message with an id can have been created. That of a call is created when the call has
// ended, which may be the day after.
func (m *mailroom) daysOf(id int64) []int {
	const lastDay = 1 << 16 // in the year 2149, far from where a day's number would overflow anything
	for base, days := range map[int64]int{linkedIDs: 2, textIDs: 1} {
		n := id - base
		first := m.founded + int(n/1000/dayWidth)
		if n < 0 || n%1000 != 0 || first > lastDay {
			continue
		}
		return []int{first, first + 1}[:days]
	}
	return nil
}

// linked makes the voicemail or fax that a call of the log names, in the store of the extension that the link names. It
// is created when the call has ended, and stays there if the call's start moves.
func (m *mailroom) linked(r *record) *stored {
	place := mix(uint64(r.day)<<40 | uint64(r.index)<<8 | 1)
	t := &texter{maker: &maker{company: m.company, population: m.population, day: r.day,
		rng: rand.New(rand.NewPCG(mix(place^m.keyA), mix(place+m.keyB)))}}
	id, err := strconv.ParseInt(r.Message.ID, 10, 64)
	if err != nil {
		panic("simulator: the message id " + r.Message.ID + " is no number") // it was made from one
	}
	owner := m.company.byNumericID(r.Extension.ID)
	one := newStored(id, owner, r.start+int64(r.DurationMs))
	from, to := correspond(r.From), correspond(r.To)
	one.From, one.Type, one.Direction = &from, r.Message.Type, "Inbound"
	one.ReadStatus, one.MessageStatus = "Unread", "Received"
	switch {
	case r.Message.Type == "VoiceMail":
		to.Name, to.ExtensionID, to.ExtensionNumber = owner.name, owner.idText(), owner.number
		t.voicemail(one, r)
	case r.Legs[0].Direction == "Outbound":
		one.ReadStatus, one.Direction = "Read", "Outbound"
		t.fax(one)
		t.faxStatus(one, &to, r.Legs[0].Result)
	default:
		one.Subject = from.PhoneNumber
		t.fax(one)
	}
	one.To = []correspondent{to}
	if one.Direction == "Inbound" && t.chance(0.7) {
		one.ReadStatus = "Read"
	}
	one.at(one.created + t.between(20, 1_000))
	return one
}

func (t *texter) voicemail(m *stored, r *record) {
	m.attach(t.company, attachment{Type: "AudioRecording", ContentType: "audio/x-wav",
		VMDuration: 1 + t.rng.IntN(max(int(int64(r.DurationMs)/second), 1))})
	m.VMTranscriptionStatus = []string{"Completed", "NotAvailable", "CompletedPartially", "TimedOut", "Failed"}[t.pick(70, 15, 5, 5, 5)]
	if m.transcribed() {
		m.attach(t.company, attachment{Type: "AudioTranscription", ContentType: "text/plain", FileName: "transcription"})
	}
	if t.chance(0.1) {
		m.Priority = "High"
	}
}

// transcribed tells whether there is text of a voicemail.
func (m *stored) transcribed() bool {
	return m.VMTranscriptionStatus == "Completed" || m.VMTranscriptionStatus == "CompletedPartially"
}

func (t *texter) fax(m *stored) {
	m.attach(t.company, attachment{Type: "RenderedDocument", ContentType: "application/pdf"})
	m.FaxPageCount = 1 + t.rng.IntN(12)
	m.FaxResolution = []string{"High", "Low"}[t.pick(4, 1)]
	if m.Direction == "Outbound" {
		m.CoverIndex = 1 + t.rng.IntN(13)
	}
}

// faxStatus agrees with the result of the call that sent a fax. What arrived in part has failed and says why.
func (t *texter) faxStatus(m *stored, to *correspondent, result string) {
	switch result {
	case "Sent":
		m.MessageStatus = "Sent"
	case "Fax Partially Sent":
		m.MessageStatus, to.FaxErrorCode = "SendingFailed", "SentPartially"
	default:
		m.MessageStatus = "SendingFailed"
		to.FaxErrorCode = []string{"NoAnswer", "LineBusy", "NoFaxMachine", "CallFailed"}[t.rng.IntN(4)]
	}
	to.MessageStatus = m.MessageStatus
}
