package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// fault spoils answers of the call log.
type fault struct {
	kind           string
	page           string // the only page that it meets; "" for every page
	quoted         string // the request's authorization, for the fault echo
	after, times   int    // requests to let pass first, and to spoil then
	held, released chan struct{}
	once           sync.Once
}

// setFault installs a fault in place of the one before.
func setFault(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	if neg || len(args) == 0 || w.server == nil {
		ts.Fatalf("usage: serve; fault KIND [page=N] [after=N] [times=N]")
	}
	f := &fault{kind: args[0], times: 1 << 30, held: make(chan struct{}), released: make(chan struct{})}
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		n, err := strconv.Atoi(value)
		ts.Check(err)
		switch name {
		case "page":
			f.page = value
		case "after":
			f.after = n
		case "times":
			f.times = n
		default:
			ts.Fatalf("fault: unknown %s", name)
		}
	}
	if f.kind == "hold" {
		f.times = 1
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault != nil {
		w.fault.release()
	}
	if w.fault = f; f.kind == "off" {
		w.fault = nil
	}
}

func (f *fault) release() { f.once.Do(func() { close(f.released) }) }

// meets reports whether the next request for a page is spoilt.
func (f *fault) meets(page string) bool {
	switch {
	case f.page != "" && f.page != page:
		return false
	case f.after > 0:
		f.after--
		return false
	case f.times == 0:
		return false
	}
	f.times--
	return true
}

// spoil changes the simulator's answer into the one that the fault is named after.
func (f *fault) spoil(a *httptest.ResponseRecorder) {
	body := a.Body.Bytes()
	a.Header().Set("RCRequestId", "spoilt-"+f.kind)
	replace := func(status int, contentType string, body []byte) {
		a.Code, a.Body = status, bytes.NewBuffer(body)
		a.Header().Set("Content-Type", contentType)
		a.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	switch status, err := strconv.Atoi(f.kind); {
	case err == nil && status == http.StatusTooManyRequests:
		a.Header().Set("Retry-After", "86400")
		replace(status, "application/json", []byte(`{"errorCode":"CMN-301","message":"Request rate exceeded","errors":[]}`))
	case err == nil:
		replace(status, "text/html", []byte("<html><title>Something is wrong</title></html>"))
	case strings.HasPrefix(f.kind, "CMN-"):
		replace(http.StatusForbidden, "application/json", fmt.Appendf(nil, `{"errorCode":"InsufficientPermissions","message":"In order to call this API endpoint, one needs more","errors":[{"errorCode":%q,"message":"It is not permitted"}]}`, f.kind))
	case f.kind == "echo": // a server that repeats what it was told
		replace(http.StatusForbidden, "application/json", fmt.Appendf(nil, `{"errorCode":"CMN-408","message":"refused: %s","permissionName":%q}`, f.quoted, f.quoted))
	case f.kind == "html":
		replace(http.StatusOK, "text/html", []byte("<html><title>Please wait</title></html>"))
	case f.kind == "cut":
		replace(http.StatusOK, "application/json", body[:len(body)*2/3])
	case f.kind == "broken": // fewer bytes than promised: the connection ends early
		a.Body = bytes.NewBuffer(body[:len(body)*2/3])
	case f.kind == "norecords":
		replace(http.StatusOK, "application/json", bytes.Replace(body, []byte(`"records"`), []byte(`"recordz"`), 1))
	default:
		panic("there is no fault " + f.kind)
	}
}

func reached(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	w.mu.Lock()
	f := w.fault
	w.mu.Unlock()
	if neg || len(args) != 0 || f == nil || f.kind != "hold" {
		ts.Fatalf("usage: fault hold; start ...; reached")
	}
	select {
	case <-f.held:
	case <-running(ts).done:
		ts.Fatalf("it ended before a page was held: `ends` shows more")
	}
}
