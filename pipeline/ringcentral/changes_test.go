package ringcentral

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const feedPath = "/restapi/v1.0/account/~/call-log-extract-sync"

// syncCanary starts every sync token; no text that a person can see may have it.
const syncCanary = "canary/sync+token="

// feedPage is one answer of the change feed.
func feedPage(record, token string, newer bool) string {
	return fmt.Sprintf(`{"uri":"https://h/restapi/v1.0/account/400130008/call-log-extract-sync","records":[{"id":%q}],
		"syncInfo":{"syncType":"ISync","syncToken":%q,"syncTime":"2026-11-21T11:59:58.250Z","newerRecordsExist":%t}}`, record, token, newer)
}

// feed serves so many pages and keeps the questions.
func feed(n int, asked *[]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.Path+"?"+r.URL.RawQuery)
		k := len(*asked)
		reply(200, feedPage(fmt.Sprint(k), fmt.Sprintf("%s%d", syncCanary, k), k < n), "rcrequestid", fmt.Sprintf("id-%d", k))(w, r)
	}
}

func readChangePages(t *testing.T, c *Client, token string, from time.Time, o *ChangesOptions) ([]ChangePage, error) {
	t.Helper()
	var pages []ChangePage
	for p, err := range c.Changes(t.Context(), "~", token, from, o) {
		if err != nil {
			return pages, err
		}
		pages = append(pages, p)
	}
	return pages, nil
}

func TestChanges(t *testing.T) {
	var asked []string
	f := newFake(t, feed(3, &asked))
	c := f.client(t)
	got, err := readChangePages(t, c, "", epoch.Add(-time.Hour+1500*time.Millisecond), &ChangesOptions{PerPage: 7})
	if err != nil {
		t.Fatal(err)
	}
	wantAsked := []string{
		feedPath + "?dateFrom=2026-11-21T11%3A00%3A01Z&recordCount=7&syncType=FSync&view=Detailed",
		feedPath + "?syncToken=canary%2Fsync%2Btoken%3D1&syncType=ISync&view=Detailed",
		feedPath + "?syncToken=canary%2Fsync%2Btoken%3D2&syncType=ISync&view=Detailed",
	}
	if diff := cmp.Diff(wantAsked, asked); diff != "" {
		t.Error(diff)
	}
	queries := []string{
		"dateFrom=2026-11-21T11%3A00%3A01Z&recordCount=7&syncType=FSync&view=Detailed",
		"syncToken=sha256-0180a7235cda&syncType=ISync&view=Detailed",
		"syncToken=sha256-471908c526e6&syncType=ISync&view=Detailed",
	}
	for i, p := range got {
		if !bytes.Contains(p.Body, fmt.Appendf(nil, `{"id":"%d"}`, i+1)) {
			t.Errorf("body of page %d: %s", i+1, p.Body)
		}
		p.Body = nil
		want := ChangePage{
			Page: Page{Number: i + 1, Records: 1, AccountID: "400130008", Path: feedPath, Query: queries[i],
				RequestID: fmt.Sprintf("id-%d", i+1), ReadAt: epoch},
			SyncToken: fmt.Sprintf("%s%d", syncCanary, i+1), More: i < 2,
			SyncTime: time.Date(2026, 11, 21, 11, 59, 58, 250e6, time.UTC),
		}
		if diff := cmp.Diff(want, p); diff != "" {
			t.Error(diff)
		}
	}
	if groups := c.Requests().Groups; groups["Heavy"] != 3 {
		t.Errorf("%v", groups)
	}
}

func TestChangesGoOnFromAToken(t *testing.T) {
	var asked []string
	f := newFake(t, feed(1, &asked))
	got, err := readChangePages(t, f.client(t), "old", time.Time{}, nil)
	if err != nil || len(got) != 1 || got[0].More {
		t.Fatalf("%v, %v", got, err)
	}
	if diff := cmp.Diff([]string{feedPath + "?syncToken=old&syncType=ISync&view=Detailed"}, asked); diff != "" {
		t.Error(diff)
	}
}

func TestChangesByDefault(t *testing.T) {
	q, err := changesQuery("12", "", epoch, nil)
	if want := "dateFrom=2026-11-21T12%3A00%3A00Z&recordCount=1000&syncType=FSync&view=Detailed"; err != nil || q.Encode() != want {
		t.Errorf("%s, %v", q.Encode(), err)
	}
}

func TestBadChangesAreNotAsked(t *testing.T) {
	for name, c := range map[string]struct {
		account string
		from    time.Time
		perPage int
	}{
		"no start": {"~", time.Time{}, 0}, "account": {"~/x", epoch, 0}, "many": {"~", epoch, 1001}, "few": {"~", epoch, -1},
	} {
		if _, err := changesQuery(c.account, "", c.from, &ChangesOptions{PerPage: c.perPage}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	f := newFake(t, servePage)
	if _, err := readChangePages(t, f.client(t), "", time.Time{}, nil); err == nil || f.count("") != 0 {
		t.Errorf("%v after %d requests", err, f.count(""))
	}
}

func TestChangePagesThatCannotBeTrusted(t *testing.T) {
	const noToken, circle = "no syncInfo with a syncToken", "one that was there before"
	for name, c := range map[string]struct {
		bodies []string
		pages  int
		want   string
	}{
		"no sync info":   {[]string{`{"records":[]}`}, 0, noToken},
		"null sync info": {[]string{`{"records":[],"syncInfo":null}`}, 0, noToken},
		"no token":       {[]string{`{"records":[],"syncInfo":{"newerRecordsExist":true}}`}, 0, noToken},
		"empty token":    {[]string{`{"records":[],"syncInfo":{"syncToken":""}}`}, 0, noToken},
		"odd token":      {[]string{`{"records":[],"syncInfo":{"syncToken":7}}`}, 0, noToken},
		"no records":     {[]string{`{"syncInfo":{"syncToken":"t"}}`}, 0, "no array records"},
		"same token":     {[]string{feedPage("1", "start", true)}, 0, circle},
		"same later":     {[]string{feedPage("1", "token-of-1", true), feedPage("2", "token-of-1", true)}, 1, circle},
		"round":          {[]string{feedPage("1", "token-of-1", true), feedPage("2", "token-of-2", true), feedPage("3", "token-of-1", true)}, 2, circle},
	} {
		t.Run(name, func(t *testing.T) {
			var answers []http.HandlerFunc
			for _, b := range c.bodies {
				answers = append(answers, reply(200, b, "rcrequestid", "id-9"))
			}
			f := newFake(t, inOrder(answers...))
			got, err := readChangePages(t, f.client(t), "start", time.Time{}, nil)
			if len(got) != c.pages || err == nil || f.count(feedPath) != len(c.bodies) {
				t.Fatalf("%d pages, %d requests, %v", len(got), f.count(feedPath), err)
			}
			for _, part := range []string{fmt.Sprintf("page %d of the change feed", c.pages+1), "id-9", c.want} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in: %s", part, err)
				}
			}
		})
	}
}

func TestWhereTheChangesEnd(t *testing.T) {
	for name, body := range map[string]string{
		"nothing new": feedPage("1", "start", false), "no word of newer records": `{"records":[],"syncInfo":{"syncToken":"t","syncTime":"soon"}}`,
	} {
		f := newFake(t, reply(200, body))
		got, err := readChangePages(t, f.client(t), "start", time.Time{}, nil)
		if len(got) != 1 || err != nil || got[0].More || got[0].SyncTime.IsZero() != strings.Contains(body, "soon") {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestChangePageIsRepaired(t *testing.T) {
	var asked []string
	f := newFake(t, inOrder(reply(200, "<html>"), reply(503, ""), cutShort, feed(1, &asked)))
	if got, err := readChangePages(t, f.client(t), "start", time.Time{}, nil); len(got) != 1 || err != nil || got[0].Number != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestBreakEndsTheChanges(t *testing.T) {
	var asked []string
	f := newFake(t, feed(5, &asked))
	for _, err := range f.client(t).Changes(t.Context(), "~", "start", time.Time{}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if len(asked) != 1 {
		t.Errorf("%d requests", len(asked))
	}
}

func TestKindsOfFeedErrors(t *testing.T) {
	type kinds struct{ Token, NotFound, Permission bool }
	for name, c := range map[string]struct {
		status int
		body   string
		want   kinds
	}{
		"expired":           {400, `{"errors":[{"errorCode":"CLG-101"}]}`, kinds{Token: true}},
		"reset":             {400, `{"errorCode":"CLG-105"}`, kinds{Token: true}},
		"parameter":         {400, `{"errors":[{"errorCode":"CMN-101","parameterName":"syncToken"}]}`, kinds{Token: true}},
		"too much":          {400, `{"message":"Parameter [syncToken] is invalid [max sync record number limit is exceeded]"}`, kinds{Token: true}},
		"other code":        {400, `{"errorCode":"CLG-110"}`, kinds{}},
		"other parameter":   {400, `{"errorCode":"CMN-101","parameterName":"dateFrom"}`, kinds{}},
		"code elsewhere":    {404, `{"errorCode":"CLG-101"}`, kinds{NotFound: true}},
		"no feed":           {404, `{"errorCode":"AGW-404","message":"Resource not found","errors":[]}`, kinds{NotFound: true}},
		"no feed, no words": {404, ``, kinds{NotFound: true}},
		"forbidden":         {403, `{"errorCode":"CMN-408"}`, kinds{Permission: true}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, reply(c.status, c.body))
			_, err := readChangePages(t, f.client(t), "start", time.Time{}, nil)
			e := asError(t, err)
			if got := (kinds{e.TokenInvalid(), e.NotFound(), e.PermissionMissing()}); got != c.want || f.count(feedPath) != 1 {
				t.Errorf("%+v: %v", got, err)
			}
			if e.Status == 403 && e.Permission != "ReadCallLog" || e.Status == 404 && !strings.Contains(e.Error(), "no change feed") {
				t.Error(e)
			}
		})
	}
	if e := (&Error{Status: 404, op: logIn}); e.NotFound() {
		t.Error("a login that is not there is no missing record")
	}
}

// noSyncToken looks for both tokens, in the forms in which they travel.
func noSyncToken(t *testing.T, where, text string) {
	t.Helper()
	for _, form := range []string{syncCanary, url.QueryEscape(syncCanary), url.PathEscape(syncCanary), "canary"} {
		if strings.Contains(text, form) {
			t.Errorf("%s: %q is in %s", where, form, text)
		}
	}
}

// TestSyncTokensAreElided: the server echoes the token it was sent, and breaks pages that have another in them.
func TestSyncTokensAreElided(t *testing.T) {
	echoed := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			all := r.URL.Query().Get("syncToken") + "|" + r.URL.RawQuery + "|" + syncCanary + "0" + "|" + syncCanary + "1"
			quoted, err := json.Marshal(all)
			if err != nil {
				t.Error(err)
			}
			reply(status, fmt.Sprintf(`{"errorCode":%[1]s,"message":%[1]s,"parameterName":%[1]s,"records":[{%[1]s:x`, quoted),
				"rcrequestid", all, "routingkey", all)(w, r)
		}
	}
	whole := func(w http.ResponseWriter, r *http.Request) {
		quoted, err := json.Marshal(r.URL.RawQuery + r.URL.Query().Get("syncToken"))
		if err != nil {
			t.Error(err)
		}
		reply(400, fmt.Sprintf(`{"errorCode":%[1]s,"message":%[1]s,"parameterName":%[1]s,"permissionName":%[1]s}`, quoted), "rcrequestid", string(quoted))(w, r)
	}
	for name, last := range map[string]http.HandlerFunc{
		"200": echoed(200), "400": echoed(400), "whole": whole, "503": echoed(503), "404": echoed(404), "cut": cutShort, "reset": reset,
		"circle": reply(200, feedPage("2", syncCanary+"1", true)),
	} {
		f := newFake(t, inOrder(reply(200, feedPage("1", syncCanary+"1", true), "rcrequestid", syncCanary+"1"), last))
		got, err := readChangePages(t, f.client(t), syncCanary+"0", time.Time{}, nil)
		if err == nil || len(got) != 1 {
			t.Fatalf("%s: %d pages, %v", name, len(got), err)
		}
		noSyncToken(t, name+", error", fmt.Sprintf("%v %+v %#v", err, err, asErrorOrNil(err)))
		noSyncToken(t, name+", log", f.log.String())
		noSyncToken(t, name+", query and request id", got[0].Query+got[0].RequestID)
	}
}

func TestPassingSecretsAreForgotten(t *testing.T) {
	s := newScrubber(Credentials{ClientID: "id", ClientSecret: "top-secret", JWT: "the-jwt"})
	for n := range 1000 {
		s.pass(fmt.Sprintf("token-%d.", n))
		s.pass(fmt.Sprintf("token-%d.", n))
	}
	if len(s.passing) != mostPassing || s.text("token-999. token-968. top-secret") != "[secret] [secret] [secret]" {
		t.Errorf("%d kept: %s", len(s.passing), s.text("token-999. token-968. top-secret"))
	}
}
