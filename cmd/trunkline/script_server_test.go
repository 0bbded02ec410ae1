package main

import (
	"flag"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

// world is what a script's commands act on: its clock, its server with a fault, its process in the background, and the
// lakes that it remembers.
type world struct {
	mu      sync.Mutex
	offset  time.Duration // from the machine's clock
	sim     *simulator.Simulator
	server  *httptest.Server
	perPage string // records on a page, whatever was asked for; "" leaves the request alone
	fault   *fault // nil: none
	seen    map[string]int
	secrets []string

	background *background
	lakes      map[string]map[string]string
}

// worldKey is where testscript keeps a script's world.
const worldKey = "world"

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.offset)
}

// serveIt starts a simulator on a port that the system chooses, and points the script's environment at it.
func serveIt(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	options := simulator.Options{HeavyLimit: 1_000_000, MediumLimit: 1_000_000, LightLimit: 1_000_000, Window: time.Millisecond, Penalty: time.Millisecond, Now: w.now}
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.IntVar(&options.Extensions, "extensions", 10, "")
	flags.IntVar(&options.CallsPerDay, "calls", 30, "")
	flags.Int64Var(&options.Seed, "seed", 1, "")
	flags.BoolVar(&options.Alive, "alive", false, "")
	flags.DurationVar(&options.Retention, "retention", 0, "")
	flags.StringVar((*string)(&options.Feed), "feed", "", "")
	flags.BoolVar(&options.Restricted, "restricted", false, "")
	perPage := flags.String("perpage", "", "")
	if err := flags.Parse(args); err != nil || neg {
		ts.Fatalf("usage: serve [-extensions=N] [-calls=N] [-seed=N] [-perpage=N] [-alive] [-restricted] [-retention=D] [-feed=missing|refused] [FILES...]")
	}
	for _, name := range flags.Args() {
		options.Recorded = append(options.Recorded, simulator.Recording{Name: name, Body: []byte(ts.ReadFile(name))})
	}
	sim, err := simulator.New(&options)
	ts.Check(err)
	w.stopServing()
	id, secret, jwt := sim.Credentials()
	w.mu.Lock()
	w.sim, w.perPage, w.fault, w.secrets = sim, *perPage, nil, append(w.secrets, secret, jwt)
	w.mu.Unlock()
	w.server = httptest.NewServer(w)
	ts.Setenv("RC_SERVER_URL", w.server.URL)
	ts.Setenv("RC_APP_CLIENT_ID", id)
	ts.Setenv("RC_APP_CLIENT_SECRET", secret)
	ts.Setenv("RC_USER_JWT", jwt)
}

// ServeHTTP passes a request to the simulator, unless the fault meets it.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	sim, f := w.arrived(r)
	switch {
	case f == nil:
		sim.ServeHTTP(rw, r)
	case f.kind == "hold":
		close(f.held)
		select {
		case <-f.released:
		case <-r.Context().Done():
		}
	default:
		r.Header.Del("Accept-Encoding")
		answer := httptest.NewRecorder()
		sim.ServeHTTP(answer, r)
		f.quoted = r.Header.Get("Authorization")
		f.spoil(answer)
		maps.Copy(rw.Header(), answer.Header())
		rw.WriteHeader(answer.Code)
		_, _ = rw.Write(answer.Body.Bytes()) // a client that has gone away is no concern of the server's
	}
}

// arrived counts a request and decides what becomes of it.
func (w *world) arrived(r *http.Request) (*simulator.Simulator, *fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	kind := "other"
	switch {
	case strings.HasSuffix(r.URL.Path, "/oauth/token"):
		kind = "login"
	case strings.HasSuffix(r.URL.Path, "/call-log"):
		kind = "calls"
	case strings.HasSuffix(r.URL.Path, "/call-log-extract-sync"):
		kind = "feed"
	}
	if !strings.HasSuffix(r.URL.Path, "/oauth/revoke") { // logging out is a matter of course
		w.seen[kind]++
	}
	if _, token, ok := strings.Cut(r.Header.Get("Authorization"), "Bearer "); ok {
		w.secrets = append(w.secrets, token)
	}
	if kind != "calls" {
		return w.sim, nil
	}
	query := r.URL.Query()
	if w.perPage != "" {
		query.Set("perPage", w.perPage)
		r.URL.RawQuery = query.Encode()
	}
	if w.fault != nil && w.fault.meets(query.Get("page")) {
		return w.sim, w.fault
	}
	return w.sim, nil
}

// secretIn returns a secret of the server that the text holds, "" if none.
func (w *world) secretIn(text string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, secret := range w.secrets {
		if strings.Contains(text, secret) {
			return secret
		}
	}
	return ""
}

func (w *world) stopServing() {
	if w.server == nil {
		return
	}
	w.mu.Lock()
	if w.fault != nil {
		w.fault.release()
		w.fault = nil
	}
	w.mu.Unlock()
	w.server.Close()
	w.server = nil
}

func (w *world) close() {
	if w.background != nil {
		w.background.stop()
	}
	w.stopServing()
}

// requests checks the counts, all kinds that are not named being 0, and begins to count anew.
func requests(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	w.mu.Lock()
	defer w.mu.Unlock()
	want := map[string]int{}
	for _, arg := range args {
		kind, count, _ := strings.Cut(arg, "=")
		n, err := strconv.Atoi(count)
		ts.Check(err)
		if n > 0 {
			want[kind] = n
		}
	}
	if neg || !maps.Equal(w.seen, want) {
		ts.Fatalf("requests %v, want %v", w.seen, want)
	}
	w.seen = map[string]int{}
}

func truth(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: truth NAME FROM TO")
	}
	from, err := time.Parse(time.DateOnly, args[1])
	ts.Check(err)
	to, err := time.Parse(time.DateOnly, args[2])
	ts.Check(err)
	n := 0
	for range worldOf(ts).sim.Records(from, to) {
		n++
	}
	ts.Setenv(args[0], strconv.Itoa(n))
}

func sent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sent NAME")
	}
	ts.Setenv(args[0], strconv.FormatInt(worldOf(ts).sim.Stats().Records, 10))
}

// secrets finds out whether files hold credentials of the server.
// secret makes texts secrets like the server's: from now on no output may hold them.
func secret(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: secret TEXT...")
	}
	w := worldOf(ts)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets = append(w.secrets, args...)
}

// unzstd reads the archive.
var unzstd, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))

func secrets(ts *testscript.TestScript, neg bool, args []string) {
	found := ""
	for _, name := range args {
		for _, file := range allFilesBelow(ts, name) {
			b, err := os.ReadFile(file)
			ts.Check(err)
			if strings.HasSuffix(file, ".zst") {
				if plain, err := unzstd.DecodeAll(b, nil); err == nil { // a script may have damaged it
					b = plain
				}
			}
			if secret := worldOf(ts).secretIn(string(b)); secret != "" {
				found = file
			}
		}
	}
	if neg == (found != "") {
		ts.Fatalf("secrets are in file %q of %v", found, args)
	}
}
