package simulator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

func mailHistories(s *simulator.Simulator, from, to time.Time) [][]simulator.MessageVersion {
	return slices.Collect(s.MessageHistories(from, to))
}

// mailHappenings name what must happen to messages, each by two versions that follow on each other.
func mailHappenings() map[string]func(a, b message, before, after simulator.MessageVersion) bool {
	return map[string]func(a, b message, before, after simulator.MessageVersion) bool{
		"sent": func(a, b message, _, _ simulator.MessageVersion) bool {
			return a.MessageStatus == "Queued" && b.MessageStatus == "Sent"
		},
		"delivered": func(a, b message, _, _ simulator.MessageVersion) bool {
			return a.MessageStatus == "Sent" && b.MessageStatus == "Delivered" && a.SMSDeliveryTime == "" && b.SMSDeliveryTime != ""
		},
		"delivered hours later": func(a, b message, before, after simulator.MessageVersion) bool {
			return a.MessageStatus == "Sent" && b.MessageStatus == "Delivered" && after.At.Sub(before.At) > time.Hour
		},
		"sending failed": func(a, b message, _, _ simulator.MessageVersion) bool {
			return a.MessageStatus == "Queued" && b.MessageStatus == "SendingFailed" && a.DeliveryErrorCode == "" && b.DeliveryErrorCode != ""
		},
		"delivery failed": func(a, b message, _, _ simulator.MessageVersion) bool {
			return a.MessageStatus == "Sent" && b.MessageStatus == "DeliveryFailed" && a.DeliveryErrorCode == "" && b.DeliveryErrorCode != ""
		},
		"transcribed": func(a, b message, _, _ simulator.MessageVersion) bool {
			return a.VMTranscriptionStatus == "InProgress" && b.VMTranscriptionStatus == "Completed" && len(a.Attachments) == 1 && len(b.Attachments) == 2
		},
		"read": func(a, b message, _, _ simulator.MessageVersion) bool {
			return a.ReadStatus == "Unread" && b.ReadStatus == "Read"
		},
		"deleted": func(_, _ message, before, after simulator.MessageVersion) bool {
			return before.Availability == "Alive" && after.Availability == "Deleted"
		},
		"restored": func(_, _ message, before, after simulator.MessageVersion) bool {
			return before.Availability == "Deleted" && after.Availability == "Alive"
		},
		"purged": func(_, b message, before, after simulator.MessageVersion) bool {
			return before.Availability == "Deleted" && after.Availability == "Purged" &&
				string(after.JSON) == fmt.Sprintf(`{"id":%s,"availability":"Purged"}`, after.ID)
		},
	}
}

func TestEverythingHappensToMessages(t *testing.T) {
	o := alive()
	o.CallsPerDay, o.Now = 400, longAfter
	s := newSimulator(t, o)
	found, wanted := map[string]int{}, mailHappenings()
	for _, versions := range mailHistories(s, day(2), day(12)) {
		for i, after := range versions {
			m := decode[message](t, after.JSON)
			end := after.Created.Truncate(24*time.Hour).AddDate(0, 0, 1)
			if after.At.Before(after.Created) || after.At.Sub(end) > 60*time.Hour || after.ID != versions[0].ID || after.ID != m.ID.String() {
				t.Errorf("%+v", after)
			}
			if m.Availability != "Purged" && !parse(t, m.LastModifiedTime).Equal(after.At) {
				t.Errorf("%s served from %v on", after.JSON, after.At)
			}
			if i == 0 {
				continue
			}
			before := versions[i-1]
			if !after.At.After(before.At) {
				t.Errorf("%s: version %d at %v, after %v", after.ID, i, after.At, before.At)
			}
			a := decode[message](t, before.JSON)
			for name, holds := range wanted {
				if holds(a, m, before, after) {
					found[name]++
				}
			}
		}
	}
	for name := range wanted {
		if found[name] == 0 {
			t.Errorf("%s: never", name)
		}
	}
	t.Logf("%v", found)
}

// What the stores serve follows the histories at every instant.
func TestStoresFollowHistories(t *testing.T) {
	b := open(t, alive())
	future := mailHistories(newSimulator(t, simulator.Options{Population: alive().Population, Now: longAfter}), day(15), day(19))
	for range 12 {
		b.clock.advance(7*time.Hour + time.Second)
		b.token = b.login()
		now := b.clock.Now()
		want, got := map[string]string{}, map[string]string{}
		for _, versions := range future {
			for _, v := range versions {
				if !v.At.After(now) {
					want[v.ID] = string(v.JSON)
				}
			}
		}
		for _, v := range mail(b.Simulator, day(15), day(19)) {
			got[v.ID] = string(v.JSON)
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("%v: %s", now, diff)
		}
		one := future[len(want)/2]
		if current, answer := want[one[0].ID], b.get(store(one[0].ExtensionID)+"/"+one[0].ID); current != "" && string(answer.body) != current {
			t.Errorf("%v: %s, want %s", now, answer.body, current)
		}
	}
}

// A day's messages depend neither on other days nor on the order of requests, nor on the clock.
func TestMessagesAreDeterministic(t *testing.T) {
	for _, o := range []simulator.Options{small(), alive()} {
		o.Now = longAfter
		a, b := newSimulator(t, o), newSimulator(t, o)
		all := func(s *simulator.Simulator) string {
			var text strings.Builder
			for _, versions := range mailHistories(s, day(2), day(16)) {
				for _, v := range versions {
					fmt.Fprintf(&text, "%s %v %s\n", v.ExtensionID, v.At, v.JSON)
				}
			}
			return text.String()
		}
		for n := 15; n > 1; n -= 2 { // others first, the other way round
			mailHistories(b, day(n), day(n+1))
		}
		if all(a) != all(b) || len(all(a)) < 100_000 {
			t.Error("the same seed, other messages")
		}
		if o.Seed++; all(newSimulator(t, o)) == all(a) {
			t.Error("another seed, the same messages")
		}
	}
}

// Users who leave are in old calls, in no list and in no new call.
func TestUsersLeave(t *testing.T) {
	o := alive()
	left := 0
	for e := range newSimulator(t, o).Extensions() {
		if e.Removed.IsZero() {
			continue
		}
		left++
		b := open(t, o)
		b.clock.advance(e.Removed.Sub(noon()) - time.Second)
		b.token = b.login()
		numbered := account + "/extension?extensionNumber=" + e.Number
		own := account + "/extension/" + e.ID
		if p := b.page(numbered); len(p.Records) != 1 {
			t.Errorf("before: %s", p.Records)
		}
		for _, path := range []string{own, own + "/call-log", store(e.ID)} {
			if answer := b.get(path); answer.StatusCode != 200 {
				t.Errorf("%s before: %s", path, answer.Status)
			}
		}
		month := e.Removed.AddDate(0, -1, 0)
		before := strings.Join(texts(truth(b.Simulator, month, e.Removed.Truncate(24*time.Hour))), "")
		messages := slices.ContainsFunc(mail(b.Simulator, month, e.Removed), func(v simulator.MessageVersion) bool { return v.ExtensionID == e.ID })
		if !strings.Contains(before, e.ID) || !messages {
			t.Errorf("%s takes part in nothing", e.Name)
		}
		b.clock.advance(10*24*time.Hour + time.Second)
		b.token = b.login()
		if p := b.page(numbered); len(p.Records) != 0 {
			t.Errorf("after: %s", p.Records)
		}
		for _, path := range []string{own, own + "/call-log", store(e.ID)} {
			b.get(path).mustBe(t, 404, "CMN-102")
		}
		from := e.Removed.Truncate(24 * time.Hour).Add(12 * time.Hour)
		if after := strings.Join(texts(truth(b.Simulator, from.Add(12*time.Hour), b.clock.Now())), ""); strings.Contains(after, e.ID) || after == "" {
			t.Errorf("%s still takes part", e.Name)
		}
		if old := strings.Join(texts(truth(b.Simulator, month, from)), ""); !strings.Contains(old, e.ID) {
			t.Error("the old calls forgot")
		}
		for _, v := range mail(b.Simulator, month, b.clock.Now()) {
			if v.ExtensionID == e.ID {
				t.Errorf("%s is still to be read", v.JSON)
			}
		}
	}
	if left < 1 || left > 2 {
		t.Errorf("%d leave", left)
	}
	o.Alive = false
	for e := range newSimulator(t, o).Extensions() {
		if !e.Removed.IsZero() {
			t.Errorf("%s leaves a company that is not alive", e.Name)
		}
	}
}
