package simulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

func reversed(records []json.RawMessage) []string {
	all := texts(records)
	slices.Reverse(all)
	return all
}

func TestPagesHaveEveryRecordOnce(t *testing.T) {
	b := open(t, small())
	from, to := day(2), day(5)
	want := reversed(truth(b.Simulator, from, to.Add(time.Millisecond)))
	for _, perPage := range []string{"97", "1000", "max", "5000"} {
		got := b.all(callLog + "?view=Detailed&perPage=" + perPage + "&" + window(from, to))
		if diff := cmp.Diff(want, texts(got)); diff != "" {
			t.Errorf("perPage=%s: %s", perPage, diff)
		}
	}
}

func TestPaging(t *testing.T) {
	b := open(t, small())
	path := callLog + "?" + window(day(2), day(5))
	n := len(truth(b.Simulator, day(2), day(5).Add(time.Millisecond)))
	second := b.page(path + "&page=2&perPage=50")
	want := map[string]int{"page": 2, "perPage": 50, "pageStart": 50, "pageEnd": 99}
	if diff := cmp.Diff(want, second.Paging); diff != "" {
		t.Error(diff)
	}
	absolute := b.url + "/restapi/v1.0/account/" + b.AccountID() + "/call-log?view=Simple" +
		"&dateFrom=2026-11-02T00:00:00.000Z&dateTo=2026-11-05T00:00:00.000Z&page=%d&perPage=50"
	if want := fmt.Sprintf(absolute, 2); second.URI != want {
		t.Errorf("uri %s, want %s", second.URI, want)
	}
	for name, page := range map[string]int{"firstPage": 1, "previousPage": 1, "nextPage": 3} {
		if got, want := second.Navigation[name].URI, fmt.Sprintf(absolute, page); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	last := b.page(path + fmt.Sprintf("&perPage=%d", n))
	if _, more := last.Navigation["nextPage"]; more || last.Paging["pageEnd"] != n-1 {
		t.Errorf("a page that holds just everything: %v %v", last.Paging, last.Navigation)
	}
	beyond := b.page(path + "&page=99&perPage=1000")
	if diff := cmp.Diff(map[string]int{"page": 99, "perPage": 1000}, beyond.Paging); diff != "" || len(beyond.Records) != 0 {
		t.Errorf("a page beyond the end: %s, %d records", diff, len(beyond.Records))
	}
	if got := b.page(path + "&perPage=5000").Paging["perPage"]; got != 1000 {
		t.Errorf("perPage=5000 became %d, want 1000", got)
	}
}

func TestWindow(t *testing.T) {
	b := open(t, small())
	calls := decodeAll[call](t, truth(b.Simulator, day(2), day(5)))
	first, last := calls[10], calls[20]
	got := b.all(callLog + "?view=Detailed&" + window(first.start(t), last.start(t)))
	if len(got) != 11 || decode[call](t, got[0]).ID != last.ID || decode[call](t, got[10]).ID != first.ID {
		t.Errorf("both bounds are inclusive: %d records, want 11", len(got))
	}
	// Without a window: the last 24 hours, from the next whole minute, and a uri without dateTo.
	b.clock.advance(47 * time.Second)
	p := b.page(callLog + "?view=Detailed&perPage=1000")
	want := texts(truth(b.Simulator, noon().Add(time.Minute).AddDate(0, 0, -1), b.clock.Now()))
	if len(p.Records) != len(want) || !strings.Contains(p.URI, "dateFrom=2026-11-17T12:01:00.000Z&page=1") {
		t.Errorf("%d records, want %d, in %s", len(p.Records), len(want), p.URI)
	}
	p = b.page(callLog + "?perPage=1000&dateTo=2026-11-05")
	if want := truth(b.Simulator, day(4), day(5)); len(p.Records) != len(want) {
		t.Errorf("without dateFrom: %d records, want %d", len(p.Records), len(want))
	}
	for _, form := range []string{"2026-11-04T00:00:00-05:00", "2026-11-04T05:00Z", "2026-11-04T05:00:00.000Z", "2026-11-04T05:00:00"} {
		p := b.page(callLog + "?dateTo=2026-11-05&dateFrom=" + url.QueryEscape(form))
		if !strings.Contains(p.URI, "dateFrom=2026-11-04T05:00:00.000Z&") {
			t.Errorf("%s was read as %s", form, p.URI)
		}
	}
}

func TestFilters(t *testing.T) {
	o := small()
	o.CallsPerDay = 400
	b := open(t, o)
	whole := window(day(3), day(4).Add(-time.Millisecond)) + "&view=Detailed&perPage=1000"
	calls := decodeAll[call](t, truth(b.Simulator, day(3), day(4)))
	some := calls[slices.IndexFunc(calls, func(c call) bool { return c.From.PhoneNumber != "" && c.Direction == "Inbound" })]
	number := some.From.PhoneNumber
	queue := calls[slices.IndexFunc(calls, func(c call) bool { return len(c.Legs) == 4 })].Extension.ID
	queueNumber := decode[struct{ ExtensionNumber string }](t, b.get(fmt.Sprintf("%s/extension/%d", account, queue)).body)
	for filter, holds := range map[string]func(call) bool{
		"extensionNumber=" + queueNumber.ExtensionNumber: func(c call) bool { return c.Extension.ID == queue },
		"type=Fax":                                      func(c call) bool { return c.Type == "Fax" },
		"type=Fax&type=Voice":                           func(call) bool { return true },
		"direction=Inbound":                             func(c call) bool { return c.Direction == "Inbound" },
		"recordingType=All":                             func(c call) bool { return c.Recording != nil },
		"recordingType=OnDemand":                        func(c call) bool { return c.Recording != nil && c.Recording.Type == "OnDemand" },
		"withRecording=true":                            func(c call) bool { return c.Recording != nil },
		"metadataCategory=Sales":                        func(c call) bool { return slices.Contains(c.MetadataCategories, "Sales") },
		"showDeleted=true":                              func(call) bool { return true },
		"transport=VoIP":                                func(call) bool { return true }, // an extension's log has it, the company's has not
		"phoneNumber=" + number[1:]:                     func(c call) bool { return c.From.PhoneNumber == number || c.To.PhoneNumber == number },
		"telephonySessionId=" + some.TelephonySessionID: func(c call) bool { return c.ID == some.ID },
	} {
		var want []string
		for _, c := range calls {
			if holds(c) {
				want = append(want, c.ID)
			}
		}
		slices.Reverse(want)
		var got []string
		for _, c := range decodeAll[call](t, b.all(callLog+"?"+filter+"&"+whole)) {
			got = append(got, c.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("%s: %d wanted: %s", filter, len(want), diff)
		}
	}
	session := b.page(callLog + "?sessionId=" + some.SessionID)
	if len(session.Records) != 1 || decode[call](t, session.Records[0]).ID != some.ID {
		t.Errorf("sessionId %s: %s", some.SessionID, session.Records)
	}
	if none := b.page(callLog + "?sessionId=5"); len(none.Records) != 0 {
		t.Errorf("sessionId 5: %s", none.Records)
	}
}

func TestExtensionLog(t *testing.T) {
	o := small()
	o.CallsPerDay = 400
	b := open(t, o)
	whole := window(day(3), day(4).Add(-time.Millisecond)) + "&view=Detailed&perPage=1000"
	want := map[int64]int{} // records that an extension is part of
	for _, c := range decodeAll[call](t, truth(b.Simulator, day(3), day(4))) {
		part := map[int64]bool{c.Extension.ID: true}
		for _, l := range c.Legs {
			if l.Extension != nil {
				part[l.Extension.ID] = true
			}
		}
		for id := range part {
			want[id]++
		}
	}
	company, missed, blocked := map[string]bool{}, 0, 0
	for _, c := range decodeAll[call](t, truth(b.Simulator, day(3), day(4))) {
		company[c.ID] = true
	}
	ids := map[string]bool{}
	for id, n := range want {
		path := fmt.Sprintf("%s/extension/%d/call-log", account, id)
		records := decodeAll[call](t, b.all(path+"?"+whole))
		if len(records) != n {
			t.Errorf("extension %d: %d records, want %d", id, len(records), n)
		}
		for _, c := range records {
			checkTimes(t, c)
			if c.Extension.ID != id || ids[c.ID] {
				t.Errorf("extension %d: record %s of %d, or twice", id, c.ID, c.Extension.ID)
			}
			ids[c.ID] = true
			if c.Result == "Missed" && !company[c.ID] {
				missed++
			}
			if c.Result == "Blocked" {
				blocked++
			}
		}
		again := b.get(path + "/" + records[0].ID + "?view=Detailed")
		if decode[call](t, again.body).ID != records[0].ID || !strings.Contains(string(again.body), path[len(account):]) {
			t.Errorf("by id: %s", again.body)
		}
		for _, c := range decodeAll[call](t, b.all(path+"?transport=VoIP&showBlocked=false&"+whole)) {
			if c.Transport != "VoIP" || c.Result == "Blocked" {
				t.Errorf("transport %s, result %s", c.Transport, c.Result)
			}
		}
	}
	if missed < 40 || blocked == 0 {
		t.Errorf("%d calls of queues were missed by a member, %d blocked", missed, blocked)
	}
}

func TestParametersRefused(t *testing.T) {
	b := open(t, small())
	for query, code := range map[string]string{
		"view=detailed": "CMN-101", "type=Video": "CMN-101", "direction=Up": "CMN-101", "page=0": "CMN-101",
		"page=x": "CMN-101", "page=1001": "CMN-101", "perPage=0": "CMN-101", "perPage=many": "CMN-101",
		"dateFrom=yesterday": "CMN-101", "dateTo=2026-13-01": "CMN-101", "dateTo=2026-11-01T00:00:00+01:00": "CMN-101",
		"recordingType=Any": "CMN-101", "withRecording=yes": "CMN-101", "showDeleted=1": "CMN-101",
		"extensionNumber=101&phoneNumber=12125550100": "CMN-101",
		"sessionId=1&dateFrom=2026-11-01":             "CLG-110", "sessionId=1&type=Voice": "CLG-110",
	} {
		b.get(callLog+"?"+query).mustBe(t, 400, code)
	}
	b.get(ownLog+"?transport=Carrier").mustBe(t, 400, "CMN-101")
	b.get(ownLog+"?showBlocked=maybe").mustBe(t, 400, "CMN-101")
	b.get("/restapi/v1.0/account/12/call-log").mustBe(t, 404, "CMN-102")
	b.get(account+"/extension/12/call-log").mustBe(t, 404, "CMN-102")
	b.get("/restapi/v1.0/account/"+b.AccountID()+"/call-log/none").mustBe(t, 404, "CMN-102")
	b.get("/").mustBe(t, 404, "AGW-404")
	b.get(account+"/extension?perPage=x").mustBe(t, 400, "CMN-101")
	b.get(callLog+"/x?view=All").mustBe(t, 400, "CMN-101")
	b.get(callLog+"/,,").mustBe(t, 404, "CMN-102")
}

func TestViews(t *testing.T) {
	b := open(t, small())
	query := window(day(3), day(4)) + "&perPage=1000"
	detailed := b.all(callLog + "?view=Detailed&" + query)
	for i, simple := range b.all(callLog + "?" + query) {
		full := decode[map[string]any](t, detailed[i])
		for name, value := range decode[map[string]any](t, simple) {
			if name != "uri" && !cmp.Equal(value, full[name]) {
				t.Errorf("%s: %v in one view, %v in the other", name, value, full[name])
			}
			if slices.Contains([]string{"legs", "billing", "lastModifiedTime", "transport"}, name) {
				t.Errorf("the Simple view has %s", name)
			}
		}
	}
}

func TestBatch(t *testing.T) {
	b := open(t, small())
	records := truth(b.Simulator, day(3), day(4))[:3]
	calls := decodeAll[call](t, records)
	path := callLog + "/" + calls[0].ID + "," + calls[1].ID + ",nobody," + calls[2].ID + "?view=Detailed"
	want := []string{string(records[0]), string(records[1]), "", string(records[2])}

	joined := b.do("GET", path, "", "Authorization", "Bearer "+b.token, "Accept", batchJSON)
	elements := decode[[]struct {
		ResourceID string
		Status     int
		Body       json.RawMessage
	}](t, joined.body)
	if joined.StatusCode != 207 || len(elements) != 4 || elements[2].Status != 404 || elements[2].ResourceID != "nobody" {
		t.Errorf("%s: %s", joined.Status, joined.body)
	}
	mixed := b.get(path)
	_, parameters, err := mime.ParseMediaType(mixed.Header.Get("Content-Type"))
	if err != nil || mixed.StatusCode != 207 {
		t.Fatalf("%s, %v", mixed.Status, err)
	}
	parts := multipart.NewReader(bytes.NewReader(mixed.body), parameters["boundary"])
	for i := -1; i < len(want); i++ {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		if i >= 0 && want[i] != "" && (string(text) != want[i] || string(elements[i].Body) != want[i]) {
			t.Errorf("part %d: %s", i, text)
		}
	}
	if _, err := parts.NextPart(); err != io.EOF {
		t.Errorf("more parts than records: %v", err)
	}
	b.get(callLog+"/"+strings.Repeat("x,", 50)+"y").mustBe(t, 400, "CMN-106")
	if answer := b.get(callLog + "/" + strings.Repeat("x,", 49) + "y"); answer.StatusCode != http.StatusMultiStatus {
		t.Errorf("fifty ids: %s", answer.Status)
	}
}

func TestExtensions(t *testing.T) {
	b := open(t, small())
	type extension struct {
		ID                                  int64
		ExtensionNumber, Name, Type, Status string
		Contact                             struct{ Email string }
	}
	whole := b.page(account + "/extension")
	list := decodeAll[extension](t, whole.Records)
	if whole.Paging["totalElements"] != 20 || whole.Paging["totalPages"] != 1 || len(list) != 20 {
		t.Errorf("%v, %d extensions", whole.Paging, len(list))
	}
	paged := b.all(account + "/extension?perPage=7")
	if diff := cmp.Diff(list, decodeAll[extension](t, paged)); diff != "" {
		t.Error(diff)
	}
	kinds := map[string]int{}
	for _, x := range list {
		kinds[x.Type]++
		one := decode[extension](t, b.get(fmt.Sprintf("%s/extension/%d", account, x.ID)).body)
		if one != x || len(fmt.Sprint(x.ID)) != 12 {
			t.Errorf("%+v alone is %+v", x, one)
		}
	}
	if kinds["User"] == 0 || kinds["Department"] == 0 || kinds["IvrMenu"] != 1 {
		t.Errorf("%v", kinds)
	}
	for query, holds := range map[string]func(extension) bool{
		"type=Department&type=IvrMenu":       func(x extension) bool { return x.Type != "User" },
		"status=Enabled":                     func(x extension) bool { return x.Status == "Enabled" },
		"extensionNumber=103":                func(x extension) bool { return x.ExtensionNumber == "103" },
		"email=" + list[1].Contact.Email:     func(x extension) bool { return x == list[1] },
		"email=nobody@example.com&perPage=9": func(extension) bool { return false },
	} {
		var want []extension
		for _, x := range list {
			if holds(x) {
				want = append(want, x)
			}
		}
		if diff := cmp.Diff(want, decodeAll[extension](t, b.page(account+"/extension?"+query).Records)); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	info := decode[struct{ ID json.Number }](t, b.get(account).body)
	if info.ID.String() != b.AccountID() {
		t.Errorf("account %s, want %s", info.ID, b.AccountID())
	}
}

// Many clients at once get what one alone gets, also when more days are asked for than are kept, and everything is
// counted.
func TestConcurrentRequests(t *testing.T) {
	const days, clients = 103, 3 // prime, so that every step visits all days
	o := simulator.Options{Population: simulator.Population{Seed: 3, CallsPerDay: 10}}
	o.Now = noon
	alone := newSimulator(t, o)
	b := open(t, o)
	want := make([][]string, days)
	sent := 0
	for n := range want {
		from := noon().AddDate(0, 0, -days+n)
		want[n] = reversed(truth(alone, from, from.AddDate(0, 0, 1)))
		sent += len(want[n])
	}
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			for i := range days {
				n := (i*(2*client+1) + client*30) % days // each in another order
				from := noon().AddDate(0, 0, -days+n)
				answer, err := fetch(b, callLog+"?view=Detailed&"+window(from, from.AddDate(0, 0, 1).Add(-time.Millisecond)))
				if diff := cmp.Diff(want[n], answer); diff != "" || err != nil {
					t.Errorf("day %d: %v %s", n, err, diff)
				}
			}
		})
	}
	group.Wait()
	stats := b.Stats()
	if stats.Heavy != (simulator.Count{Requests: days * clients}) || stats.Records != int64(sent*clients) ||
		stats.Logins != 1 || stats.Requests() != days*clients+1 || stats.Bytes < stats.Records*1000 {
		t.Errorf("%+v; %d records expected", stats, sent*clients)
	}
}

// fetch is page for goroutines, which must not end the test.
func fetch(b *bench, path string) ([]string, error) {
	r, err := http.NewRequest("GET", b.url+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+b.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var p page
	err = json.NewDecoder(answer.Body).Decode(&p)
	return texts(p.Records), err
}
