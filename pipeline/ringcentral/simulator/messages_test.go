package simulator_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

type correspondent struct {
	PhoneNumber, ExtensionNumber, ExtensionID, Name string
	MessageStatus, FaxErrorCode                     string
}

type message struct {
	ID                                                  json.Number
	URI, ExtensionID, Type, Direction, CreationTime     string
	LastModifiedTime, ReadStatus, Availability, Subject string
	MessageStatus, DeliveryErrorCode                    string
	SMSDeliveryTime, VMTranscriptionStatus              string
	From                                                correspondent
	To                                                  []correspondent
	FaxPageCount, SegmentCount                          int
	PgToDepartment                                      bool
	ConversationID                                      json.Number
	Conversation                                        *struct{ ID string }
	Attachments                                         []struct {
		ID                json.Number
		Type, ContentType string
		VMDuration, Size  int
	}
}

func store(extension string) string { return account + "/extension/" + extension + "/message-store" }

func mail(s *simulator.Simulator, from, to time.Time) []simulator.MessageVersion {
	return slices.Collect(s.Messages(from, to))
}

func created(t *testing.T, m message) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04:05.000Z", m.CreationTime)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Every link of the call log leads to a message that agrees with the call.
func TestLinkedMessages(t *testing.T) {
	for _, o := range []simulator.Options{small(), alive()} {
		o.Now, o.Seed = longAfter, 11
		b := open(t, o)
		kinds := map[string]int{}
		type linked struct {
			Result, Direction string
			Start             time.Time
			From, To          struct{ PhoneNumber, Name string }
			Message           *struct{ ID, Type, URI string }
			Legs              []struct{ Result string }
			DurationMs        int64
			StartTime         string
		}
		for _, c := range decodeAll[linked](t, truth(b.Simulator, day(8), day(18))) {
			if c.Message == nil {
				continue
			}
			_, path, _ := strings.Cut(c.Message.URI, ".example")
			answer := b.get(path)
			if strings.Contains(string(answer.body), "Purged") {
				continue
			}
			m := decode[message](t, answer.body)
			end := parse(t, c.StartTime).Add(time.Duration(c.DurationMs) * time.Millisecond)
			late := created(t, m).Sub(end)
			if moved := o.Alive && late.Abs() < 4*time.Hour; !moved && (late < 0 || late > 2*time.Second) {
				t.Errorf("%s was created %v after the call's end", m.ID, late)
			}
			if m.ID.String() != c.Message.ID || m.URI != c.Message.URI || m.Type != c.Message.Type || m.Direction != c.Direction ||
				m.From.PhoneNumber != c.From.PhoneNumber || m.From.Name != c.From.Name || m.To[0].PhoneNumber != c.To.PhoneNumber ||
				!strings.Contains(path, "/extension/"+m.ExtensionID+"/") || m.Attachments[0].ID != m.ID {
				t.Errorf("%s does not agree with the call %+v", answer.body, c)
			}
			kind := m.Type + m.Direction
			switch {
			case m.Type == "VoiceMail":
				a := m.Attachments[0]
				if a.Type != "AudioRecording" || a.VMDuration < 1 || time.Duration(a.VMDuration)*time.Second > time.Duration(c.DurationMs+1000)*time.Millisecond {
					t.Errorf("%s of a call of %d ms", answer.body, c.DurationMs)
				}
			case m.FaxPageCount < 1 || m.Attachments[0].Type != "RenderedDocument":
				t.Errorf("%s", answer.body)
			case m.Direction == "Outbound":
				result := c.Legs[0].Result
				kind += result
				failed := result != "Sent"
				if failed != (m.MessageStatus == "SendingFailed") || failed != (m.To[0].FaxErrorCode != "") ||
					!failed && m.MessageStatus != "Sent" || m.To[0].MessageStatus != m.MessageStatus {
					t.Errorf("%s of a call with the result %s", answer.body, result)
				}
			}
			kinds[kind]++
		}
		for _, kind := range []string{"VoiceMailInbound", "FaxInbound", "FaxOutboundSent"} {
			if kinds[kind] == 0 {
				t.Errorf("no %s: %v", kind, kinds)
			}
		}
		if !o.Alive && (kinds["FaxOutboundSend Error"] == 0 || kinds["FaxOutboundFax Partially Sent"] == 0) {
			t.Errorf("no fax failed: %v", kinds)
		}
	}
}

func parse(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// The texts of a day: their number, their kinds, and what must be true of each.
func TestTexts(t *testing.T) {
	o := simulator.Options{Population: simulator.Population{Seed: 7, Extensions: 20, CallsPerDay: 2000}, Now: noon}
	s := newSimulator(t, o)
	kinds, ids, conversations, sent := map[string]int{}, map[string]bool{}, map[string]string{}, 0
	for _, v := range mail(s, day(17), day(18)) {
		m := decode[message](t, v.JSON)
		if ids[v.ID] || v.ID != m.ID.String() || v.ExtensionID != m.ExtensionID || !v.Created.Equal(created(t, m)) || v.Availability != "Alive" {
			t.Errorf("%+v: %s", v, v.JSON)
		}
		ids[v.ID] = true
		if m.Type != "SMS" && m.Type != "Pager" {
			continue
		}
		kind := m.Type + " " + m.Direction
		kinds[kind]++
		kinds[kind+" "+m.MessageStatus]++
		if m.Direction == "Outbound" || m.Type == "SMS" {
			sent++
		}
		if len(m.Attachments) > 1 {
			kinds["MMS "+m.Direction]++
		}
		if m.SegmentCount > 1 {
			kinds["long"]++
		}
		if m.PgToDepartment {
			kinds["to a queue"]++
		}
		if (m.DeliveryErrorCode != "") != strings.HasSuffix(m.MessageStatus, "Failed") && m.MessageStatus != "HeldForReview" ||
			m.Type == "SMS" && m.SegmentCount < 1 {
			t.Errorf("%s", v.JSON)
		}
		n, err := strconv.ParseInt(m.ConversationID.String(), 10, 64)
		if err != nil || n <= 1<<53 || int64(float64(n)) == n || m.Conversation.ID != m.ConversationID.String() {
			t.Errorf("%s: %v", v.JSON, err)
		}
		parties := []string{m.From.PhoneNumber + m.From.ExtensionNumber}
		for _, to := range m.To {
			parties = append(parties, to.PhoneNumber+to.ExtensionNumber)
		}
		slices.Sort(parties)
		if before := conversations[m.Conversation.ID]; before != "" && before != fmt.Sprint(parties) {
			t.Errorf("one conversation of %s and of %s", before, parties)
		}
		conversations[m.Conversation.ID] = fmt.Sprint(parties)
	}
	if sent < 560 || sent > 640 {
		t.Errorf("%d texts, want about 600", sent)
	}
	for _, kind := range []string{"SMS Inbound Received", "SMS Outbound Sent", "SMS Outbound Delivered", "SMS Outbound DeliveryFailed",
		"SMS Outbound SendingFailed", "MMS Inbound", "MMS Outbound", "Pager Outbound Sent", "Pager Inbound Received", "long", "to a queue"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s: %v", kind, kinds)
		}
	}
	if kinds["Pager Inbound"] <= kinds["Pager Outbound"] || len(conversations) == sent {
		t.Errorf("%d conversations, %v", len(conversations), kinds)
	}
}

// Messages have members and values that the specification does not know.
func TestMessagesRunAhead(t *testing.T) {
	o := small()
	o.CallsPerDay, o.Now = 2000, noon
	members, values := 0, 0
	for _, v := range mail(newSimulator(t, o), day(9), day(18)) {
		members += strings.Count(string(v.JSON), `"sentiment":{`)
		values += strings.Count(string(v.JSON), `"messageStatus":"HeldForReview"`)
	}
	if members < 20 || values < 3 {
		t.Errorf("%d unknown members, %d unknown values", members, values)
	}
}

// A pager message is in the store of its sender and of each recipient.
func TestPagerMessagesAreInEveryStore(t *testing.T) {
	o := small()
	o.CallsPerDay = 2000
	b := open(t, o)
	copies := map[string][]string{}
	wanted := map[string][]string{}
	for _, v := range mail(b.Simulator, day(16), day(18)) {
		m := decode[message](t, v.JSON)
		if m.Type != "Pager" {
			continue
		}
		key := m.CreationTime + m.From.ExtensionID + m.Subject
		copies[key] = append(copies[key], v.ExtensionID)
		wanted[key] = []string{m.From.ExtensionID}
		for _, to := range m.To {
			wanted[key] = append(wanted[key], to.ExtensionID)
		}
	}
	if diff := cmp.Diff(wanted, copies); diff != "" || len(copies) == 0 {
		t.Error(diff)
	}
}

// Walking every store brings the truth, newest first, with right totals.
func TestStoresHoldTheTruth(t *testing.T) {
	for _, o := range []simulator.Options{small(), alive()} {
		b := open(t, o)
		want, got := map[string]string{}, map[string]string{}
		for _, v := range mail(b.Simulator, day(8), day(18)) {
			want[v.ID] = string(v.JSON)
		}
		for e := range b.Extensions() {
			if e.Removed.Before(noon()) && !e.Removed.IsZero() {
				continue
			}
			path := store(e.ID) + "?perPage=7&availability=Alive&availability=Deleted&availability=Purged&" + window(day(8), day(18).Add(-time.Millisecond))
			var last time.Time
			all := b.all(path)
			for _, one := range all {
				m := decode[message](t, one)
				got[m.ID.String()] = string(one)
				if m.Availability == "Purged" {
					continue
				}
				if at := created(t, m); !last.IsZero() && at.After(last) {
					t.Errorf("%s comes after a message of %v", one, last)
				} else {
					last = at
				}
			}
			first := b.page(path)
			if n := len(all); first.Paging["totalElements"] != n || first.Paging["totalPages"] != max((n+6)/7, 1) {
				t.Errorf("%v of %d messages", first.Paging, n)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) < 50 {
			t.Errorf("%d messages: %s", len(want), diff)
		}
	}
}

func TestMessageFilters(t *testing.T) {
	o := alive()
	o.CallsPerDay = 1000
	b := open(t, o)
	x := b.UserID()
	span := window(day(10), day(18))
	var all []message
	for _, v := range mail(b.Simulator, day(10), day(18).Add(time.Millisecond)) {
		if m := decode[message](t, v.JSON); v.ExtensionID == x {
			all = append(all, m)
		}
	}
	i := slices.IndexFunc(all, func(m message) bool { return m.Type == "SMS" && m.Availability == "Alive" })
	one := all[i]
	number := strings.TrimPrefix(one.From.PhoneNumber, "+")
	for query, holds := range map[string]func(message) bool{
		"":                                      func(message) bool { return true },
		"messageType=Fax&messageType=VoiceMail": func(m message) bool { return m.Type == "Fax" || m.Type == "VoiceMail" },
		"messageType=Pager":                     func(m message) bool { return m.Type == "Pager" },
		"direction=Inbound":                     func(m message) bool { return m.Direction == "Inbound" },
		"readStatus=Unread":                     func(m message) bool { return m.ReadStatus == "Unread" },
		"conversationId=" + one.Conversation.ID: func(m message) bool { return m.Conversation != nil && m.Conversation.ID == one.Conversation.ID },
		"phoneNumber=" + number: func(m message) bool {
			return m.From.PhoneNumber == "+"+number || slices.ContainsFunc(m.To, func(c correspondent) bool { return c.PhoneNumber == "+"+number })
		},
	} {
		for _, availability := range []string{"", "Alive", "Deleted", "Purged"} {
			if availability == "Purged" && query != "" {
				continue // nothing of it is left to filter by
			}
			var want, got []string
			for _, m := range all {
				if holds(m) && m.Availability == cmpOr(availability, "Alive") {
					want = append(want, m.ID.String())
				}
			}
			path := store("~") + "?" + query + "&" + span
			if availability != "" {
				path += "&availability=" + availability
			}
			for _, m := range decodeAll[message](t, b.all(path)) {
				got = append(got, m.ID.String())
			}
			slices.Reverse(got)
			if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 && query != "messageType=Fax&messageType=VoiceMail" && availability != "Deleted" && availability != "Purged" {
				t.Errorf("%s %s: %s", query, availability, diff)
			}
		}
	}
	// Both ends of the window are inclusive, and it is one of the creation.
	at := url.QueryEscape(one.CreationTime)
	if got := b.all(store("~") + "?dateFrom=" + at + "&dateTo=" + at); !strings.Contains(fmt.Sprint(texts(got)), one.ID.String()) {
		t.Errorf("%s is not in its own instant: %s", one.ID, got)
	}
	// By default a day.
	for _, m := range decodeAll[message](t, b.all(store("~"))) {
		if created(t, m).Before(noon().AddDate(0, 0, -1)) {
			t.Errorf("by default %s", m.CreationTime)
		}
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func TestMessageRefusals(t *testing.T) {
	b := open(t, small())
	for query, code := range map[string]string{
		"availability=Gone": "CMN-101", "direction=Up": "CMN-101", "messageType=Text": "CMN-101", "readStatus=Seen": "CMN-101",
		"dateFrom=yesterday": "CMN-101", "page=0": "CMN-101", "perPage=none": "CMN-101",
	} {
		b.get(store("~")+"?"+query).mustBe(t, 400, code)
	}
	b.get(store("1")).mustBe(t, 404, "CMN-102")
	of := mail(b.Simulator, day(17), day(18))[0]
	if answer := b.get(store(of.ExtensionID) + "/" + of.ID); string(answer.body) != string(of.JSON) {
		t.Errorf("%s, want %s", answer.body, of.JSON)
	}
	for e := range b.Extensions() {
		if e.ID != of.ExtensionID {
			b.get(store(e.ID)+"/"+of.ID).mustBe(t, 404, "CMN-102")
		}
	}
	for _, id := range []string{"x", "1", "-8", "1000000000004", "9223372036854775807", "1000000000009"} {
		b.get(store("~")+"/"+id).mustBe(t, 404, "CMN-102")
	}
	if stats := b.Stats(); stats.Messages != 1 || stats.Light.Requests == 0 || stats.Records != 0 {
		t.Errorf("%+v", stats)
	}
}

// Recordings of calls say nothing about messages.
func TestRecordedHaveNoMessages(t *testing.T) {
	b := open(t, simulator.Options{Recorded: []simulator.Recording{{Name: "r", Body: []byte(`{"id":"a","startTime":"2026-11-17T10:00:00Z"}`)}}})
	if p := b.page(store("~")); len(p.Records) != 0 || p.Paging["totalElements"] != 0 {
		t.Errorf("%+v", p)
	}
	b.get(store("~")+"/1000000000004").mustBe(t, 404, "CMN-102")
	if n := len(mail(b.Simulator, day(1), day(18))); n != 0 {
		t.Errorf("%d messages", n)
	}
}
