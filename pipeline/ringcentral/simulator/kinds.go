package simulator

import "strconv"

// kind is a sort of conversation with its share among all.
type kind struct {
	share int
	make  func(start int64)
}

func (m *maker) kinds() []kind {
	return []kind{
		{24, m.inbound}, {26, m.queued}, {29, m.outbound}, {9, m.internal}, {3, m.transferred}, {2, m.consulted},
		{2, m.faxReceived}, {2, m.faxSent}, {2, m.ringOut}, {1, m.delegated},
	}
}

func (m *maker) conversation(kinds []kind, start int64) {
	weights := make([]int, len(kinds))
	for i := range kinds {
		weights[i] = kinds[i].share
	}
	kinds[m.pick(weights...)].make(start)
}

// accept is the leg by which a call from outside reaches an extension, or the company if that is nil.
func accept(from, to *party, x *extension, result string) leg {
	l := leg{LegType: "Accept", segment: segment{Direction: "Inbound", Action: "Phone Call", Result: result,
		InternalType: "Local", From: from, To: to}}
	if x != nil {
		l.Extension = x.ref
	}
	return l
}

// toPhone is the leg that rings a user's phone.
func toPhone(from *party, x *extension, result string) leg {
	return leg{LegType: "PstnToSip", segment: segment{Direction: "Outbound", Action: "VoIP Call", Result: result,
		InternalType: "Sip", Transport: "VoIP", From: from, To: x.calling, Extension: x.ref}}
}

// inbound: somebody calls a user's own number.
func (m *maker) inbound(start int64) {
	from, x, ring := m.caller(), m.user(), m.ring()
	r := m.begin(start)
	s := segment{Direction: "Inbound", Action: "Phone Call", InternalType: "Local", From: from, To: x.outward,
		Extension: x.ref}
	switch m.pick(60, 14, 16, 7, 3) {
	case 0:
		s.Result = "Accepted"
		talk := m.talk()
		m.add(r, accept(from, x.outward, x, s.Result), 0, ring+talk)
		m.add(r, toPhone(from, x, s.Result), ring, talk)
	case 1:
		s.Result, s.Reason, s.ReasonDescription = "Missed", "No Answer", "The call was not answered"
		m.add(r, accept(from, x.outward, x, s.Result), 0, ring)
	case 2:
		s.Result, s.Message = "Voicemail", m.message(r, x, "VoiceMail")
		l := accept(from, x.outward, x, s.Result)
		l.Message = s.Message
		m.add(r, l, 0, ring+m.between(4_000, 90_000))
	case 3: // the desk phone does not answer, the mobile does
		s.Result = "Accepted"
		talk, mobile := m.talk(), &party{PhoneNumber: "+1917555" + x.phone[8:], Name: x.name + " mobile"}
		m.add(r, accept(from, x.outward, x, s.Result), 0, 2*ring+talk)
		m.add(r, toPhone(from, x, "No Answer"), 500, ring)
		m.add(r, leg{LegType: "FindMe", segment: segment{Direction: "Outbound", Action: "FindMe", Result: s.Result,
			From: x.outward, To: mobile, Extension: x.ref}}, ring+500, ring+talk-500)
	case 4:
		s.Result, s.Reason, s.ReasonDescription = "Blocked", "Number Blocked", "The caller's number is blocked"
		m.add(r, accept(from, x.outward, x, s.Result), 0, 0)
	}
	m.finish(r, s)
}

// queued: somebody calls the main number, passes the menu and waits in a queue, two of whose members ring together. The
// record is logged on behalf of the queue; who answered is its delegate.
func (m *maker) queued(start int64) {
	from, queue, wait := m.caller(), m.queue(), m.between(4_000, 15_000)
	main := &party{PhoneNumber: m.company.mainNumber}
	shown := *from
	shown.Name = queue.name + " - " + orDefault(from.Name, "WIRELESS CALLER")
	r := m.begin(start)
	s := segment{Direction: "Inbound", Action: "Phone Call", InternalType: "TollFreeNumber", From: from, To: main,
		Extension: queue.ref}
	ring := m.ring()
	rest := ring
	switch m.pick(78, 14, 8) {
	case 0:
		s.Result = "Accepted"
		rest += m.talk()
	case 1:
		s.Result, s.Reason, s.ReasonDescription = "Abandoned", "Hang Up", "The caller hung up while waiting"
	case 2:
		s.Result, s.Message = "Voicemail", m.message(r, queue, "VoiceMail")
		rest += m.between(4_000, 60_000)
	}
	menu := accept(from, main, nil, s.Result)
	menu.InternalType = "TollFreeNumber"
	m.add(r, menu, 0, wait+rest)
	waiting := accept(from, queue.inward, queue, s.Result)
	waiting.Message = s.Message
	m.add(r, waiting, wait, rest)
	answers, first := m.rng.IntN(2), m.rng.IntN(len(queue.members))
	members := queue.membersOn(m.day)
	for i := range 2 {
		member := members[(first+i)%len(members)]
		if s.Result == "Accepted" && i == answers {
			m.add(r, toPhone(&shown, member, "Accepted"), wait+ring, rest-ring)
			s.Delegate = &delegate{ID: member.idText(), Name: member.name}
			s.DelegationType = "QueueForwarding"
		} else {
			m.add(r, toPhone(&shown, member, "Missed"), wait, ring)
		}
	}
	m.finish(r, s)
}

// outbound: a user calls an outside number.
func (m *maker) outbound(start int64) {
	x, to := m.user(), m.callee()
	dialed := *to
	dialed.DialedPhoneNumber = to.PhoneNumber
	r := m.begin(start)
	s := segment{Direction: "Outbound", Action: "VoIP Call", InternalType: "LongDistance", Transport: "VoIP",
		From: x.calling, To: &dialed, Extension: x.ref}
	if to.PhoneNumber[:3] == "+44" {
		s.InternalType = "International"
	}
	length := m.ring()
	switch m.pick(80, 9, 5, 3, 2, 1) {
	case 0:
		s.Result = "Call connected"
		length += m.talk()
	case 1:
		s.Result, s.Reason, s.ReasonDescription = "No Answer", "No Answer", "The called party did not answer"
	case 2:
		s.Result, s.Reason, s.ReasonDescription = "Busy", "Line Busy", "The line is busy"
	case 3:
		s.Result = "Hang Up"
	case 4:
		s.Result, s.Reason, s.ReasonDescription = "Wrong Number", "Bad Number", "The number does not exist"
		length = 0
	case 5:
		s.Result = "Call Failed"
		length = m.between(0, 900)
	}
	l := leg{LegType: "SipToPstnMetered", segment: s}
	l.Transport = "PSTN"
	m.add(r, l, 0, length)
	m.finish(r, s)
}

// internal: a user calls a colleague. The company's log has the caller's side.
func (m *maker) internal(start int64) {
	x := m.user()
	y := m.colleague(x)
	length, result, other := m.ring(), "Call connected", "Accepted"
	if m.chance(0.25) {
		result, other = "No Answer", "Missed"
	} else {
		length += m.talk()
	}
	m.insideCall(m.begin(start), x, y, length, result, other, nil)
}

func (m *maker) insideCall(r *record, x, y *extension, length int64, result, other string, transferee *otherSession) {
	s := segment{Direction: "Outbound", Action: "VoIP Call", InternalType: "Usual", Transport: "VoIP", Result: result,
		From: x.inward, To: y.inward, Extension: x.ref, Transferee: transferee}
	m.add(r, leg{LegType: "ExtensionToExtension", segment: s}, 0, length)
	in := s
	in.Direction, in.Action, in.Result, in.Extension = "Inbound", "Phone Call", other, y.ref
	m.add(r, leg{LegType: "PstnToSip", segment: in}, 0, length)
	m.finish(r, s)
}

// transferred: a user answers and hands the caller to a colleague without asking.
func (m *maker) transferred(start int64) {
	from, x, ring := m.caller(), m.user(), m.ring()
	y := m.colleague(x)
	first, second := m.between(10_000, 90_000), m.talk()
	r := m.begin(start)
	s := segment{Direction: "Inbound", Action: "Phone Call", Result: "Accepted", InternalType: "Local", From: from,
		To: x.outward, Extension: x.ref}
	m.add(r, accept(from, x.outward, x, s.Result), 0, ring+first+second)
	m.add(r, toPhone(from, x, s.Result), ring, first)
	m.add(r, leg{LegType: "TransferCall", segment: segment{Direction: "Outbound", Action: "Transfer",
		Result: "Call connected", Transport: "VoIP", From: x.outward, To: y.inward, Extension: x.ref}}, ring+first, second)
	m.add(r, toPhone(from, y, s.Result), ring+first+1_500, second-1_500)
	m.finish(r, s)
}

// consulted: a user answers, asks a colleague in a call of its own, and hands the caller over. The two calls name
// each other's telephony session.
func (m *maker) consulted(start int64) {
	from, x, ring := m.caller(), m.user(), m.ring()
	y := m.colleague(x)
	before, asking, after := m.between(10_000, 90_000), m.between(8_000, 60_000), m.talk()
	asked := start + ring + before
	if dayOf(asked) != m.day {
		// The other record would start on the next day, and a day must not depend on another.
		m.transferred(start)
		return
	}
	r, consultation := m.begin(start), m.begin(asked)
	s := segment{Direction: "Inbound", Action: "Phone Call", Result: "Accepted", InternalType: "Local", From: from,
		To: x.outward, Extension: x.ref, TransferTarget: &otherSession{consultation.TelephonySessionID}}
	l := accept(from, x.outward, x, s.Result)
	l.TransferTarget = s.TransferTarget
	m.add(r, l, 0, ring+before+asking+after)
	m.add(r, toPhone(from, x, s.Result), ring, before+asking)
	m.add(r, toPhone(from, y, s.Result), ring+before+asking, after)
	m.finish(r, s)
	m.insideCall(consultation, x, y, asking, "Call connected", "Accepted", &otherSession{r.TelephonySessionID})
}

func (m *maker) faxReceived(start int64) {
	from, x := m.caller(), m.user()
	r := m.begin(start)
	s := segment{Type: "Fax", Direction: "Inbound", Action: "Incoming Fax", Result: "Received", From: from,
		To: x.outward, Extension: x.ref, Message: m.message(r, x, "Fax")}
	if m.chance(0.1) {
		s.Result, s.Reason, s.Message = "Receive Error", "Fax Not Received", nil
	}
	m.add(r, leg{LegType: "Accept", segment: s}, 0, m.between(15_000, 240_000))
	m.finish(r, s)
}

func (m *maker) faxSent(start int64) {
	x, to := m.user(), m.callee()
	r := m.begin(start)
	s := segment{Type: "Fax", Direction: "Outbound", Action: "Outgoing Fax", Result: "Sent", From: x.outward, To: to,
		Extension: x.ref, Message: m.message(r, x, "Fax")}
	switch m.pick(84, 8, 8) {
	case 1:
		s.Result, s.Reason = "Send Error", "Fax Send Error"
	case 2:
		s.Result, s.Reason = "Fax Partially Sent", "Fax Partially Sent"
	}
	m.add(r, leg{LegType: "FaxSent", segment: s}, 0, m.between(15_000, 240_000))
	m.finish(r, s)
}

// ringOut: the platform calls the user, then the other side, and logs two records with mirrored numbers. They start
// together and their sessionIds differ by 1000.
func (m *maker) ringOut(start int64) {
	x, to := m.user(), m.callee()
	action := []string{"RingOut Web", "RingOut Mobile", "RingOut PC"}[m.pick(3, 2, 1)]
	ring, talk := m.ring(), m.talk()
	r := m.begin(start)
	out := segment{Direction: "Outbound", Action: action, Result: "Call connected", InternalType: "RingOut",
		From: x.outward, To: to, Extension: x.ref}
	m.add(r, leg{LegType: "RingOutWebToCaller", segment: out}, ring, talk)
	m.add(r, leg{LegType: "RingOutWebToSubscriber", segment: out}, 0, ring+talk)
	m.finish(r, out)
	mirrored := m.begin(start)
	in := segment{Direction: "Inbound", Action: "Phone Call", Result: "Accepted", InternalType: "RingOut",
		From: to, To: x.outward, Extension: x.ref}
	m.add(mirrored, accept(to, x.outward, x, in.Result), 0, ring+talk)
	m.finish(mirrored, in)
}

// delegated: a colleague answers on behalf of the user who was called; the call is logged for the latter.
func (m *maker) delegated(start int64) {
	from, boss, ring, talk := m.caller(), m.user(), m.ring(), m.talk()
	acting := m.colleague(boss)
	r := m.begin(start)
	s := segment{Direction: "Inbound", Action: "Phone Call", Result: "Accepted", InternalType: "Local", From: from,
		To: boss.outward, Extension: boss.ref, DelegationType: "Coworker",
		Delegate: &delegate{ID: acting.idText(), Name: acting.name}}
	l := accept(from, boss.outward, boss, s.Result)
	l.Delegate, l.DelegationType = s.Delegate, s.DelegationType
	m.add(r, l, 0, ring+talk)
	m.add(r, toPhone(from, acting, s.Result), ring, talk)
	m.finish(r, s)
}

// message links a voicemail or fax in an extension's message store.
func (m *maker) message(r *record, x *extension, kind string) *message {
	id := strconv.FormatInt(linkedIDs+m.population.sequence(r.day, r.index)*1000, 10)
	return &message{ID: id, Type: kind, URI: x.ref.URI + "/message-store/" + id}
}
