package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gocloud.dev/blob"

	"github.com/trunkline/trunkline/pipeline"
	"github.com/trunkline/trunkline/sinks/storetest"
)

// ended is testing's M, and ends the stores' servers after the tests.
type ended struct{ *testing.M }

func (e ended) Run() int {
	defer storetest.End()
	return e.M.Run()
}

// TestCommandsOnStores lives with a lake in a directory and in each store that is there as its owner does, by commands and with the
// environment that the cloud's own tools read: run, doctor, verify; the lake is damaged, and verify says where; the damaged
// object is taken away as verify says, and a run brings all in order.
func TestCommandsOnStores(t *testing.T) {
	o := newOrdeal(t)
	o.env = append(o.env, lapseVariable+"=") // time passes as usual: doctor compares clocks
	o.serves("--window", "1s", "--penalty", "1s")
	t.Run("file", func(t *testing.T) {
		c := commands{o.of(t), "file://" + filepath.ToSlash(o.mkdir("lake"))}
		c.live([]string{"lake: conditional write in parts", "memory", "disk: scratch", "disk: lake"})
	})
	storetest.Each(t, func(t *testing.T, s storetest.Store) {
		c := commands{o.of(t), storetest.Below(s.URL, storetest.NewPrefix())}
		c.env = append(c.env, s.Env...)
		c.live([]string{"memory", "disk: scratch", "disk: cache"})
	})
}

// of is the same company and server for another test.
func (o *ordeal) of(t *testing.T) *ordeal {
	return &ordeal{t: t, dir: o.dir, env: slices.Clone(o.env)}
}

// commands are run on one lake.
type commands struct {
	*ordeal
	lake string
}

// live is the life of the lake. Of the named checks of doctor it is known that they depend on the machine, or on the kind of store.
func (c commands) live(unsure []string) {
	t := c.t
	window := []string{"--from", "2026-11-02", "--to", "2026-11-05"}
	c.exits(0, "run", window...)
	c.well(unsure)
	verified := c.exits(0, "verify", "--deep")
	if !regexp.MustCompile(`(?m)^7 days of 1 accounts: [\d,]+ rows, .*; 0 findings$`).MatchString(verified) {
		t.Errorf("verify --deep: %s", verified)
	}

	bucket, err := blob.OpenBucket(t.Context(), c.lake)
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	key := c.damage(bucket)
	for _, deep := range [][]string{nil, {"--deep"}} {
		c.finds(key, deep...)
	}
	if err := bucket.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	c.exits(0, "run", append(window, "--poll-anyway")...)
	if again := c.exits(0, "verify", "--deep"); rowsOf(again) != rowsOf(verified) {
		t.Errorf("after the damage was repaired: %sbefore it: %s", again, verified)
	}
}

// rowsOf is what a verification says of how many there are.
func rowsOf(verified string) string { return regexp.MustCompile(`[\d,]+ rows`).FindString(verified) }

// exits runs a command on the lake and returns what it printed.
func (c commands) exits(status int, verb string, args ...string) string {
	c.t.Helper()
	cmd := c.command(append([]string{verb, "--lake", c.lake}, args...)...)
	out, err := cmd.Output()
	if failed, ok := err.(*exec.ExitError); err != nil && !ok || ok && failed.ExitCode() != status || err == nil && status != 0 {
		c.t.Fatalf("%s: %v, want exit status %d\n%s%s", verb, err, status, out, cmd.Stderr)
	}
	return string(out)
}

// well: doctor tries everything, and nothing is amiss.
func (c commands) well(unsure []string) {
	c.t.Helper()
	var checks []check
	if err := json.NewDecoder(strings.NewReader(c.exits(0, "doctor", "--output", "json"))).Decode(&checks); err != nil {
		c.t.Fatal(err)
	}
	states := map[string]string{}
	for _, one := range checks {
		states[one.Check] = one.State
		if one.State != stateOK && one.State != stateSkipped && !slices.Contains(unsure, one.Check) {
			c.t.Errorf("%+v", one)
		}
	}
	for _, name := range []string{"login", "lake", "lake: list", "lake: write", "lake: read", "lake: delete", "lake: conditional write", "lake: conditional write in parts"} {
		if states[name] == "" {
			c.t.Errorf("%s is not among %v", name, states)
		}
	}
}

// damage changes one bit of a day's object.
func (c commands) damage(bucket *blob.Bucket) (key string) {
	c.t.Helper()
	list := bucket.List(&blob.ListOptions{Prefix: "call_log/"})
	for !strings.Contains(key, "start_date=2026-11-03/") {
		one, err := list.Next(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		key = one.Key
	}
	text, err := bucket.ReadAll(c.t.Context(), key)
	if err == nil {
		text[len(text)/2] ^= 1
		err = bucket.WriteAll(c.t.Context(), key, text, nil)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return key
}

// finds: verify names the damaged object, and no other.
func (c commands) finds(key string, args ...string) {
	c.t.Helper()
	var found pipeline.Verification
	if err := json.NewDecoder(strings.NewReader(c.exits(exitModel, "verify", append(args, "--output", "json")...))).Decode(&found); err != nil {
		c.t.Fatal(err)
	}
	sum := false
	for _, f := range found.Findings {
		sum = sum || f.Kind == pipeline.FindSHA256Differs && f.Key == key
		if f.Key != key && f.Kind != pipeline.FindArchivedMissing {
			c.t.Errorf("%+v", f)
		}
	}
	if !sum {
		c.t.Errorf("it does not say that %s has other bytes: %+v", key, found.Findings)
	}
}
