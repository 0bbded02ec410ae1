package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// defaultConfig is read where it exists.
const defaultConfig = "trunkline.yaml"

// configFile is trunkline.yaml: a mapping from the names of flags to their values. It gives way to the environment, and
// a key that is no flag is an error. (kong-yaml does neither, and turns dates and account ids into times and numbers.)
type configFile struct {
	name   string
	values map[string]string
	lookup func(string) (string, bool)
}

// readConfigFile reads the file that --config or TRUNKLINE_CONFIG names, else trunkline.yaml if there is one.
func readConfigFile(args []string, lookup func(string) (string, bool)) (*configFile, error) {
	f := &configFile{values: map[string]string{}, lookup: lookup}
	name, named := configName(args, lookup)
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	f.name = name
	var nodes map[string]yaml.Node
	if err := yaml.Unmarshal(b, &nodes); err != nil {
		return nil, fmt.Errorf("%s: expected lines such as `lake: /data/lake`: %w", name, err)
	}
	for key, node := range nodes {
		if f.values[key], err = scalar(node); err != nil {
			return nil, fmt.Errorf("%s:%d: %s: %w", name, node.Line, key, err)
		}
	}
	return f, nil
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

// scalar gives a value as it stands in the file.
func scalar(node yaml.Node) (string, error) {
	switch node.Kind {
	case yaml.ScalarNode:
		return node.Value, nil
	case yaml.SequenceNode:
		var parts []string
		for _, n := range node.Content {
			part, err := scalar(*n)
			if err != nil {
				return "", err
			}
			parts = append(parts, part)
		}
		return strings.Join(parts, ","), nil
	}
	return "", errors.New("expected a value or a list of values")
}

// Validate refuses keys that are neither flags nor credentials.
func (f *configFile) Validate(app *kong.Application) error {
	known := append(flagNames(app.Node), credentialKeys()...)
	for key := range f.values {
		if slices.Contains(known, key) {
			continue
		}
		if key == "privacy-key" {
			return fmt.Errorf("%s: %s: secrets do not belong in this file; name a file that holds it: %s-file", f.name, key, key)
		}
		if slices.Contains(secretKeys(), key) {
			return fmt.Errorf("%s: %s: secrets do not belong in this file; name a file that holds it: %s_file", f.name, key, key)
		}
		return fmt.Errorf("%s: unknown key %q; a key is a flag's name without the dashes, such as %q", f.name, key, nearest(key, known))
	}
	return nil
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
	return value, nil
}

// path makes a file named in the configuration relative to it.
func (f *configFile) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(f.name), name)
}
