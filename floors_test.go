// Package trunkline holds the tests of the repository as a whole.
package trunkline

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/trunkline/trunkline/"

// floors says which of our packages each package may import. The leaves import none.
var floors = map[string][]string{
	"pipeline/ringcentral":           nil,
	"pipeline/ringcentral/simulator": nil,
	"schema":                         nil,
	"sinks":                          {"sinks/disk"},
	"sinks/disk":                     nil,
	"sinks/storetest":                nil, // for tests only
	"sql":                            nil,
	"pipeline":                       {"pipeline/ringcentral", "schema", "sinks", "sql"},
	"bench":                          {"pipeline/ringcentral/simulator", "schema"},
	"cmd/trunkline":                  {"pipeline", "pipeline/ringcentral", "pipeline/ringcentral/simulator", "schema", "sinks", "sinks/disk", "sql"},
}

// TestFloors: packages import downwards only, and every package has its place in the table.
func TestFloors(t *testing.T) {
	for _, dir := range goDirs(t) {
		allowed, known := floors[dir]
		if !known {
			t.Errorf("%s is not in the table of floors", dir)
			continue
		}
		p, err := build.ImportDir(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range p.Imports {
			if ours, ok := strings.CutPrefix(path, module); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s", dir, ours)
			}
		}
	}
}

// TestSize: no function is over 70 lines and no file over 500, tests and tables aside.
func TestSize(t *testing.T) {
	for _, dir := range goDirs(t) {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if !strings.HasSuffix(name, "_test.go") {
				checkSize(t, name)
			}
		}
	}
}

func checkSize(t *testing.T, name string) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	if n := set.Position(f.End()).Line; n > 500 {
		t.Errorf("%s has %d lines", name, n)
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1; n > 70 {
			t.Errorf("%s: %s has %d lines", name, fn.Name.Name, n)
		}
	}
}

// goDirs lists the directories that hold a package of this module.
func goDirs(t *testing.T) []string {
	var out []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || path == "." {
			return err
		}
		if name := d.Name(); strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" {
			return filepath.SkipDir
		}
		if p, err := build.ImportDir(path, 0); err == nil && len(p.GoFiles) > 0 {
			out = append(out, filepath.ToSlash(path))
		}
		return nil
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("no packages found: %v", err)
	}
	return out
}
