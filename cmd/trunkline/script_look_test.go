package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// lastJSON looks into the last line of a text, firstJSON into the first; it is one JSON value. PATH=TEXT compares, PATH~REGEXP matches, PATH:N counts
// the elements, PATH! expects that it is not there. A path is names and indexes with dots between them.
func lastJSON(ts *testscript.TestScript, neg bool, args []string) {
	lines := linesFor(ts, neg, args)
	lookInto(ts, lines[len(lines)-1], args[1:])
}

func firstJSON(ts *testscript.TestScript, neg bool, args []string) {
	lookInto(ts, linesFor(ts, neg, args)[0], args[1:])
}

func linesFor(ts *testscript.TestScript, neg bool, args []string) []string {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: firstjson|lastjson stdout|stderr|FILE PATH=VALUE...")
	}
	return strings.Split(strings.TrimSuffix(ts.ReadFile(args[0]), "\n"), "\n")
}

func lookInto(ts *testscript.TestScript, line string, args []string) {
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil || d.More() {
		ts.Fatalf("the line is not one JSON value: %q", line)
	}
	form := regexp.MustCompile(`^([\w./-]*)([=~:!])((?s:.*))$`)
	for _, arg := range args {
		m := form.FindStringSubmatch(arg)
		if m == nil {
			ts.Fatalf("expected PATH=VALUE, not %q", arg)
		}
		found, ok := member(value, m[1])
		if !holds(found, ok, m[2], m[3]) {
			ts.Fatalf("%s: found %s in %s", arg, asText(found), line)
		}
	}
}

// member follows a path into a value.
func member(value any, path string) (found any, ok bool) {
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' }) {
		switch v := value.(type) {
		case map[string]any:
			if value, ok = v[name]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(v) {
				return nil, false
			}
			value = v[i]
		default:
			return nil, false
		}
	}
	return value, true
}

func holds(found any, ok bool, operator, want string) bool {
	switch operator {
	case "!":
		return !ok
	case "=":
		return ok && asText(found) == want
	case "~":
		return ok && regexp.MustCompile(want).MatchString(asText(found))
	}
	list, isList := found.([]any)
	return isList && strconv.Itoa(len(list)) == want
}

// asText is a string as it is, and everything else as JSON.
func asText(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// lakeHash remembers all files of a lake, or compares them with those remembered. Of the ledger, the times of reading do
// not count; -tables compares tables and marts alone, as is due between two lakes.
func lakeHash(ts *testscript.TestScript, neg bool, args []string) {
	tables := len(args) == 4 && args[1] == "-tables"
	if tables {
		args = append(args[:1:1], args[2:]...)
	}
	if len(args) != 3 || args[0] != "same" && (args[0] != "save" || neg) {
		ts.Fatalf("usage: lakehash save|same [-tables] NAME DIR")
	}
	w, now := worldOf(ts), hashes(ts, args[2])
	if args[0] == "save" {
		w.lakes[args[1]] = now
		return
	}
	before, ok := w.lakes[args[1]]
	if !ok {
		ts.Fatalf("lakehash: %s was not saved", args[1])
	}
	if tables {
		before, now = tablesOf(before), tablesOf(now)
	}
	if len(before) == 0 {
		ts.Fatalf("lakehash: nothing to compare")
	}
	if diff := cmp.Diff(before, now); (diff == "") == neg {
		ts.Fatalf("the lake is different from %s (-) where it must not be, or the same:\n%s", args[1], diff)
	}
}

// hashes maps the names of a lake's files to the hashes of their contents.
func hashes(ts *testscript.TestScript, lake string) map[string]string {
	readAt := regexp.MustCompile(`"read_at": "[^"]*"`)
	out := map[string]string{}
	for _, file := range filesBelow(ts, lake) {
		b, err := os.ReadFile(file)
		ts.Check(err)
		name, err := filepath.Rel(ts.MkAbs(lake), file)
		ts.Check(err)
		if strings.HasPrefix(name, "_trunkline/ledger/") {
			b = readAt.ReplaceAll(b, nil)
		}
		out[filepath.ToSlash(name)] = fmt.Sprintf("%x", sha256.Sum256(b))
	}
	return out
}

// tablesOf leaves out what is no table, and the mart that tells of the reads and not of the calls.
func tablesOf(all map[string]string) map[string]string {
	out := map[string]string{}
	for name, hash := range all {
		if strings.HasPrefix(name, "call_log/") || strings.HasPrefix(name, "marts/") && !strings.HasPrefix(name, "marts/archive_coverage/") {
			out[name] = hash
		}
	}
	return out
}

// filesBelow lists the files of a directory that must exist, or the one file, without those that are always there: the lock of a local
// lake, and who shares the rate.
func filesBelow(ts *testscript.TestScript, name string) []string {
	return slices.DeleteFunc(allFilesBelow(ts, name), func(file string) bool {
		return filepath.Base(file) == ".trunkline.lock" || strings.Contains(file, "/_trunkline/rate/")
	})
}

func allFilesBelow(ts *testscript.TestScript, name string) []string {
	var out []string
	ts.Check(filepath.WalkDir(ts.MkAbs(name), func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, file)
		}
		return err
	}))
	return out
}

func files(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: files DIR")
	}
	for _, file := range filesBelow(ts, args[0]) {
		name, err := filepath.Rel(ts.MkAbs(args[0]), file)
		ts.Check(err)
		_, err = fmt.Fprintln(ts.Stdout(), filepath.ToSlash(name))
		ts.Check(err)
	}
	_, err := ts.Stdout().Write(nil) // so that no file is no output, too
	ts.Check(err)
}
