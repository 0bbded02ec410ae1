package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// defaultConfig is read where it exists.
const defaultConfig = "trunkline.yaml"

// configFile is trunkline.yaml: a mapping from the names of flags to their values, and a few keys that hold more than a value. It
// gives way to the environment, and a key that is neither is an error. (kong-yaml does neither, and turns dates and account ids into
// times and numbers.)
type configFile struct {
	name     string
	values   map[string]string
	lines    map[string]int // of the values
	sections map[string]section
	lookup   func(string) (string, bool)
}

// readConfigFile reads the file that --config or TRUNKLINE_CONFIG names, else trunkline.yaml if there is one.
func readConfigFile(args []string, lookup func(string) (string, bool)) (*configFile, error) {
	f := &configFile{values: map[string]string{}, lines: map[string]int{}, sections: map[string]section{}, lookup: lookup}
	name, named := configName(args, lookup)
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	f.name = name
	var root yaml.Node
	if err := yaml.Unmarshal(b, &root); err != nil {
		return nil, fmt.Errorf("%s: expected lines such as `lake: /data/lake`: %w", name, err)
	}
	if len(root.Content) == 0 {
		return f, nil // nothing but comments
	}
	if root.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: expected lines such as `lake: /data/lake`", name, root.Content[0].Line)
	}
	members, err := section{file: name, node: root.Content[0]}.members()
	if err != nil {
		return nil, err
	}
	for _, member := range members {
		if err := f.take(member); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// structured are the keys that hold more than a value or a list of values.
var structured = []string{"business-hours", "holidays", "billing"}

func (f *configFile) take(member section) (err error) {
	if slices.Contains(structured, member.key) {
		f.sections[member.key] = member
		return nil
	}
	f.lines[member.key] = member.line
	f.values[member.key], err = member.values()
	return err
}

func configName(args []string, lookup func(string) (string, bool)) (name string, named bool) {
	for i, a := range args {
		if a == "--" {
			break
		}
		if v, ok := strings.CutPrefix(a, "--config="); ok {
			return v, true
		}
		if a == "--config" && i+1 < len(args) {
			return args[i+1], true
		}
	}
	if v, ok := lookup("TRUNKLINE_CONFIG"); ok && v != "" {
		return v, true
	}
	return defaultConfig, false
}

// Validate refuses keys that are neither flags nor credentials, and values that their flags cannot take.
func (f *configFile) Validate(app *kong.Application) error {
	known := append(append(flagNames(app.Node), credentialKeys()...), structured...)
	for _, key := range f.inOrder() {
		at := fmt.Sprintf("%s:%d", f.name, f.lines[key])
		switch {
		case key == "privacy-key":
			return fmt.Errorf("%s: %s: secrets do not belong in this file; name a file that holds it: %s-file", at, key, key)
		case slices.Contains(secretKeys(), key):
			return fmt.Errorf("%s: %s: secrets do not belong in this file; name a file that holds it: %s_file", at, key, key)
		case !slices.Contains(known, key):
			return fmt.Errorf("%s: unknown key %q; a key is a flag's name without the dashes, such as %q", at, key, nearest(key, known))
		}
		if err := takes(flagsNamed(app.Node, key), f.values[key]); err != nil {
			return fmt.Errorf("%s: %s: %w", at, key, err)
		}
	}
	return nil
}

// inOrder are the keys as they stand in the file.
func (f *configFile) inOrder() []string {
	return slices.SortedFunc(maps.Keys(f.values), func(a, b string) int { return f.lines[a] - f.lines[b] })
}

func flagsNamed(n *kong.Node, name string) (out []*kong.Flag) {
	for _, f := range n.Flags {
		if f.Name == name {
			out = append(out, f)
		}
	}
	for _, child := range n.Children {
		out = append(out, flagsNamed(child, name)...)
	}
	return out
}

// takes is why none of the flags takes a value: verbs may have flags of one name that take different ones.
func takes(flags []*kong.Flag, value string) (err error) {
	for _, f := range flags {
		if err = taken(f, value); err == nil {
			return nil
		}
	}
	return err
}

func taken(f *kong.Flag, value string) error {
	if f.Enum != "" && !f.IsSlice() && !slices.Contains(strings.Split(f.Enum, ","), value) {
		return fmt.Errorf("%q: expected one of %s", value, strings.ReplaceAll(f.Enum, ",", ", "))
	}
	if f.Name == "timezone" {
		_, err := zoneOf(value)
		return err
	}
	into := reflect.New(f.Target.Type()).Elem()
	scan := kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: value})
	return f.Mapper.Decode(&kong.DecodeContext{Value: f.Value, Scan: scan}, into)
}

func flagNames(n *kong.Node) []string {
	var out []string
	for _, f := range n.Flags {
		if f.Name != "help" && f.Name != "config" {
			out = append(out, f.Name)
		}
	}
	for _, child := range n.Children {
		out = append(out, flagNames(child)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// nearest is the known key that shares the longest beginning.
func nearest(key string, known []string) string {
	best, most := known[0], -1
	for _, k := range known {
		n := 0
		for n < len(k) && n < len(key) && k[n] == key[n] {
			n++
		}
		if n > most {
			best, most = k, n
		}
	}
	return best
}

// Resolve gives the file's value of a flag that is set neither on the command line nor in the environment.
func (f *configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := f.values[flag.Name]
	if !ok || flag.Name == "config" {
		return nil, nil
	}
	for _, env := range flag.Envs {
		if _, set := f.lookup(env); set {
			return nil, nil
		}
	}
	if err := taken(flag, value); err != nil { // kong would not name the line
		return nil, fmt.Errorf("%s:%d: %s: %w", f.name, f.lines[flag.Name], flag.Name, err)
	}
	return value, nil
}

// path makes a file named in the configuration relative to it.
func (f *configFile) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(f.name), name)
}
