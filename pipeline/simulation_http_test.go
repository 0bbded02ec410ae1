package pipeline

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// direct hands requests to a handler without a network in between, in the caller's goroutine. A handler that aborts, as one
// whose connection is reset, gives the client what a connection would: no answer, or a body that ends too early.
type direct struct {
	handler http.Handler
	step    func(operation string) error
}

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if err := d.step("request " + r.URL.RequestURI()); err != nil {
		return nil, err
	}
	w, served := &answerOf{header: http.Header{}}, r.Clone(r.Context())
	if served.Body == nil {
		served.Body = http.NoBody
	}
	served.Host, served.RequestURI = r.URL.Host, r.URL.RequestURI()
	aborted := w.serve(d.handler, served)
	_ = served.Body.Close()
	if aborted && !w.begun {
		return nil, errors.New("read: connection reset by peer")
	}
	length, err := strconv.Atoi(w.header.Get("Content-Length"))
	if err != nil {
		length = w.body.Len()
	}
	body := io.Reader(bytes.NewReader(w.body.Bytes()))
	if w.body.Len() < length || aborted {
		body = io.MultiReader(body, cut{})
	}
	return &http.Response{
		StatusCode: w.status, Status: http.StatusText(w.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(body), ContentLength: int64(length), Request: r,
	}, nil
}

type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type answerOf struct {
	header http.Header
	status int
	body   bytes.Buffer
	begun  bool
}

func (w *answerOf) serve(h http.Handler, r *http.Request) (aborted bool) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			aborted = true
		default:
			panic(p)
		}
	}()
	h.ServeHTTP(w, r)
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	return false
}

func (w *answerOf) Header() http.Header { return w.header }

func (w *answerOf) WriteHeader(status int) {
	if !w.begun {
		w.begun, w.status = true, status
	}
}

func (w *answerOf) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

func (w *answerOf) Flush() {}
