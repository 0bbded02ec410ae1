package simulator_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

// patient reads in spite of faults: it repeats what failed, sits out penalties and keeps to the rate.
type patient struct {
	*bench
	transport *http.Transport
	seen      map[string]int // what happened to it
}

func spoilt(t *testing.T, o simulator.Options, f simulator.Faults) *patient {
	t.Helper()
	b := &bench{t: t, clock: &clock{now: longAfter()}}
	o.Faults, o.Now, o.Sleep = f, b.clock.Now, func(time.Duration) {}
	b.Simulator = newSimulator(t, o)
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	b.url = server.URL
	// On a connection that was used before, the transport would hide a reset by repeating the request itself, and a
	// compressed body that was cut looks like a reset.
	transport := &http.Transport{DisableKeepAlives: f.Seed%2 == 0, DisableCompression: f.Seed%3 == 0}
	t.Cleanup(transport.CloseIdleConnections)
	return &patient{b, transport, map[string]int{}}
}

// once sends one request; the error says what was wrong with the answer.
func (p *patient) once(r *http.Request) ([]byte, error) {
	p.clock.advance(6 * time.Second)
	answer, err := p.transport.RoundTrip(r)
	if err != nil {
		return nil, errors.New("reset before")
	}
	defer answer.Body.Close()
	if date, err := http.ParseTime(answer.Header.Get("Date")); err != nil || !date.Equal(p.clock.Now().Truncate(time.Second)) {
		p.seen["clock jumps"]++
	}
	body, err := io.ReadAll(answer.Body)
	html := strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html")
	switch status := answer.StatusCode; {
	case err != nil:
		return nil, errors.New("reset within")
	case status == 429:
		seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		p.clock.advance(max(time.Duration(seconds)*time.Second, time.Minute))
		return nil, fmt.Errorf("429, Retry-After %t, rate %t", err == nil, answer.Header.Get("X-Rate-Limit-Limit") != "")
	case status == 401:
		p.token = ""
		return nil, errors.New("401")
	case status == 400 && strings.Contains(string(body), "CLG-101"):
		return nil, errors.New("token expired")
	case html:
		return nil, fmt.Errorf("%d HTML, Retry-After %t", status, answer.Header.Get("Retry-After") != "")
	case status != 200:
		p.t.Fatalf("%s %s: %s", r.URL, answer.Status, body)
	case !json.Valid(body) && !strings.HasPrefix(answer.Header.Get("Content-Type"), "audio/"):
		return nil, errors.New("truncated")
	}
	return body, nil
}

// try repeats a request until it succeeds.
func (p *patient) try(most int, ask func() ([]byte, error)) []byte {
	for range most {
		body, err := ask()
		if err == nil {
			return body
		}
		p.seen[err.Error()]++
	}
	p.t.Fatalf("%d answers in a row were spoilt: %v", most, p.seen)
	return nil
}

func (p *patient) request(method, path, form string) *http.Request {
	r, err := http.NewRequest(method, p.url+path, strings.NewReader(form))
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

func (p *patient) login() {
	id, secret, jwt := p.Credentials()
	body := p.try(3, func() ([]byte, error) {
		p.clock.advance(10 * time.Second)
		r := p.request("POST", tokenPath, url.Values{"grant_type": {jwtGrant}, "assertion": {jwt}}.Encode())
		r.SetBasicAuth(id, secret)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return p.once(r)
	})
	p.token = decode[struct {
		AccessToken string `json:"access_token"`
	}](p.t, body).AccessToken
}

func (p *patient) get(path string) []byte {
	return p.try(6, func() ([]byte, error) {
		if p.token == "" {
			p.login()
		}
		r := p.request("GET", path, "")
		r.Header.Set("Authorization", "Bearer "+p.token)
		return p.once(r)
	})
}

// list walks a list and gives each record as often as it came.
func (p *patient) list(path string) []json.RawMessage {
	var all, before []json.RawMessage
	for path != "" {
		one := decode[page](p.t, p.get(path))
		if len(before) > 0 && slices.Equal(texts(before), texts(one.Records)) {
			p.seen["repeated page"]++
			one = decode[page](p.t, p.get(path))
		}
		switch n := len(one.Records); {
		case n == 0 && one.Paging["page"] > 1:
			p.seen["empty last page"]++
		case len(before) > 0 && slices.Contains(texts(before), string(one.Records[0])):
			p.seen["drift"]++
		}
		before = one.Records
		all = append(all, before...)
		path = strings.TrimPrefix(one.Navigation["nextPage"].URI, p.url)
	}
	return all
}

func distinct(records []json.RawMessage) []string {
	all := texts(records)
	slices.Sort(all)
	return slices.Compact(all)
}

func TestPatientReaderGetsTheTruth(t *testing.T) {
	seen := map[string]int{}
	for seed := range int64(6) {
		p := spoilt(t, alive(), simulator.Faults{Profile: "hard", Seed: seed})
		want := distinct(truth(p.Simulator, day(4), day(9)))
		for _, perPage := range []int{7, 20, 50} {
			path := fmt.Sprintf("%s?view=Detailed&perPage=%d&%s", callLog, perPage, window(day(4), day(9).Add(-time.Millisecond)))
			for range 2 {
				if got := distinct(p.list(path)); !slices.Equal(got, want) {
					t.Errorf("seed %d, %d a page: %s", seed, perPage, cmp.Diff(want, got))
				}
			}
		}
		stats := p.Stats()
		if stats.Heavy.Limited+stats.Auth.Limited != 0 || stats.Faults < 10 {
			t.Errorf("%+v", stats)
		}
		for name, n := range p.seen {
			seen[name] += n
		}
	}
	for _, name := range []string{"drift", "repeated page", "empty last page", "429, Retry-After true, rate true",
		"429, Retry-After false, rate true", "429, Retry-After false, rate false", "401", "408 HTML, Retry-After false",
		"500 HTML, Retry-After false", "502 HTML, Retry-After false", "503 HTML, Retry-After false", "503 HTML, Retry-After true",
		"200 HTML, Retry-After false", "reset before", "reset within", "truncated", "clock jumps"} {
		if seen[name] == 0 {
			t.Errorf("%s: never", name)
		}
	}
	t.Logf("%v", seen)
}

// Faults spoil messages as they spoil calls: who is patient gets every store as it is.
func TestPatientReaderGetsMessages(t *testing.T) {
	seen := map[string]int{}
	for seed := range int64(6) {
		o := alive()
		o.Extensions = 6
		o.CallsPerDay = 200
		p := spoilt(t, o, simulator.Faults{Profile: "hard", Seed: seed})
		for e := range p.Extensions() {
			if !e.Removed.IsZero() && e.Removed.Before(longAfter()) {
				continue
			}
			var want []json.RawMessage
			for _, v := range mail(p.Simulator, day(4), day(9)) {
				if v.ExtensionID == e.ID && v.Availability == "Alive" {
					want = append(want, v.JSON)
				}
			}
			for _, perPage := range []int{7, 30, 35, 40, 45} {
				path := fmt.Sprintf("%s?perPage=%d&%s", store(e.ID), perPage, window(day(4), day(9).Add(-time.Millisecond)))
				if got := distinct(p.list(path)); !slices.Equal(got, distinct(want)) {
					t.Errorf("seed %d, %s: %s", seed, e.Name, cmp.Diff(distinct(want), got))
				}
			}
		}
		if stats := p.Stats(); stats.Light.Limited+stats.Auth.Limited != 0 {
			t.Errorf("%+v", stats)
		}
		for name, n := range p.seen {
			seen[name] += n
		}
	}
	for _, name := range []string{"drift", "repeated page", "empty last page", "429, Retry-After true, rate true", "401",
		"500 HTML, Retry-After false", "502 HTML, Retry-After false", "200 HTML, Retry-After false", "reset before", "reset within", "truncated"} {
		if seen[name] == 0 {
			t.Errorf("%s: never", name)
		}
	}
	t.Logf("%v", seen)
}

// Audio that is cut short is known by its length, whether the connection was reset or not.
func TestPatientReaderGetsAudio(t *testing.T) {
	p := spoilt(t, small(), simulator.Faults{Profile: "hard", Seed: 2})
	downloaded, cut := int64(0), false
	for _, c := range recordings(t, p.Simulator, day(16), day(18)) {
		_, want := p.Audio(c.Recording.ID)
		if want == nil {
			continue
		}
		before := p.seen["reset within"]
		if got := p.get(path(c.Recording.ContentURI)); string(got) != string(want) {
			t.Errorf("%s: %d bytes, want %d", c.Recording.ID, len(got), len(want))
		}
		switch sent := p.AudioSent()[c.Recording.ID]; {
		case p.seen["reset within"] == before && sent != int64(len(want)):
			t.Errorf("%s: %d bytes were sent, want %d", c.Recording.ID, sent, len(want))
		case sent > int64(len(want)):
			cut = true
		}
		downloaded++
	}
	if downloaded < 50 || p.seen["reset within"] < 5 || !cut {
		t.Errorf("%d recordings, cut %t: %v", downloaded, cut, p.seen)
	}
}

func TestFeedInSpiteOfFaults(t *testing.T) {
	expired := 0
	for seed := range int64(4) {
		for _, tokens := range []bool{false, true} {
			p := spoilt(t, alive(), simulator.Faults{Profile: "hard", Seed: seed, Tokens: tokens})
			got := map[string]string{}
			query := "view=Detailed&recordCount=10&dateFrom=2026-12-14"
			want := map[string]string{}
			for _, versions := range histories(p.Simulator, day(30), longAfter()) {
				if v := versions[len(versions)-1]; !v.At.Before(time.Date(2026, 12, 14, 0, 0, 0, 0, time.UTC)) {
					want[v.ID] = string(v.JSON)
				}
			}
			for {
				one := decode[feedPage](t, p.get(feed+"?"+query))
				for id, r := range byID(t, one.Records) {
					got[id] = r
				}
				if !one.SyncInfo.NewerRecordsExist {
					break
				}
				query = "syncType=ISync&syncToken=" + one.SyncInfo.SyncToken
			}
			for id, r := range want {
				if got[id] == "" || got[id] != r && !strings.Contains(got[id], `"lastModifiedTime":"2026-12-18`) {
					t.Errorf("seed %d: %s, want %s", seed, got[id], r)
				}
			}
			if n := p.seen["token expired"]; n > 0 && !tokens {
				t.Errorf("%d tokens expired unasked", n)
			}
			expired += p.seen["token expired"]
		}
	}
	if expired == 0 {
		t.Error("no token expired")
	}
}

func TestMildFaultsAreFewAndGentle(t *testing.T) {
	p := spoilt(t, alive(), simulator.Faults{Profile: "mild", Seed: 1})
	path := callLog + "?view=Detailed&perPage=10&" + window(day(2), day(9).Add(-time.Millisecond))
	for range 5 {
		p.list(path)
	}
	stats := p.Stats()
	if share := float64(stats.Faults) / float64(stats.Requests()); share == 0 || share > 0.1 {
		t.Errorf("%.2f of the answers are spoilt: %+v", share, stats)
	}
	for _, name := range []string{"truncated", "repeated page", "reset within", "reset before", "200 HTML, Retry-After false"} {
		if p.seen[name] > 0 {
			t.Errorf("%s in a mild course", name)
		}
	}
}

// The same seeds spoil the same answers.
func TestFaultsAreDeterministic(t *testing.T) {
	course := func(seed int64) (all []string) {
		o := alive()
		o.HeavyLimit, o.Faults = 1000, simulator.Faults{Profile: "hard", Seed: seed}
		o.Sleep, o.Penalty = func(time.Duration) {}, time.Nanosecond
		s := newSimulator(t, o)
		var token string
		for n := range 200 {
			func() {
				defer func() {
					if cause := recover(); cause != nil {
						all = append(all, fmt.Sprint(cause))
					}
				}()
				if n%40 == 0 {
					token = enterWith(s)
				}
				w := ask(s, "GET", fmt.Sprintf("%s?page=%d&perPage=5", callLog, 1+n%4), token, "")
				all = append(all, fmt.Sprint(w.Code, w.Header(), w.Body))
			}()
		}
		return all
	}
	if diff := cmp.Diff(course(1), course(1)); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(course(1), course(2)) {
		t.Error("another seed, the same faults")
	}
	o := small()
	o.Faults.Profile = "wild"
	if _, err := simulator.New(&o); err == nil || !strings.Contains(err.Error(), `faults: the profile "wild" is unknown; give`) {
		t.Errorf("%v", err)
	}
}

// enterWith logs in and takes whatever comes; the token is empty if that failed.
func enterWith(s *simulator.Simulator) string {
	_, _, jwt := s.Credentials()
	var body struct {
		AccessToken string `json:"access_token"`
	}
	w := ask(s, "POST", tokenPath, "", url.Values{"grant_type": {jwtGrant}, "assertion": {jwt}}.Encode())
	_ = json.Unmarshal(w.Body.Bytes(), &body) // it may be spoilt
	return body.AccessToken
}

// A refusal that is a fault is no fault of the caller's; what he sends during the penalty is.
func TestInjectedRefusalsAreNotCountedAsLimited(t *testing.T) {
	p := spoilt(t, small(), simulator.Faults{Profile: "hard", Seed: 3})
	p.login()
	for range 200 {
		p.clock.advance(6 * time.Second)
		r := p.request("GET", callLog+"?perPage=1", "")
		r.Header.Set("Authorization", "Bearer "+p.token)
		answer, err := p.transport.RoundTrip(r)
		if err != nil {
			continue
		}
		answer.Body.Close()
		switch answer.StatusCode {
		case 401:
			p.login()
		case 429:
			if before := p.Stats().Heavy.Limited; before != 0 {
				t.Fatalf("%d requests were limited", before)
			}
			if answer.Header.Get("Retry-After") == "" {
				p.clock.advance(time.Minute)
				continue
			}
			if second := p.status(callLog); second != 429 || p.Stats().Heavy.Limited != 1 {
				t.Errorf("during the penalty: %d, %+v", second, p.Stats())
			}
			return
		}
	}
	t.Error("no 429 with Retry-After")
}

func (p *patient) status(path string) int {
	r := p.request("GET", path, "")
	r.Header.Set("Authorization", "Bearer "+p.token)
	answer, err := p.transport.RoundTrip(r)
	if err != nil {
		p.t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// Many clients at once, each with a course of faults of its own making; what the race detector sees is the point.
func TestFaultsWithManyClients(t *testing.T) {
	o := alive()
	o.HeavyLimit, o.Penalty, o.Sleep = 1_000_000, time.Nanosecond, func(time.Duration) {}
	o.Faults = simulator.Faults{Profile: "hard", Seed: 5, Tokens: true}
	var readings, served atomic.Int64
	// The clock goes on with each reading, so that penalties end.
	o.Now = func() time.Time { return noon().Add(time.Duration(readings.Add(1)) * 5 * time.Second) }
	s := newSimulator(t, o)
	var group sync.WaitGroup
	for client := range 4 {
		group.Go(func() {
			token := ""
			for n := range 60 {
				func() {
					defer func() { _ = recover() }() // of connections that were reset
					if token == "" {
						token = enterWith(s)
					}
					path := fmt.Sprintf("%s?page=%d&perPage=5&%s", callLog, 1+n%7, window(day(10+client), day(17)))
					if n%3 == 0 {
						path = feed + "?dateFrom=2026-11-10"
					}
					switch w := ask(s, "GET", path, token, ""); w.Code {
					case 200:
						served.Add(1)
					case 401:
						token = ""
					}
				}()
			}
		})
	}
	group.Wait()
	if served.Load() < 30 || s.Stats().Faults == 0 {
		t.Errorf("%d answers, %+v", served.Load(), s.Stats())
	}
}
