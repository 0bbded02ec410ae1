package simulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

const (
	tokenPath = "/restapi/oauth/token"
	jwtGrant  = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	account   = "/restapi/v1.0/account/~"
	callLog   = account + "/call-log"
	ownLog    = account + "/extension/~/call-log"
)

// noon of a Wednesday; the populations of the tests end here unless a test moves the clock.
func noon() time.Time { return time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC) }

// clock is a clock that a test drives.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bench is a simulator on loopback with a client that has logged in.
type bench struct {
	*simulator.Simulator
	t     *testing.T
	url   string
	token string
	clock *clock
}

// open starts a simulator; limits are out of the way and the clock stands at noon unless the options say otherwise.
func open(t *testing.T, o simulator.Options) *bench {
	t.Helper()
	b := &bench{t: t, clock: &clock{now: noon()}}
	if o.HeavyLimit == 0 {
		o.HeavyLimit, o.MediumLimit, o.LightLimit = 1_000_000, 1_000_000, 1_000_000
	}
	if o.Now == nil {
		o.Now = b.clock.Now
	}
	var err error
	if b.Simulator, err = simulator.New(&o); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	b.url = server.URL
	b.token = b.login()
	return b
}

// small is a company whose days are quick to read.
func small() simulator.Options {
	return simulator.Options{Population: simulator.Population{Seed: 7, Extensions: 20, CallsPerDay: 200}}
}

type response struct {
	*http.Response
	body []byte
}

// do sends a request with the headers given as name, value, name, value.
func (b *bench) do(method, path, body string, headers ...string) response {
	b.t.Helper()
	r, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return response{answer, text}
}

func (b *bench) get(path string) response {
	b.t.Helper()
	return b.do("GET", path, "", "Authorization", "Bearer "+b.token)
}

func (b *bench) post(path string, form url.Values, user, password string) response {
	b.t.Helper()
	r, err := http.NewRequest("POST", b.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.SetBasicAuth(user, password)
	return b.do("POST", path, form.Encode(), "Authorization", r.Header.Get("Authorization"),
		"Content-Type", "application/x-www-form-urlencoded")
}

func (b *bench) assert(jwt string) response {
	b.t.Helper()
	id, secret, _ := b.Credentials()
	return b.post(tokenPath, url.Values{"grant_type": {jwtGrant}, "assertion": {jwt}}, id, secret)
}

func (b *bench) login() string {
	b.t.Helper()
	_, _, jwt := b.Credentials()
	answer := b.assert(jwt)
	if answer.StatusCode != 200 {
		b.t.Fatalf("login: %s: %s", answer.Status, answer.body)
	}
	return decode[struct {
		AccessToken string `json:"access_token"`
	}](b.t, answer.body).AccessToken
}

func decode[T any](t *testing.T, body []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%v in %.200s", err, body)
	}
	return v
}

type page struct {
	URI        string
	Records    []json.RawMessage
	Paging     map[string]int
	Navigation map[string]struct{ URI string }
}

func (b *bench) page(path string) page {
	b.t.Helper()
	answer := b.get(path)
	if answer.StatusCode != 200 {
		b.t.Fatalf("GET %s: %s: %s", path, answer.Status, answer.body)
	}
	return decode[page](b.t, answer.body)
}

// all follows nextPage to the end.
func (b *bench) all(path string) []json.RawMessage {
	b.t.Helper()
	var records []json.RawMessage
	for path != "" {
		p := b.page(path)
		records = append(records, p.Records...)
		path = strings.TrimPrefix(p.Navigation["nextPage"].URI, b.url)
	}
	return records
}

type call struct {
	ID, SessionID, TelephonySessionID, StartTime      string
	LastModifiedTime, Type, Direction, Action, Result string
	Duration, DurationMs                              int64
	From, To                                          struct{ PhoneNumber, ExtensionNumber, Name string }
	Extension                                         *struct{ ID int64 }
	Recording                                         *struct{ ID, Type string }
	Message                                           *struct{ ID, Type string }
	TransferTarget, Transferee                        *struct{ TelephonySessionID string }
	Billing                                           struct{ CostIncluded, CostPurchased float64 }
	MetadataCategories                                []string
	Transport                                         string
	Legs                                              []struct {
		call
		LegType string
		Master  bool
	}
}

func (c call) start(t *testing.T) time.Time {
	t.Helper()
	start, err := time.Parse("2006-01-02T15:04:05.000Z", c.StartTime)
	if err != nil {
		t.Fatal(err)
	}
	return start
}

func decodeAll[T any](t *testing.T, bodies []json.RawMessage) []T {
	t.Helper()
	var all []T
	for _, body := range bodies {
		all = append(all, decode[T](t, body))
	}
	return all
}

func truth(s *simulator.Simulator, from, to time.Time) []json.RawMessage {
	var all []json.RawMessage
	for record := range s.Records(from, to) {
		all = append(all, record)
	}
	return all
}

func window(from, to time.Time) string {
	return "dateFrom=" + url.QueryEscape(from.Format(time.RFC3339Nano)) + "&dateTo=" + url.QueryEscape(to.Format(time.RFC3339Nano))
}

// mustBe checks a status and the code of an error body.
func (r response) mustBe(t *testing.T, status int, code string) {
	t.Helper()
	body := decode[struct {
		ErrorCode string
		Errors    []struct{ ErrorCode, ParameterName string }
	}](t, r.body)
	got := body.ErrorCode
	if len(body.Errors) > 0 {
		got = body.Errors[0].ErrorCode
	}
	if r.StatusCode != status || got != code {
		t.Errorf("%s %s: %d %s, want %d %s: %s", r.Request.Method, r.Request.URL, r.StatusCode, got, status, code, r.body)
	}
}

// A small company that is alive, for a fortnight: made new, with all its days and versions.
func BenchmarkFortnight(b *testing.B) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for seed := int64(0); b.Loop(); seed++ {
		o := simulator.Options{Population: simulator.Population{Seed: seed, Extensions: 20, CallsPerDay: 40, Alive: true,
			Location: newYork}, Now: noon}
		s, err := simulator.New(&o)
		if err != nil {
			b.Fatal(err)
		}
		n += s.Generate(noon().AddDate(0, 0, -14))
	}
	b.ReportMetric(float64(n)/float64(b.N), "records")
}

func BenchmarkDay(b *testing.B) {
	day := time.Date(2026, 11, 17, 0, 0, 0, 0, time.UTC)
	var records, size int
	for b.Loop() {
		s, err := simulator.New(&simulator.Options{Now: noon})
		if err != nil {
			b.Fatal(err)
		}
		for record := range s.Records(day, day.AddDate(0, 0, 1)) {
			records++
			size += len(record)
		}
	}
	b.ReportMetric(float64(records)/float64(b.N), "records/day")
	b.ReportMetric(float64(size)/float64(records), "B/record")
}
