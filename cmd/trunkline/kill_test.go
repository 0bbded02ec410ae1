package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var kills = flag.Int("kills", 3, "how often TestKilledAgainAndAgain kills a run")

// TestKilledAgainAndAgain: go test ./cmd/trunkline -run KilledAgainAndAgain -kills 50 -v. Runs over one window, against a server that
// spoils a quarter of its answers, are killed with SIGKILL at random moments, one after the other. Then one run is left to end, and
// the lake is to the byte what an undisturbed run makes of the same company.
//
// All processes live sixty times as fast as the machine, so that a penalty of a minute takes a second.
func TestKilledAgainAndAgain(t *testing.T) {
	if *kills == 0 {
		t.Skip("-kills 0")
	}
	if underRace {
		t.Skip("it starts dozens of processes: .ci/run tries it without the race detector, with -kills 50")
	}
	o := newOrdeal(t)
	truth, began := filepath.Join(o.dir, "truth"), time.Now()
	o.serves()
	o.ends(o.run(truth))
	took := time.Since(began)
	o.serves("--faults", "hard")
	lake := filepath.Join(o.dir, "lake")
	if err := os.Mkdir(lake, 0o755); err != nil { // a run may be killed before it makes the directory
		t.Fatal(err)
	}
	done, ended, partly := 0, 0, 0
	for within := took / 2; done < *kills && ended <= *kills+3; {
		cmd, began := o.run(lake), time.Now()
		if o.killed(cmd, rand.N(within)) {
			done++
		} else {
			ended, within = ended+1, time.Since(began)
		}
		if n := len(tables(t, lake)); n > 0 && n < len(tables(t, truth)) {
			partly++
		}
	}
	if done < *kills || partly == 0 && done >= 20 {
		t.Fatalf("only %d runs could be killed, %d of them halfway", done, partly)
	}
	for range 5 { // what RingCentral refuses too often for one run's patience, the next run reads
		last := o.run(lake)
		if err := last.Run(); err == nil {
			break
		} else if !slices.Contains([]int{exitLater, exitFailed, exitUsage}, last.ProcessState.ExitCode()) {
			t.Fatalf("the run after the last kill: %v\n%s", err, last.Stderr)
		}
	}
	o.passes(2 * time.Minute)
	o.ends(o.run(lake))
	if diff := cmp.Diff(o.rows(truth), o.rows(lake)); diff != "" {
		t.Errorf("rows (-truth +lake):\n%s", diff)
	}
	if diff := cmp.Diff(tables(t, truth), tables(t, lake)); diff != "" {
		t.Errorf("files (-truth +lake):\n%s", diff)
	}
	o.nothingLeft(lake)
	t.Logf("killed %d times, %d of them halfway; %d more runs ended by themselves. The lake is the truth: %d calls, no file too many",
		done, partly, ended, len(o.rows(lake)))
}

// ordeal is a company at a server, and a directory for lakes.
type ordeal struct {
	t   *testing.T
	dir string
	env []string
}

func newOrdeal(t *testing.T) *ordeal {
	o := &ordeal{t: t, dir: t.TempDir()}
	offset := time.Until(scriptStart()).Round(time.Second)
	o.env = append(os.Environ(), "TMPDIR="+o.mkdir("tmp"), "HOME="+o.mkdir("home"), "GORACE=atexit_sleep_ms=0", "TRUNKLINE_LOG_LEVEL=error",
		clockVariable+"="+offset.String(), lapseVariable+"="+time.Now().Format(time.RFC3339Nano))
	return o
}

func (o *ordeal) mkdir(name string) string {
	dir := filepath.Join(o.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		o.t.Fatal(err)
	}
	return dir
}

func (o *ordeal) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(o.t.Context(), "trunkline", args...)
	cmd.Env, cmd.Dir, cmd.Stderr = o.env, o.dir, &bytes.Buffer{}
	return cmd
}

// run is a run over the window: two weeks of which all has been known for days, in small pages, so that there is much to disturb.
// Some runs read again what the lake holds already.
func (o *ordeal) run(lake string) *exec.Cmd {
	cmd := o.command("run", "--lake", lake, "--from", "2026-10-19", "--to", "2026-11-02", "--per-page", "40", "--calls-per-day", "300", "--threads", "1")
	if rand.IntN(4) == 0 {
		cmd.Args = append(cmd.Args, "--poll-anyway")
	}
	return cmd
}

// serves starts the company's server and points later commands at it.
func (o *ordeal) serves(more ...string) {
	cmd := o.command(append([]string{"simulate", "--listen", "127.0.0.1:0", "--alive", "--extensions", "12", "--calls-per-day", "300",
		"--heavy-limit", "6000", "--window", "10s", "--penalty", "10s"}, more...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		o.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for n := 0; n < 4 && lines.Scan(); n++ {
		o.env = append(o.env, strings.TrimPrefix(lines.Text(), "export "))
	}
}

// ends runs a command to its end, which must be a good one, and returns what it printed.
func (o *ordeal) ends(cmd *exec.Cmd) []byte {
	o.t.Helper()
	out, err := cmd.Output()
	if err != nil {
		o.t.Fatalf("%v: %v\n%s%s", cmd.Args[1:], err, out, cmd.Stderr)
	}
	return out
}

// killed runs a command and kills it after a while; false: it had ended by then.
func (o *ordeal) killed(cmd *exec.Cmd, after time.Duration) bool {
	if err := cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait() // its state tells
	return cmd.ProcessState.ExitCode() == -1
}

// rows are all records of a lake, each id once.
func (o *ordeal) rows(lake string) []string {
	o.t.Helper()
	rows := strings.Split(strings.TrimSpace(string(o.ends(o.command("dump", "--lake", lake)))), "\n")
	counted := o.ends(o.command("query", "--lake", lake, "--output", "csv", "select count(*) as n, count(distinct id) as ids from call_log"))
	if want := fmt.Sprintf("n,ids\n%d,%[1]d\n", len(rows)); string(counted) != want || len(rows) < 300 {
		o.t.Errorf("%s has %d rows; n,ids is %q", lake, len(rows), counted)
	}
	slices.Sort(rows)
	return rows
}

// tables are the files of the tables and marts.
func tables(t *testing.T, lake string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range filesIn(t, lake) {
		if strings.HasSuffix(name, ".parquet") {
			b, err := os.ReadFile(filepath.Join(lake, name))
			if err != nil {
				t.Fatal(err)
			}
			out[name] = fmt.Sprintf("%x", sha256.Sum256(b))
		}
	}
	return out
}

func filesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// passes lets time go by for what killed runs left: it is removed when it is a minute old, since its owner may be alive before.
func (o *ordeal) passes(d time.Duration) {
	at := time.Now().Add(-d)
	for _, name := range filesIn(o.t, o.dir) {
		if file := filepath.Join(o.dir, name); !isObject(name) {
			if err := os.Chtimes(file, at, at); err != nil {
				o.t.Fatal(err)
			}
		}
	}
}

// isObject reports whether a file can be an object of a lake.
func isObject(name string) bool {
	return slices.Contains([]string{".parquet", ".json", ".zst"}, filepath.Ext(name)) && !strings.Contains(name, "tmp")
}

// nothingLeft: below the lake there are objects of known names only and its lock, and no scratch beside it.
func (o *ordeal) nothingLeft(lake string) {
	o.t.Helper()
	for _, name := range filesIn(o.t, lake) {
		if name != ".trunkline.lock" && !isObject(name) {
			o.t.Errorf("left over: %s", name)
		}
	}
	if left := filesIn(o.t, filepath.Join(o.dir, "tmp")); len(left) > 0 {
		o.t.Errorf("left over in the directory for temporary files: %v", left)
	}
}
