package simulator

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// textShare is how many texts are sent for each call.
const textShare = 0.3

// texter makes one day's SMS, MMS and pager messages.
type texter struct {
	*maker
	made []*stored
}

// texts makes those of a day, from a generator of its own.
func (m *mailroom) texts(day int) []*stored {
	sum := sha256.Sum256(fmt.Appendf(nil, "messages of seed %d, %d extensions, %d calls, zone %s, day %d",
		m.Seed, m.Extensions, m.CallsPerDay, m.Location, day))
	t := &texter{maker: &maker{company: m.company, population: m.population, day: day,
		rng: rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])))}}
	for _, start := range t.starts(float64(m.CallsPerDay) * textShare) {
		start -= start % second
		switch t.pick(36, 40, 4, 6, 14) {
		case 0:
			t.received(start, false)
		case 1:
			t.sent(start, false)
		case 2:
			t.received(start, true)
		case 3:
			t.sent(start, true)
		case 4:
			t.pager(start)
		}
	}
	return t.made
}

// begin opens a message in an extension's store; its place decides its id.
func (t *texter) begin(owner *extension, created int64, kind, direction, text string) *stored {
	m := newStored(textIDs+t.population.sequence(t.day, len(t.made))*1000, owner, created)
	m.Type, m.Direction, m.Subject = kind, direction, text
	m.MessageStatus = "Sent"
	if direction == "Inbound" {
		m.MessageStatus, m.ReadStatus = "Received", "Unread"
		if t.chance(0.75) {
			m.ReadStatus = "Read"
		}
	}
	m.attach(t.company, attachment{Type: "Text", ContentType: "text/plain"})
	m.at(m.created + t.between(20, 1_000))
	t.made = append(t.made, m)
	return m
}

// received: somebody outside writes to a user's number; with a picture, at times, to others as well.
func (t *texter) received(created int64, mms bool) {
	from, x := correspond(t.texting()), t.user()
	m := t.begin(x, created, "SMS", "Inbound", t.text())
	m.From, m.To = &from, []correspondent{x.texted()}
	if mms {
		t.picture(m)
		if t.chance(0.4) {
			m.To[0].Target = true
			m.To = append(m.To, correspond(t.texting()))
		}
	}
	t.finish(m)
}

// sent: a user writes to an outside number.
func (t *texter) sent(created int64, mms bool) {
	x, to := t.user(), correspond(t.texting())
	m := t.begin(x, created, "SMS", "Outbound", t.text())
	from := x.texted()
	m.From, m.To, m.SMSSendingAttemptsCount = &from, []correspondent{to}, 1
	if mms {
		t.picture(m)
		if t.chance(0.4) {
			m.To = append(m.To, correspond(t.texting()))
		}
	}
	switch t.pick(60, 28, 7, 5) {
	case 0:
		m.MessageStatus = "Delivered"
		m.SMSDeliveryTime = timestamp(m.created + t.between(2*second, 40*second))
	case 1: // and no word from the carrier
	case 2:
		m.MessageStatus = "DeliveryFailed"
		m.DeliveryErrorCode = []string{"SMS-CAR-411", "SMS-CAR-412", "SMS-CAR-430", "SMS-CAR-199"}[t.rng.IntN(4)]
	case 3:
		m.MessageStatus = "SendingFailed"
		m.DeliveryErrorCode = []string{"SMS-UP-410", "SMS-UP-430", "SMS-RC-413", "SMS-UP-500"}[t.rng.IntN(4)]
		m.SMSSendingAttemptsCount = 1 + t.rng.IntN(3)
	}
	t.finish(m)
	if t.chance(0.005) {
		m.MessageStatus = strangeValues().messageStatus
	}
}

// pager: a user writes to colleagues, or to a queue. The message is in the sender's store and in that of each recipient,
// under an id of its own.
func (t *texter) pager(created int64) {
	x, text := t.user(), t.text()
	recipients := []*extension{t.colleague(x)}
	switch t.pick(70, 20, 10) {
	case 1:
		if y := t.colleague(x); y != recipients[0] {
			recipients = append(recipients, y)
		}
	case 2:
		recipients[0] = t.queue()
	}
	from, to := correspond(x.inward), []correspondent{}
	for _, y := range recipients {
		to = append(to, correspond(y.inward))
	}
	for _, owner := range append([]*extension{x}, recipients...) {
		direction := "Inbound"
		if owner == x {
			direction = "Outbound"
		}
		m := t.begin(owner, created, "Pager", direction, text)
		m.From, m.To, m.PgToDepartment = &from, to, recipients[0].kind == "Department"
		m.converse(t.company)
	}
}

// texting draws an outside number that texts can be sent to.
func (t *texter) texting() *party {
	for {
		if p := t.callee(); p.PhoneNumber != "" {
			return p
		}
	}
}

// texted is a user as a party of a text message.
func (x *extension) texted() correspondent {
	return correspondent{PhoneNumber: x.phone, Name: x.name, ExtensionID: x.idText()}
}

// picture adds what makes an SMS an MMS; the API has no type for it.
func (t *texter) picture(m *stored) {
	for n := range 1 + t.pick(4, 1) {
		m.attach(t.company, attachment{Type: "MmsAttachment", ContentType: "image/jpeg",
			FileName: fmt.Sprintf("IMG_%04d-%d.jpg", t.rng.IntN(10_000), n+1), Size: int(t.between(20_000, 900_000)),
			Width: 1200, Height: 1600})
	}
}

// finish fills in what follows from the parties and the text.
func (t *texter) finish(m *stored) {
	m.SegmentCount = segments(m.Subject)
	m.converse(t.company)
	if t.chance(0.02) {
		m.Sentiment = &sentiment{Label: "thankful \"& brief\"", Score: float64(t.rng.IntN(1000)) / 1000}
	}
}

// converse finds the conversation of a message, which all messages between the same parties share. Its number is beyond
// 2^53, as the real ones are.
func (m *stored) converse(c *company) {
	var parties []string
	for _, p := range append([]correspondent{*m.From}, m.To...) {
		parties = append(parties, p.PhoneNumber+"/"+p.ExtensionNumber)
	}
	slices.Sort(parties)
	sum := sha256.Sum256(fmt.Appendf(nil, "conversation of %d: %q", c.accountID, parties))
	n := int64(binary.LittleEndian.Uint64(sum[:8])>>2) | 1<<61 | 1
	id := strconv.FormatInt(n, 10)
	m.ConversationID = n
	m.Conversation = &dialogue{ID: id, URI: c.base + "/restapi/v1.0/conversation/" + id}
}

// segments is how many pieces an SMS is sent in: 160 characters if one will do, else 153, or 70 and 67 if not all of
// them are plain. (GSM 03.38 has some more plain characters than ASCII.)
func segments(text string) int {
	one, many := 160, 153
	units := utf16.Encode([]rune(text))
	if slices.ContainsFunc(units, func(unit uint16) bool { return unit > 126 }) {
		one, many = 70, 67
	}
	if len(units) <= one {
		return 1
	}
	return (len(units) + many - 1) / many
}

// text draws what is written.
func (t *texter) text() string {
	short := []string{
		"On my way, ten minutes.", "Can we move the call to 3 pm?", "Thanks!", "Please send the invoice again.",
		"Your order #NUMBER is ready for pickup.", "Running late, sorry \U0001F605", "Grüße aus der Zentrale, bis morgen",
		"OK", "Code NUMBER & \"PIN\" as agreed\nsecond line", "Did you get the documents? Reply STOP to opt out.",
	}
	number := strconv.FormatInt(t.between(1_000, 100_000), 10)
	text := strings.ReplaceAll(short[t.rng.IntN(len(short))], "NUMBER", number)
	for t.chance(0.12) {
		text += " We confirm the delivery for tomorrow between nine and twelve; somebody should be at the gate to sign for it."
	}
	return text
}
