package ringcentral

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pages serves so many pages of two records each.
func pages(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page, err := strconv.Atoi(r.URL.Query().Get("page"))
		if err != nil {
			w.WriteHeader(400)
			return
		}
		next := ""
		if page < n {
			next = `"nextPage":{"uri":"https://elsewhere.example/next"},`
		}
		w.Header().Set("rcrequestid", fmt.Sprintf("id-%d", page))
		w.Header().Set("X-Rate-Limit-Limit", "5000")
		w.Header().Set("X-Rate-Limit-Window", "60")
		fmt.Fprintf(w, `{"navigation":{%s"lastPage":{"uri":"x"}},"records":[{"id":"%d"},{"id":"%db"}],"paging":{"totalPages":1},
			"uri":"https://h/restapi/v1.0/account/400130008/call-log?page=%d"}`, next, page, page, page)
	}
}

func TestPages(t *testing.T) {
	f := newFake(t, pages(3))
	got, err := readAll(t.Context(), f.client(t), &CallLogOptions{PerPage: 2, View: "Simple", ShowDeleted: true})
	if err != nil {
		t.Fatal(err)
	}
	var want []Page
	for n := 1; n <= 3; n++ {
		want = append(want, Page{
			Number: n, Records: 2, AccountID: "400130008", Path: logPath, RequestID: fmt.Sprintf("id-%d", n), ReadAt: epoch, ShowDeleted: true,
			Query: fmt.Sprintf("dateFrom=2026-11-20T12%%3A00%%3A00Z&dateTo=2026-11-21T12%%3A00%%3A00Z&page=%d&perPage=2&showDeleted=true&view=Simple", n),
		})
	}
	for i := range got {
		if !strings.Contains(string(got[i].Body), fmt.Sprintf(`{"id":"%db"}`, i+1)) {
			t.Errorf("body of page %d: %s", i+1, got[i].Body)
		}
		got[i].Body = nil
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDefaultQuery(t *testing.T) {
	east := time.FixedZone("east", 2*3600)
	q, err := callLogQuery(epoch.In(east), epoch.Add(time.Second).In(east), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := "dateFrom=2026-11-21T12%3A00%3A00Z&dateTo=2026-11-21T12%3A00%3A01Z&perPage=1000&view=Detailed"; q.Encode() != want {
		t.Errorf("got  %s\nwant %s", q.Encode(), want)
	}
}

func TestBadQuestionsAreNotAsked(t *testing.T) {
	f := newFake(t, servePage)
	c := f.client(t)
	for name, q := range map[string]struct {
		account  string
		from, to time.Time
		o        *CallLogOptions
	}{
		"empty":          {"~", epoch, epoch, nil},
		"backwards":      {"~", epoch, epoch.Add(-time.Second), nil},
		"part of second": {"~", epoch, epoch.Add(1500 * time.Millisecond), nil},
		"odd start":      {"~", epoch.Add(time.Nanosecond), epoch.Add(time.Hour), nil},
		"no account":     {"", epoch, epoch.Add(time.Hour), nil},
		"odd account":    {"../x", epoch, epoch.Add(time.Hour), nil},
		"many":           {"~", epoch, epoch.Add(time.Hour), &CallLogOptions{PerPage: 1001}},
		"few":            {"~", epoch, epoch.Add(time.Hour), &CallLogOptions{PerPage: -1}},
		"view":           {"~", epoch, epoch.Add(time.Hour), &CallLogOptions{View: "Full"}},
	} {
		n := 0
		for _, err := range c.CallLog(t.Context(), q.account, q.from, q.to, q.o) {
			if n++; err == nil || n > 1 {
				t.Errorf("%s: not one error", name)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d pages", name, n)
		}
	}
	if n := f.count(""); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestWhereTheLogEnds(t *testing.T) {
	const more = `"navigation":{"nextPage":{"uri":"x"}}`
	for name, c := range map[string]struct {
		bodies []string
		want   int
	}{
		"empty":                {[]string{`{"records":[]}`}, 1},
		"empty with next page": {[]string{`{"records":[],` + more + `}`}, 1},
		"empty last page":      {[]string{`{"records":[1],` + more + `}`, `{"records":[],` + more + `}`}, 2},
		"null next page":       {[]string{`{"records":[1],"navigation":{"nextPage":null}}`}, 1},
		"null navigation":      {[]string{`{"records":[1],"navigation":null}`}, 1},
		"totals of one page":   {[]string{`{"records":[1],"paging":{"page":1,"totalPages":1},` + more + `}`, `{"records":[2]}`}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var answers []http.HandlerFunc
			for _, b := range c.bodies {
				answers = append(answers, reply(200, b))
			}
			f := newFake(t, inOrder(answers...))
			got, err := readAll(t.Context(), f.client(t), nil)
			if err != nil || len(got) != c.want || f.count(logPath) != c.want {
				t.Errorf("%d pages, %v, %s", len(got), err, f.requests)
			}
		})
	}
}

func TestBrokenPages(t *testing.T) {
	for name, c := range map[string]struct {
		body  string
		asked int
		want  string
	}{
		"html":          {`<html>`, 6, "not one JSON value"},
		"empty":         {``, 6, "not one JSON value"},
		"cut short":     {`{"records":[{"id":"a"},{"i`, 6, "not one JSON value"},
		"cut after [":   {`{"records":[`, 6, "not one JSON value"},
		"trailing":      {onePage + `{}`, 6, "something follows"},
		"trailing junk": {onePage + `x`, 6, "something follows"},
		"bad record":    {`{"records":[{"id":tru}]}`, 6, "not one JSON value"},
		"array":         {`[]`, 1, "not a JSON object"},
		"no records":    {`{"uri":"x"}`, 1, "no array records"},
		"null records":  {`{"records":null}`, 1, "no array records"},
		"records twice": {`{"records":[],"records":[1]}`, 1, "records twice"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, reply(200, c.body, "rcrequestid", "id-9"))
			got, err := readAll(t.Context(), f.client(t), nil)
			if err == nil || len(got) != 0 {
				t.Fatalf("%d pages, %v", len(got), err)
			}
			for _, part := range []string{"page 1", "id-9", c.want} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in: %s", part, err)
				}
			}
			if n := f.count(logPath); n != c.asked {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

const moreToCome = `,"navigation":{"nextPage":{"uri":"x"}}}`

func TestSamePageTwice(t *testing.T) {
	again := reply(200, `{"uri":"other","records":[{"id":"a"}]`+moreToCome, "rcrequestid", "id-3")
	first := []http.HandlerFunc{reply(200, `{"records":[{"id":"a"}]`+moreToCome), reply(200, `{"records":[{"id":"b"}]`+moreToCome)}
	f := newFake(t, inOrder(append(first, again)...))
	c := f.client(t)
	got, err := readAll(t.Context(), c, nil)
	if len(got) != 2 || err == nil || !strings.Contains(err.Error(), "page 3: request id-3: the same records as on page 1, asked 6 times: read the window again") {
		t.Errorf("%d pages, %v", len(got), err)
	}
	if f.count(logPath) != 2+6 || c.Requests().Retries != 5 {
		t.Errorf("%d requests, %+v", f.count(logPath), c.Requests())
	}

	f = newFake(t, inOrder(append(first, again, again, reply(503, ""), again, again, reply(200, `{"records":[{"id":"c"}]`+moreToCome),
		reply(200, `{"records":[]}`))...))
	c = f.client(t)
	got, err = readAll(t.Context(), c, nil)
	if len(got) != 4 || err != nil || f.count(logPath) != 9 || c.Requests().Retries != 5 {
		t.Errorf("%d pages, %d requests, %v", len(got), f.count(logPath), err)
	}
	want := []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second}
	if diff := cmp.Diff(want, f.clock.slept); diff != "" {
		t.Error(diff)
	}
}

const noShowDeleted = `{"errorCode":"CMN-101","message":"Parameter [showDeleted] value is invalid.","errors":[{"errorCode":"CMN-101",
	"message":"Parameter [showDeleted] value is invalid.","parameterName":"showDeleted"}]}`

// refusing serves pages to who does not ask for deleted records.
func refusing(next http.HandlerFunc, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("showDeleted") {
			reply(400, body)(w, r)
			return
		}
		next(w, r)
	}
}

func TestShowDeletedThatIsRefused(t *testing.T) {
	for name, body := range map[string]string{
		"with its name": noShowDeleted, "in words only": `{"errorCode":"CMN-101","message":"Parameter [showDeleted] value is invalid."}`,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, refusing(pages(3), body))
			c := f.client(t)
			c.tries = 1 // it is no failure
			for n := range 2 {
				got, err := readAll(t.Context(), c, &CallLogOptions{ShowDeleted: true})
				if err != nil || len(got) != 3 || !c.DeletedRefused() {
					t.Fatalf("%d pages, %v", len(got), err)
				}
				for _, p := range got {
					if p.ShowDeleted || strings.Contains(p.Query, "showDeleted") {
						t.Errorf("page %d says %s", p.Number, p.Query)
					}
				}
				if sent := f.count(logPath); sent != 1+3*(n+1) {
					t.Errorf("%d requests after window %d", sent, n+1)
				}
			}
			if got := c.Requests(); got.Retries != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestShowDeletedThatIsGranted(t *testing.T) {
	f := newFake(t, pages(2))
	c := f.client(t)
	got, err := readAll(t.Context(), c, &CallLogOptions{ShowDeleted: true})
	if err != nil || len(got) != 2 || !got[0].ShowDeleted || !got[1].ShowDeleted || c.DeletedRefused() {
		t.Errorf("%v, %v", got, err)
	}
}

// TestShowDeletedThatIsRefusedLater: pages of two questions are not one window.
func TestShowDeletedThatIsRefusedLater(t *testing.T) {
	f := newFake(t, inOrder(pages(2), refusing(pages(2), noShowDeleted)))
	c := f.client(t)
	got, err := readAll(t.Context(), c, &CallLogOptions{ShowDeleted: true})
	if e := asError(t, err); len(got) != 1 || e.Parameter != "showDeleted" || !strings.HasSuffix(err.Error(), "read the window again, which leaves it out") {
		t.Errorf("%d pages, %v", len(got), err)
	}
	if got, err = readAll(t.Context(), c, &CallLogOptions{ShowDeleted: true}); len(got) != 2 || err != nil || f.count(logPath) != 4 {
		t.Errorf("%d pages, %v", len(got), err)
	}
}

func TestOtherRefusalsAreNotOfShowDeleted(t *testing.T) {
	for _, body := range []string{
		`{"errorCode":"CMN-101","message":"Parameter [view] value is invalid.","parameterName":"view"}`,
		`{"errorCode":"CMN-104","parameterName":"showDeleted"}`, ``,
		`{"errorCode":"CMN-101","message":"[perPage], not [showDeleted]","parameterName":"perPage"}`,
	} {
		f := newFake(t, refusing(servePage, body))
		c := f.client(t)
		_, err := readAll(t.Context(), c, &CallLogOptions{ShowDeleted: true})
		if e := asError(t, err); e.Status != 400 || f.count(logPath) != 1 || c.DeletedRefused() {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestDeepestPage(t *testing.T) {
	f := newFake(t, pages(1000))
	if got, err := readAll(t.Context(), f.client(t), nil); err != nil || len(got) != 1000 {
		t.Errorf("%d pages, %v", len(got), err)
	}
	f = newFake(t, pages(1001))
	got, err := readAll(t.Context(), f.client(t), nil)
	if len(got) != 1000 || err == nil || !strings.Contains(err.Error(), "smaller windows") || f.count(logPath) != 1000 {
		t.Errorf("%d pages, %v", len(got), err)
	}
}

func TestErrorOnALaterPage(t *testing.T) {
	f := newFake(t, inOrder(pages(3), reply(404, "")))
	got, err := readAll(t.Context(), f.client(t), nil)
	if e := asError(t, err); len(got) != 1 || e.Status != 404 || !strings.HasPrefix(err.Error(), "page 2: ") {
		t.Errorf("%d pages, %v", len(got), err)
	}
}

func TestBreakAsksForNoMore(t *testing.T) {
	f := newFake(t, pages(5))
	for p, err := range f.client(t).CallLog(t.Context(), "~", epoch, epoch.Add(time.Hour), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if p.Number == 2 {
			break
		}
	}
	if n := f.count(logPath); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestReadAtIsBeforeTheAnswer(t *testing.T) {
	var f *fake
	f = newFake(t, func(w http.ResponseWriter, r *http.Request) {
		f.clock.advance(30 * time.Second)
		servePage(w, r)
	})
	got, err := readAll(t.Context(), f.client(t), nil)
	if err != nil || !got[0].ReadAt.Equal(epoch) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAccountOf(t *testing.T) {
	for uri, want := range map[string]string{
		"https://h/restapi/v1.0/account/400643090008/call-log?view=Simple": "400643090008",
		"https://h/restapi/v1.0/account/1/extension/2/call-log":            "1",
		"https://h/restapi/v1.0/account/~/call-log":                        "",
		"https://h/restapi/v1.0/account//call-log":                         "",
		"": "",
	} {
		if got := accountOf(uri); got != want {
			t.Errorf("%s: %q, want %q", uri, got, want)
		}
	}
}

func TestAccountID(t *testing.T) {
	for body, want := range map[string]string{
		`{"id":400643090008,"x":1}`:                      "400643090008",
		`{"id":"400643090008"}`:                          "400643090008",
		`{"operator":{"id":5},"id":9007199254740993123}`: "9007199254740993123",
		`{"id":1e5}`:            "",
		`{"id":null}`:           "",
		`{"id":"main"}`:         "",
		`{"operator":{"id":5}}`: "",
		`<html>`:                "",
		``:                      "",
	} {
		f := newFake(t, reply(200, body, "rcrequestid", "id-4"))
		got, err := f.client(t).AccountID(t.Context())
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", body, got, err)
		}
		if err != nil && !strings.Contains(err.Error(), "id-4") {
			t.Error(err)
		}
	}
}

// FuzzReadContents holds the reader of pages to encoding/json's idea of JSON, and to leaving the body as it is.
func FuzzReadContents(f *testing.F) {
	for _, seed := range []string{onePage, `{"records":[]}x`, `[`, `{"records":[1,[2]],"navigation":{"nextPage":{}}}`, `{"uri":"\ud800","records":[]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := string(body)
		c, err := readContents(body)
		if string(body) != before {
			t.Fatal("the body was changed")
		}
		if (err == nil && !json.Valid(body)) || (errors.Is(err, errMalformed) && json.Valid(body)) {
			t.Fatalf("%q: %v", body, err)
		}
		var page map[string]json.RawMessage
		var records []json.RawMessage
		if err == nil && (json.Unmarshal(body, &page) != nil || json.Unmarshal(page["records"], &records) != nil || len(records) != c.records) {
			t.Fatalf("%q: %d records", body, c.records)
		}
	})
}
