package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// everyStream is an extraction of all streams that are named.
func everyStream(w *Window) Extraction {
	x := reading(w)
	x.Streams, x.Named = Streams(), true
	return x
}

// dumped is every record of a stream as JSON, in order.
func dumped(t testing.TB, lake *sinks.Lake, stream string) (out []string) {
	t.Helper()
	for line, err := range Dump(t.Context(), lake, Dumping{Stream: stream, AccountID: OwnAccount}) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(line))
	}
	return out
}

// canonical brings JSON records to the form in which the lake gives them back, sorted.
func canonicalRecords(t testing.TB, table *schema.Table, records ...[]byte) (out []string) {
	t.Helper()
	d := schema.NewDecoder(table)
	if _, err := d.Append(recordsPage(records)); err != nil {
		t.Fatal(err)
	}
	enc, err := schema.NewEncoder(table, d.Batch())
	if err != nil {
		t.Fatal(err)
	}
	for row := range records {
		out = append(out, string(enc.Append(nil, row)))
	}
	slices.Sort(out)
	return out
}

func (c *company) messages(t testing.TB, w Window) []string {
	t.Helper()
	var records [][]byte
	for m := range c.Messages(dayStart(w.From), dayStart(w.To)) {
		records = append(records, m.JSON)
	}
	return canonicalRecords(t, schema.Messages(), records...)
}

// TestStreamsEqualTheTruth: what the lake holds of every stream is what the company has; to read it again changes nothing, and
// the archive makes the same of it.
func TestStreamsEqualTheTruth(t *testing.T) {
	c, lake := newCompany(t, 7, 60, nil), openLake(t, t.TempDir())
	tally, err := runExtract(t.Context(), c.client(t), lake, everyStream(&fourDays))
	if err != nil || len(tally.Errs) > 0 {
		t.Fatal(err, tally.Errs)
	}
	got := dumped(t, lake, MessagesStream)
	slices.Sort(got)
	want := c.messages(t, fourDays)
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 20 {
		t.Errorf("%d messages: %s", len(want), diff)
	}
	var names, members []string
	for x := range c.Extensions() {
		names = append(names, fmt.Sprintf(`"id":%s,`, x.ID))
		for _, m := range x.Members {
			members = append(members, fmt.Sprintf(`"id":%s,`, m))
		}
	}
	for stream, parts := range map[string][]string{ExtensionsStream: names, "call_queues": members, "account": {c.AccountID()}} {
		all := strings.Join(dumped(t, lake, stream), "\n")
		for _, part := range parts {
			if !strings.Contains(all, part) {
				t.Errorf("%s lacks %s", stream, part)
			}
		}
	}
	if got := len(dumped(t, lake, "phone_numbers")); got < 5 {
		t.Errorf("%d phone numbers", got)
	}
	if clean := verified(t, lake); len(clean) > 0 {
		t.Errorf("findings: %v", clean)
	}
	again, err := runExtract(t.Context(), c.client(t), lake, everyStream(&fourDays))
	if err != nil || len(again.Changed) > 0 {
		t.Errorf("a second reading changed %v, %v", again.Changed, err)
	}
	for event, err := range Rebuild(t.Context(), lake, Rebuilding{AccountID: c.AccountID(), Terms: reading(nil).Terms, Now: simulated}) {
		if err != nil || event.Day != nil && event.Day.Outcome.Changed {
			t.Errorf("the archive gave something else: %+v, %v", event.Day, err)
		}
	}
}

// TestSnapshotOverMidnight: a run that begins before midnight and asks behind it has read the snapshot of the new day, and the archive says
// the same.
func TestSnapshotOverMidnight(t *testing.T) {
	c, lake := newCompany(t, 7, 60, nil), openLake(t, t.TempDir())
	midnight := dayStart(dayOf(simulated) + 1)
	now := midnight.Add(-20 * time.Second)
	clock := func() time.Time { now = now.Add(time.Second); return now }
	x := everyStream(&fourDays)
	x.Now, x.Clock = now, clock
	if tally, err := runExtract(t.Context(), c.clientAt(t, clock), lake, x); err != nil || len(tally.Errs) > 0 {
		t.Fatal(err, tally.Errs)
	}
	ledger, err := lake.Ledger(t.Context(), c.AccountID(), "phone_numbers")
	if err != nil || len(ledger) != 1 || !ledger[dayOf(midnight)].Closed || now.Before(midnight) {
		t.Errorf("at %s: %+v, %v", now, ledger, err)
	}
	for event, err := range Rebuild(t.Context(), lake, Rebuilding{AccountID: c.AccountID(), Terms: reading(nil).Terms, Now: now}) {
		if err != nil || event.Day != nil && event.Day.Outcome.Changed {
			t.Errorf("the archive gave something else: %+v, %v", event.Day, err)
		}
	}
}

// TestMarksNameTheArchive: while days are written, the ledger names the archived read that their rows come from, of every stream.
func TestMarksNameTheArchive(t *testing.T) {
	c, store := newCompany(t, 7, 60, nil), newMemory()
	named := regexp.MustCompile(`"writing_by": ?"(_trunkline/archive/[^"]+)"`)
	marks := map[string]bool{}
	lake := lakeOver(t, store.open(func(string) error {
		for key, o := range store.objects {
			if !strings.HasPrefix(key, "_trunkline/ledger/") {
				continue
			}
			for _, m := range named.FindAllSubmatch(o.bytes, -1) {
				marks[string(m[1])] = true
			}
		}
		return nil
	}, neverLost))
	for _, x := range []Extraction{everyStream(&fourDays), ownReading(&fourDays)} {
		if tally, err := runExtract(t.Context(), c.client(t), lake, x); err != nil || len(tally.Errs) > 0 {
			t.Fatal(err, tally.Errs)
		}
	}
	for key := range marks {
		if _, there := store.objects[key]; !there {
			t.Errorf("a mark names %s, which is not there", key)
		}
	}
	for _, s := range streams {
		if s.byWhat == byCall || s.Name == ExtensionCallLogStream {
			continue // its rows come from no read, or it is read in place of another
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(marks)), func(key string) bool { return strings.Contains(key, "/"+s.Name+"/") }) {
			t.Errorf("no mark names an archived read of %s", s.Name)
		}
	}
}

func verified(t testing.TB, lake *sinks.Lake) []Finding {
	t.Helper()
	v, err := Verify(t.Context(), lake, Verifying{AccountID: OwnAccount, Deep: true, Terms: reading(nil).Terms, Now: driven.now()})
	if err != nil {
		t.Fatal(err)
	}
	return v.Findings
}

// TestArchiveMakesEveryStream: a lake that lost its tables has them again from its archive, to the byte.
func TestArchiveMakesEveryStream(t *testing.T) {
	c, dir := newCompany(t, 8, 40, nil), t.TempDir()
	lake := openLake(t, dir)
	if _, err := runExtract(t.Context(), c.client(t), lake, everyStream(&fourDays)); err != nil {
		t.Fatal(err)
	}
	before, other := partitionsOf(t, dir), t.TempDir()
	if err := os.CopyFS(filepath.Join(other, "_trunkline/archive"), os.DirFS(filepath.Join(dir, "_trunkline/archive"))); err != nil {
		t.Fatal(err)
	}
	rebuilt := openLake(t, other)
	for _, err := range Rebuild(t.Context(), rebuilt, Rebuilding{AccountID: c.AccountID(), Terms: reading(nil).Terms, Now: simulated}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(before, partitionsOf(t, other)); diff != "" {
		t.Error(diff)
	}
}

// partitionsOf is the bytes of all partitions below a lake's directory, by key.
func partitionsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, content := range treeOf(t, dir) {
		if filepath.Ext(name) == ".parquet" && !strings.Contains(name, "recordings.parquet") { // which are in no archive
			out[strings.TrimPrefix(name, dir)] = content
		}
	}
	if len(out) < 10 {
		t.Fatalf("%d partitions", len(out))
	}
	return out
}

// TestMessagesChange: late changes within the lookback are seen, and what was purged keeps what it was.
func TestMessagesChange(t *testing.T) {
	at := simulated
	now := func() time.Time { return at }
	sim, err := simulator.New(&simulator.Options{
		Population: simulator.Population{Seed: 11, Extensions: 8, CallsPerDay: 80, Alive: true}, LightLimit: 6000, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	c, lake := &company{sim, serveCompany(t, sim, nil)}, openLake(t, t.TempDir())
	x := everyStream(nil)
	x.Streams = []string{MessagesStream}
	for range 9 {
		x.Now, x.Clock = at, now
		if _, err := runExtract(t.Context(), c.clientAt(t, now), lake, x); err != nil {
			t.Fatal(err)
		}
		at = at.Add(20 * time.Hour)
	}
	want, purged := map[string]string{}, 0
	held := map[string]string{}
	for _, line := range dumped(t, lake, MessagesStream) {
		held[idOf(line)] = line
	}
	from, to := simulated.Add(-90*time.Hour), simulated.Add(80*time.Hour)
	for versions := range c.MessageHistories(from, to) {
		last := versions[len(versions)-1]
		if last.Availability != "Purged" {
			want[last.ID] = canonicalRecords(t, schema.Messages(), last.JSON)[0]
		} else if line, ok := held[last.ID]; ok {
			purged++
			if !strings.Contains(line, `"availability":"Purged"`) || !strings.Contains(line, `"creationTime"`) || !strings.Contains(line, `"type"`) {
				t.Errorf("a purged message: %s", line)
			}
		}
	}
	for id, record := range want {
		if diff := cmp.Diff(record, held[id]); diff != "" {
			t.Errorf("message %s: %s", id, diff)
		}
	}
	if len(want) < 50 || purged == 0 {
		t.Errorf("%d messages, %d of them purged: too few to tell", len(want), purged)
	}
	if found := verified(t, lake); len(found) > 0 {
		t.Errorf("findings: %v", found)
	}
}

func idOf(line string) string {
	_, rest, _ := strings.Cut(line, `"id":`)
	id, _, _ := strings.Cut(rest, ",")
	return id
}

// TestRestrictedUser: who may not read the company's log gets what is his to read, is told what is left out, and ends with an error.
func TestRestrictedUser(t *testing.T) {
	sim := restricted(t)
	c := &company{sim, serveCompany(t, sim, nil)}
	lake := openLake(t, t.TempDir())
	x := reading(&fourDays)
	x.Streams = DefaultStreams()
	tally, err := runExtract(t.Context(), c.client(t), lake, x)
	var refused *ringcentral.Error
	if !errors.As(err, &refused) || !refused.PermissionMissing() {
		t.Errorf("the call log: %v", err)
	}
	left := map[string]bool{}
	for _, s := range tally.Streams {
		left[s.Stream] = s.Left != ""
	}
	if diff := cmp.Diff(map[string]bool{"account": false, ExtensionsStream: false, "call_queues": true, "phone_numbers": true}, left); diff != "" {
		t.Error(diff)
	}
	if len(tally.Warnings) != 2 {
		t.Errorf("warnings: %q", tally.Warnings)
	}
	x.Streams, x.Named = []string{"phone_numbers"}, true
	if _, err := runExtract(t.Context(), c.client(t), lake, x); !errors.As(err, &refused) || !refused.PermissionMissing() {
		t.Errorf("a stream that was named: %v", err)
	}
	x.Streams = []string{MessagesStream}
	tally, err = runExtract(t.Context(), c.client(t), lake, x)
	if err != nil || len(tally.Warnings) != 1 || !strings.Contains(tally.Warnings[0], "extensions did not answer") {
		t.Errorf("messages of the user alone: %v, %q", err, tally.Warnings)
	}
	for _, line := range dumped(t, lake, MessagesStream) {
		if !strings.Contains(line, `"extensionId":"`+c.UserID()+`"`) {
			t.Fatalf("a message of somebody else: %s", line)
		}
	}
}

func restricted(t testing.TB) *simulator.Simulator {
	t.Helper()
	sim, err := simulator.New(&simulator.Options{
		Population: simulator.Population{Seed: 5, Extensions: 12, CallsPerDay: 60}, HeavyLimit: 6000, LightLimit: 6000, Now: driven.now, Restricted: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return sim
}

// TestEraseFromEveryStream: a number is in no record of any stream afterwards, in tables and archive.
func TestEraseFromEveryStream(t *testing.T) {
	c, lake := newCompany(t, 9, 60, nil), openLake(t, t.TempDir())
	if _, err := runExtract(t.Context(), c.client(t), lake, everyStream(&fourDays)); err != nil {
		t.Fatal(err)
	}
	var phone, extension string
	for x := range c.Extensions() {
		if x.PhoneNumber != "" && x.Status == "Enabled" && x.ID != c.AccountID() { // the account's own id is in every address
			phone, extension = x.PhoneNumber, x.ID
			break
		}
	}
	count := func() (n int) {
		for _, stream := range Streams() {
			for _, line := range dumped(t, lake, stream) {
				n += strings.Count(line, phone[1:]) + strings.Count(line, `Id":"`+extension+`"`)
			}
			reads, err := lake.ArchivedReads(t.Context(), c.AccountID(), stream)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range reads {
				if err := lake.ReadArchive(t.Context(), r, func(p sinks.ArchivedPage) error {
					n += bytes.Count(p.Body, []byte(phone[1:]))
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
		}
		return n
	}
	if count() < 20 {
		t.Fatal("there is too little of the person to tell")
	}
	done, err := Erase(t.Context(), lake, Erasing{Phones: []string{phone}, Extensions: []string{extension}, Now: simulated})
	if err != nil {
		t.Fatal(err)
	}
	if n := count(); n > 0 {
		t.Errorf("%d places still tell of the person; %+v", n, done)
	}
	if _, err := runExtract(t.Context(), c.client(t), lake, everyStream(&fourDays)); err != nil {
		t.Fatal(err)
	}
	if n := count(); n > 0 {
		t.Errorf("%d places tell of the person after another reading", n)
	}
}

// TestPolicyWithoutIdentity: a stream whose rows a policy would leave without ids is left out, and says so.
func TestPolicyWithoutIdentity(t *testing.T) {
	c, lake := newCompany(t, 7, 20, nil), openLake(t, t.TempDir())
	policy, err := schema.NewPolicy(schema.CallLog(), []string{"extensions=drop", "message_text=drop"}, schema.PolicyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	x := everyStream(&fourDays)
	x.Policy, x.Named = policy, false
	x.Streams = slices.DeleteFunc(x.Streams, func(name string) bool { return name == RecordingsStream })
	tally, err := runExtract(t.Context(), c.client(t), lake, x)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range tally.Streams {
		if isLeft := s.Stream == ExtensionsStream || s.Stream == "call_queues"; isLeft != strings.Contains(s.Left, "tell its rows apart") {
			t.Errorf("%s: %q", s.Stream, s.Left)
		}
	}
	for _, line := range dumped(t, lake, MessagesStream) {
		if strings.Contains(line, `"subject"`) || strings.Contains(line, `"extensionId"`) {
			t.Fatalf("the policy was not applied: %s", line)
		}
	}
}

// TestQueuesAreComposed: the list, what a queue says of itself, and all pages of its members become one record; a queue that went between the
// requests has what the list said.
func TestQueuesAreComposed(t *testing.T) {
	parts := []part{
		{"/a/call-queues", []byte(`{"records":[{"id":"1","name":"Sales"},{"id":"2","name":"Gone"}]}`)},
		{"/a/call-queues", []byte(`{"records":[{"id":"1","name":"Sales"}]}`)},
		{"/a/call-queues/1", []byte(`{"id":"1","name":"Sales","serviceLevelSettings":{"slaGoal":80}}`)},
		{"/a/call-queues/1/members", []byte(`{"records":[{"id":12345678901234567890}]}`)},
		{"/a/call-queues/1/members", []byte(`{"records":[{"id":8}]}`)},
	}
	pages, err := composeQueues(parts)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"records":[{"id":"1","members":[{"id":12345678901234567890},{"id":8}],"name":"Sales","serviceLevelSettings":{"slaGoal":80}},{"id":"2","name":"Gone"}]}`
	if diff := cmp.Diff(want, string(pages[0])); diff != "" || len(pages) != 1 {
		t.Error(diff)
	}
	if _, err := composeQueues([]part{{"/a/call-queues", []byte(`{"records":7}`)}}); err == nil {
		t.Error("a list that is none was taken")
	}
}
