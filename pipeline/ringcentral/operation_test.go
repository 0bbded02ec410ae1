package ringcentral

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// asked is one way of asking, with what must come of it.
type asked struct {
	ask               func(context.Context, *Client) ([]Page, error)
	path, query       string // of the first request
	list              bool
	group             string
	application, user string // permissions
	extension, one    bool   // ExtensionRefused and Gone can be
}

func listOf(read func(context.Context, *Client) iter.Seq2[Page, error]) func(context.Context, *Client) ([]Page, error) {
	return func(ctx context.Context, c *Client) ([]Page, error) {
		var pages []Page
		for p, err := range read(ctx, c) {
			if err != nil {
				return pages, err
			}
			pages = append(pages, p)
		}
		return pages, nil
	}
}

func objectOf(read func(context.Context, *Client) (Page, error)) func(context.Context, *Client) ([]Page, error) {
	return func(ctx context.Context, c *Client) ([]Page, error) {
		p, err := read(ctx, c)
		if err != nil {
			return nil, err
		}
		return []Page{p}, nil
	}
}

func readContent(ctx context.Context, c *Client) ([]Page, error) {
	m, err := c.Recording(ctx, "12", "https://media.ringcentral.com:443/restapi/v1.0/account/12/recording/34/content", 0)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(m.Body)
	_ = m.Body.Close()
	return []Page{{Body: b}}, err
}

// allAsked is every operation that names what it reads, by the account 12, the extension 34 and the thing 56.
func allAsked() map[string]asked {
	const (
		account   = "/restapi/v1.0/account/12"
		extension = account + "/extension/34"
		dates     = "dateFrom=2026-11-20T12%3A00%3A00Z&dateTo=2026-11-21T12%3A00%3A00Z"
	)
	from, to := epoch.Add(-24*time.Hour), epoch
	return map[string]asked{
		"account": {objectOf(func(ctx context.Context, c *Client) (Page, error) { return c.Account(ctx, "12") }),
			account, "", false, "Light", "ReadAccounts", "ReadCompanyInfo", false, false},
		"extensions": {listOf(func(ctx context.Context, c *Client) iter.Seq2[Page, error] { return c.Extensions(ctx, "12") }),
			account + "/extension", "page=1&perPage=1000", true, "Medium", "ReadAccounts", "ReadExtensions", false, false},
		"numbers": {listOf(func(ctx context.Context, c *Client) iter.Seq2[Page, error] { return c.PhoneNumbers(ctx, "12") }),
			account + "/phone-number", "page=1&perPage=1000", true, "Heavy", "ReadAccounts", "ReadCompanyPhoneNumbers", false, false},
		"queues": {listOf(func(ctx context.Context, c *Client) iter.Seq2[Page, error] { return c.CallQueues(ctx, "12") }),
			account + "/call-queues", "page=1&perPage=1000", true, "Medium", "ReadAccounts", "ReadExtensions", false, false},
		"queue": {objectOf(func(ctx context.Context, c *Client) (Page, error) { return c.CallQueue(ctx, "12", "56") }),
			account + "/call-queues/56", "", false, "Light", "ReadAccounts", "ReadExtensions", false, true},
		"members": {listOf(func(ctx context.Context, c *Client) iter.Seq2[Page, error] {
			return c.CallQueueMembers(ctx, "12", "56")
		}),
			account + "/call-queues/56/members", "page=1&perPage=1000", true, "Light", "ReadAccounts", "ReadExtensions", false, true},
		"call log": {listOf(func(ctx context.Context, c *Client) iter.Seq2[Page, error] {
			return c.CallLog(ctx, "12", from, to, nil)
		}),
			account + "/call-log", dates + "&page=1&perPage=1000&view=Detailed", true, "Heavy", "ReadCallLog", "FullCompanyCallLog", false, false},
		"call": {objectOf(func(ctx context.Context, c *Client) (Page, error) { return c.CallRecord(ctx, "12", "a-_Z9") }),
			account + "/call-log/a-_Z9", "view=Detailed", false, "Heavy", "ReadCallLog", "FullCompanyCallLog", false, true},
		"call log of an extension": {listOf(func(ctx context.Context, c *Client) iter.Seq2[Page, error] {
			return c.ExtensionCallLog(ctx, "12", "34", from, to, &CallLogOptions{PerPage: 7, View: "Simple", ShowDeleted: true})
		}), extension + "/call-log", dates + "&page=1&perPage=7&showDeleted=true&view=Simple", true, "Heavy", "ReadCallLog", "ReadCallLog", true, true},
		"call of an extension": {objectOf(func(ctx context.Context, c *Client) (Page, error) {
			return c.ExtensionCallRecord(ctx, "12", "34", "a-_Z9")
		}), extension + "/call-log/a-_Z9", "view=Detailed", false, "Heavy", "ReadCallLog", "ReadCallLog", true, true},
		"messages": {listOf(func(ctx context.Context, c *Client) iter.Seq2[Page, error] {
			return c.Messages(ctx, "12", "34", from, to, nil)
		}), extension + "/message-store", "availability=Alive&availability=Deleted&availability=Purged&" + dates + "&page=1&perPage=1000",
			true, "Light", "ReadMessages", "ReadMessages", true, true},
		"message": {objectOf(func(ctx context.Context, c *Client) (Page, error) { return c.Message(ctx, "12", "34", "56") }),
			extension + "/message-store/56", "", false, "Light", "ReadMessages", "ReadMessages", true, true},
		"recording": {readContent, account + "/recording/34/content", "", false, "Heavy", "ReadCallRecording", "ReadCallRecording", false, true},
	}
}

func TestOperationsAsk(t *testing.T) {
	const object = `{"uri":"https://h/restapi/v1.0/account/400130008/x","id":7,"records":"are not here","navigation":{"nextPage":{}}}`
	for name, q := range allAsked() {
		t.Run(name, func(t *testing.T) {
			var first *url.URL
			f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
				if first == nil {
					first = r.URL
				}
				if r.Header.Get("Authorization") != "Bearer "+tokenPrefix+"1" {
					t.Error("without the token")
				}
				w.Header().Set("rcrequestid", "id-1")
				if q.list {
					pages(3)(w, r)
					return
				}
				w.Header().Set("Content-Type", "audio/mpeg")
				fmt.Fprint(w, object)
			})
			c := f.client(t)
			got, err := q.ask(t.Context(), c)
			want := 1
			if q.list {
				want = 3
			}
			if err != nil || len(got) != want || first.Path != q.path || first.RawQuery != q.query {
				t.Fatalf("%d pages, %v, first %s", len(got), err, first)
			}
			if n := c.Requests().Groups[q.group]; n != want {
				t.Errorf("%+v", c.Requests())
			}
			if !q.list && string(got[0].Body) != object {
				t.Errorf("body %s", got[0].Body)
			}
			if name == "recording" {
				return
			}
			p := got[0]
			p.Body = nil
			records := 1
			if q.list {
				records = 2
			}
			if diff := cmp.Diff(Page{Number: 1, Records: records, AccountID: "400130008", Path: q.path, Query: q.query, RequestID: "id-1", ReadAt: epoch,
				ShowDeleted: strings.Contains(q.query, showDeleted)}, p); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestOperationsAreRefused: what a refusal means depends on what was asked for.
func TestOperationsAreRefused(t *testing.T) {
	for name, q := range allAsked() {
		for _, c := range []struct {
			status                  int
			body                    string
			says                    string
			missing, extension, one bool
		}{
			{403, `{"errorCode":"CMN-401"}`, "give the application the permission " + q.application + " in", true, false, false},
			{403, `{"errorCode":"CMN-408"}`, "a role with the permission " + q.user, true, false, false},
			{403, `{"errorCode":"CMN-419"}`, q.user + " in its extended scope", true, q.extension, false},
			{403, `{"errorCode":"CMN-404"}`, q.user + " in its extended scope", true, q.extension, false},
			{403, `<html>`, "nothing between here and RingCentral", true, false, false},
			{404, `{"errorCode":"CMN-102","message":"Resource for parameter [x] is not found"}`, "", false, false, q.one},
			{404, `{"errors":[{"errorCode":"CMN-120"}]}`, "", false, false, q.one},
			{404, `{"errorCode":"CMN-102","parameterName":"accountId"}`, "the account id", false, false, false},
			{404, `{"errorCode":"CMN-102","message":"Resource for parameter [accountId] is not found"}`, "the account id", false, false, false},
			{404, `{"errorCode":"AGW-404","errors":[]}`, "the account id", false, false, false},
			{404, `<html>`, "the account id", false, false, false},
		} {
			f := newFake(t, reply(c.status, c.body))
			_, err := q.ask(t.Context(), f.client(t))
			e := asError(t, err)
			if e.PermissionMissing() != c.missing || e.ExtensionRefused() != c.extension || e.Gone() != c.one || e.NotFound() != (c.status == 404) {
				t.Errorf("%s, %d %s: missing %t, extension %t, gone %t", name, c.status, c.body, e.PermissionMissing(), e.ExtensionRefused(), e.Gone())
			}
			if !strings.Contains(err.Error(), c.says) || e.Gone() != strings.Contains(err.Error(), "does not have it any more") || f.count(q.path) != 1 {
				t.Errorf("%s, %d %s: %v", name, c.status, c.body, err)
			}
		}
	}
}

func TestOperationsHaveNoSecrets(t *testing.T) {
	for name, q := range allAsked() {
		for _, status := range []int{200, 302, 400, 401, 403, 404, 416, 429, 503} {
			for _, shape := range []string{`{"errorCode":$,"message":$,"permissionName":$,"parameterName":$}`, `<html>$`, `{$:tru`, `{"records":[{$:x`, `$`} {
				f := newFake(t, echo(status, shape))
				c := f.client(t)
				c.tries = 2
				_, err := q.ask(t.Context(), c)
				if err == nil && name != "recording" {
					t.Errorf("%s, %d %s: no error", name, status, shape)
				}
				noSecrets(t, fmt.Sprint(name, status, shape), fmt.Sprintf("%v %#v", err, asErrorOrNil(err))+f.log.String())
			}
		}
	}
}

func TestObjectsThatAreNone(t *testing.T) {
	for body, c := range map[string]struct {
		asked int
		want  string
	}{
		`<html>`:                           {6, "not one JSON value"},
		``:                                 {6, "not one JSON value"},
		`{"id":1`:                          {6, "not one JSON value"},
		`{"id":1}{}`:                       {6, "something follows"},
		`[{"id":1}]`:                       {1, "not a JSON object"},
		`{"records":[]}`:                   {1, "has no id"},
		`{"id":null}`:                      {1, "has no id"},
		`{"id":{"id":1}}`:                  {1, "has no id"},
		`{"id":"x","errorCode":"CMN-201"}`: {1, "is an error's"},
	} {
		f := newFake(t, reply(200, body, "rcrequestid", "id-9"))
		p, err := f.client(t).Message(t.Context(), "~", "~", "5")
		if err == nil || p.Records != 0 || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "id-9") ||
			f.count("/restapi/v1.0/account/~/extension/~/message-store/5") != c.asked {
			t.Errorf("%s: %v after %s", body, err, f.requests)
		}
	}
	f := newFake(t, inOrder(reply(200, `<html>`), reply(503, ``), reply(200, `{"id":"5"}`)))
	if p, err := f.client(t).Message(t.Context(), "~", "~", "5"); err != nil || string(p.Body) != `{"id":"5"}` || p.AccountID != "" {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestOddIDsAreNotAsked: an id comes from a record, and could lead a path elsewhere.
func TestOddIDsAreNotAsked(t *testing.T) {
	f := newFake(t, servePage)
	c, ctx := f.client(t), t.Context()
	from, to := epoch.Add(-time.Hour), epoch
	for _, odd := range []string{"", "..", "1/2", "1,2", "%2e", "1?x", "*", "1 ", "é", "1\n"} {
		for name, ask := range map[string]func() error{
			"account":           func() error { _, err := c.Account(ctx, odd); return err },
			"extensions":        func() error { return firstError(c.Extensions(ctx, odd)) },
			"numbers":           func() error { return firstError(c.PhoneNumbers(ctx, odd)) },
			"queues":            func() error { return firstError(c.CallQueues(ctx, odd)) },
			"queue":             func() error { _, err := c.CallQueue(ctx, "1", odd); return err },
			"queue's account":   func() error { _, err := c.CallQueue(ctx, odd, "1"); return err },
			"members":           func() error { return firstError(c.CallQueueMembers(ctx, "1", odd)) },
			"messages":          func() error { return firstError(c.Messages(ctx, "1", odd, from, to, nil)) },
			"messages' account": func() error { return firstError(c.Messages(ctx, odd, "1", from, to, nil)) },
			"log":               func() error { return firstError(c.ExtensionCallLog(ctx, "1", odd, from, to, nil)) },
			"call":              func() error { _, err := c.CallRecord(ctx, "1", odd); return err },
			"call's account":    func() error { _, err := c.CallRecord(ctx, odd, "a"); return err },
			"call's extension":  func() error { _, err := c.ExtensionCallRecord(ctx, "1", odd, "a"); return err },
			"extension's call":  func() error { _, err := c.ExtensionCallRecord(ctx, "1", "1", odd); return err },
			"message":           func() error { _, err := c.Message(ctx, "1", "1", odd); return err },
			"message's owner":   func() error { _, err := c.Message(ctx, "1", odd, "1"); return err },
			"recording's account": func() error {
				_, err := c.Recording(ctx, odd, "https://h/restapi/v1.0/account/1/recording/1/content", 0)
				return err
			},
		} {
			if err := ask(); err == nil || !strings.Contains(err.Error(), "want ") {
				t.Errorf("%s %q: %v", name, odd, err)
			}
		}
	}
	for name, err := range map[string]error{
		"own queue":       firstError(c.CallQueueMembers(ctx, "1", "~")),
		"empty window":    firstError(c.Messages(ctx, "1", "1", to, to, nil)),
		"parts of second": firstError(c.Messages(ctx, "1", "1", from.Add(time.Millisecond), to, nil)),
		"many":            firstError(c.Messages(ctx, "1", "1", from, to, &MessageOptions{PerPage: 1001})),
		"view":            firstError(c.ExtensionCallLog(ctx, "1", "1", from, to, &CallLogOptions{View: "x"})),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if n := f.count(""); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func firstError(pages iter.Seq2[Page, error]) error {
	for _, err := range pages {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestListsGoOnWhileThereIsANextPage: whatever their totals say, and an error stays one where a page comes again.
func TestListsGoOnWhileThereIsANextPage(t *testing.T) {
	const one = `{"records":[1],"paging":{"page":1,"totalPages":1}` + moreToCome
	const two = `{"records":[2],"paging":{"page":1,"totalPages":1}`
	f := newFake(t, inOrder(reply(200, one), reply(200, two+moreToCome), reply(200, `{"records":[]`+moreToCome)))
	read := listOf(func(ctx context.Context, c *Client) iter.Seq2[Page, error] { return c.Extensions(ctx, "~") })
	if got, err := read(t.Context(), f.client(t)); err != nil || len(got) != 3 {
		t.Errorf("%d pages, %v", len(got), err)
	}
	f = newFake(t, inOrder(reply(200, one), reply(200, two+`}`)))
	if got, err := read(t.Context(), f.client(t)); err != nil || len(got) != 2 {
		t.Errorf("%d pages, %v", len(got), err)
	}
	f = newFake(t, reply(200, one))
	if got, err := read(t.Context(), f.client(t)); err == nil || len(got) != 1 || !strings.Contains(err.Error(), "the same records as on page 1") {
		t.Errorf("%d pages, %v", len(got), err)
	}
	f = newFake(t, pages(1001))
	if got, err := read(t.Context(), f.client(t)); err == nil || len(got) != 1000 {
		t.Errorf("%d pages, %v", len(got), err)
	}
}

// TestListsCanBeReadAgain: a sequence is a question, not an answer.
func TestListsCanBeReadAgain(t *testing.T) {
	f := newFake(t, pages(2))
	list := f.client(t).Messages(t.Context(), "~", "~", epoch, epoch.Add(time.Hour), nil)
	for range 2 {
		if err := firstError(list); err != nil {
			t.Error(err)
		}
	}
	if n := f.count("/restapi/v1.0/account/~/extension/~/message-store"); n != 4 {
		t.Errorf("%d requests", n)
	}
}

// TestShowDeletedIsRefusedByLog: the company's log has the parameter later than those of extensions.
func TestShowDeletedIsRefusedByLog(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/extension/") {
			pages(1)(w, r)
			return
		}
		refusing(pages(1), noShowDeleted)(w, r)
	})
	c := f.client(t)
	if got, err := readAll(t.Context(), c, &CallLogOptions{ShowDeleted: true}); err != nil || got[0].ShowDeleted {
		t.Fatal(err)
	}
	for p, err := range c.ExtensionCallLog(t.Context(), "~", "~", epoch, epoch.Add(time.Hour), &CallLogOptions{ShowDeleted: true}) {
		if err != nil || !p.ShowDeleted {
			t.Errorf("%+v, %v", p, err)
		}
	}
}
