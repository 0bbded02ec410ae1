package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// TestMain lets this binary be a process of its own that writes to a bucket.
func TestMain(m *testing.M) {
	dir := os.Getenv("TRUNKLINE_TEST_DISK")
	if dir == "" {
		os.Exit(m.Run())
	}
	do := count
	if os.Getenv("TRUNKLINE_TEST_DISK_HOW") == "hang" {
		do = hang
	}
	if err := do(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const increments = 20

func count(dir string) error {
	b, err := OpenBucket(dir)
	for n := 0; n < increments && err == nil; n++ {
		err = increment(b)
	}
	return err
}

// increment adds one to the number in an object, again until nobody else did meanwhile.
func increment(b *blob.Bucket) error {
	for {
		var v Version
		n := 0
		r, err := b.NewReader(context.Background(), "a/n", nil)
		if err == nil {
			r.As(&v)
			held, readErr := io.ReadAll(r)
			n, err = strconv.Atoi(string(held))
			err = errors.Join(readErr, err, r.Close())
		}
		if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return err
		}
		err = replace(b, "a/n", v, strconv.Itoa(n+1))
		if gcerrors.Code(err) != gcerrors.FailedPrecondition {
			return err
		}
	}
}

func replace(b *blob.Bucket, key string, v Version, text string) error {
	return b.WriteAll(context.Background(), key, []byte(text), &blob.WriterOptions{
		BeforeWrite: func(as func(any) bool) error {
			var w *Write
			as(&w)
			w.IfVersion = &v
			return nil
		},
	})
}

// hang writes half an object, says so, and waits to be killed.
func hang(dir string) error {
	b, err := OpenBucket(dir)
	if err != nil {
		return err
	}
	w, err := b.NewWriter(context.Background(), "a/half", &blob.WriterOptions{ContentType: "text/plain"})
	if err != nil {
		return err
	}
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		return err
	}
	fmt.Println("half")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func process(t *testing.T, dir, how string) *exec.Cmd {
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), "TRUNKLINE_TEST_DISK="+dir, "TRUNKLINE_TEST_DISK_HOW="+how)
	c.Stderr = os.Stderr
	return c
}

// TestProcessesCount: no increment of many processes is lost.
func TestProcessesCount(t *testing.T) {
	dir, processes := t.TempDir(), make([]*exec.Cmd, 8)
	for i := range processes {
		processes[i] = process(t, dir, "count")
		if err := processes[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range processes {
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, "a", "n"))
	if want := strconv.Itoa(len(processes) * increments); err != nil || string(got) != want {
		t.Errorf("counted %s, %v, want %s", got, err, want)
	}
}

// TestSweep: what a writer that was killed left behind is not listed, and is swept once nobody holds it.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	p := process(t, dir, "hang")
	in, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("half\n"))); err != nil {
		t.Fatal(err)
	}
	if left := leftovers(t, dir); len(left) != 1 {
		t.Fatalf("temporary files %v, want one", left)
	}
	if n, err := Sweep(dir, 0); n != 0 || err != nil {
		t.Errorf("swept %d files of a living writer, %v", n, err)
	}
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // it was killed
	if n, err := Sweep(dir, time.Hour); n != 0 || err != nil {
		t.Errorf("swept %d files younger than asked for, %v", n, err)
	}
	checkKeys(t, dir, nil)
	if n, err := Sweep(dir, 0); n != 1 || err != nil {
		t.Errorf("swept %d files of a killed writer, %v", n, err)
	}
	if left := leftovers(t, dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func leftovers(t *testing.T, dir string) []string {
	t.Helper()
	out, err := filepath.Glob(filepath.Join(dir, "*", ".trunkline-*.tmp"))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func checkKeys(t *testing.T, dir string, want []string) {
	t.Helper()
	b, err := OpenBucket(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	list := b.List(nil)
	for {
		object, err := list.Next(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, object.Key)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("keys %q, want %q", got, want)
	}
}

// TestOpenReadersKeepTheOldBytes: a reader goes on reading the version that it opened.
func TestOpenReadersKeepTheOldBytes(t *testing.T) {
	b, err := OpenBucket(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	held := bytes.Repeat([]byte("old"), 1<<16)
	if err := b.WriteAll(t.Context(), "k", held, nil); err != nil {
		t.Fatal(err)
	}
	r, err := b.NewReader(t.Context(), "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := b.WriteAll(t.Context(), "k", []byte("new"), nil); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); !bytes.Equal(got, held) || err != nil {
		t.Errorf("%d bytes, %v: not the old ones", len(got), err)
	}
}

// TestVersionsGrow: the clock may stand still or go back, a version does not come again.
func TestVersionsGrow(t *testing.T) {
	dir := t.TempDir()
	b, err := OpenBucket(dir)
	if err != nil {
		t.Fatal(err)
	}
	future := time.Now().Add(time.Hour)
	seen := map[string]bool{}
	for n := range 50 {
		if err := b.WriteAll(t.Context(), "k", []byte("same"), nil); err != nil {
			t.Fatal(err)
		}
		a, err := b.Attributes(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		if seen[a.ETag] {
			t.Fatalf("version %s came again", a.ETag)
		}
		seen[a.ETag] = true
		if n == 25 { // as if the clock had been set back since
			if err := os.Chtimes(filepath.Join(dir, "k"), future, future); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestUnreadableIsNotEmpty: a directory that is gone or cannot be read is an error.
func TestUnreadableIsNotEmpty(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lake")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	b, err := OpenBucket(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := b.List(nil).Next(t.Context()); gcerrors.Code(err) != gcerrors.NotFound {
		t.Errorf("listing: %v", err)
	}
	if err := b.WriteAll(t.Context(), "a/k", []byte("x"), nil); gcerrors.Code(err) != gcerrors.NotFound {
		t.Errorf("writing: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the missing directory was made")
	}
}

// TestNames: a key and its file's name belong to each other, and no key is one of the driver's own files.
func TestNames(t *testing.T) {
	b := &bucket{dir: filepath.FromSlash("/lake")}
	for key, want := range map[string]string{
		"call_log/account_id=1/x.parquet": "/lake/call_log/account_id=1/x.parquet",
		"../../etc/passwd":                "/lake/%2E%2E/%2E%2E/etc/passwd",
		"a/./b":                           "/lake/a/%2E/b",
		"a//b/":                           "/lake/a/%/b/%",
		"100%":                            "/lake/100%25",
		".trunkline.lock":                 "/lake/%2Etrunkline.lock",
		"a/.trunkline-X.tmp":              "/lake/a/%2Etrunkline-X.tmp",
		"line\n":                          "/lake/line%0A",
	} {
		if got := filepath.ToSlash(b.path(key)); got != want {
			t.Errorf("%q is %q, want %q", key, got, want)
		}
	}
	for _, name := range []string{".trunkline.lock", ".trunkline-X.tmp", "%2e", "100%", "%4", "%zz", "%41"} {
		if part, ok := unescape(name); ok {
			t.Errorf("%q is taken for %q", name, part)
		}
	}
}
