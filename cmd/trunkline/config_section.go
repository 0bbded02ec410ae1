package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// section is a part of the configuration file, with what its errors need to name it.
type section struct {
	file string
	key  string // from the top of the file, with points between: billing.rate-cards
	line int    // of the key, or of the entry of a list
	node *yaml.Node
}

// errorf names file, line and key.
func (c section) errorf(format string, a ...any) error {
	return fmt.Errorf("%s:%d: %s: %w", c.file, c.line, c.key, fmt.Errorf(format, a...))
}

// resolved is the node, or the one that it is an alias of.
func (c section) resolved() *yaml.Node {
	if c.node.Kind == yaml.AliasNode {
		return c.node.Alias
	}
	return c.node
}

// members are the keys of a mapping in their order. Where known ones are given, others are refused.
func (c section) members(known ...string) ([]section, error) {
	node := c.resolved()
	if node.Kind != yaml.MappingNode {
		return nil, c.errorf("expected keys with values: %s", strings.Join(known, ", "))
	}
	var out []section
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		m := section{file: c.file, key: key.Value, line: key.Line, node: node.Content[i+1]}
		twice := slices.IndexFunc(out, func(o section) bool { return o.key == c.under(key.Value) })
		if m.key = c.under(key.Value); twice >= 0 {
			return nil, m.errorf("the key is there twice, first in line %d; expected it once", out[twice].line)
		}
		if len(known) > 0 && !slices.Contains(known, key.Value) {
			return nil, m.errorf("unknown key; expected one of %s", strings.Join(known, ", "))
		}
		out = append(out, m)
	}
	return out, nil
}

func (c section) under(key string) string {
	if c.key == "" {
		return key
	}
	return c.key + "." + key
}

// name is the last part of the key.
func (c section) name() string { return c.key[strings.LastIndexByte(c.key, '.')+1:] }

// entries are those of a list.
func (c section) entries(expected string) ([]section, error) {
	node := c.resolved()
	if node.Kind != yaml.SequenceNode {
		return nil, c.errorf("expected a list: %s", expected)
	}
	out := make([]section, len(node.Content))
	for i, n := range node.Content {
		out[i] = section{file: c.file, key: c.key, line: n.Line, node: n}
	}
	return out, nil
}

// text is a single value as it stands in the file.
func (c section) text(expected string) (string, error) {
	if node := c.resolved(); node.Kind == yaml.ScalarNode && node.Tag != "!!null" && node.Value != "" {
		return node.Value, nil
	}
	return "", c.errorf("expected %s", expected)
}

// date is a day, YYYY-MM-DD.
func (c section) date() (string, error) {
	const expected = "a date such as 2026-12-31"
	text, err := c.text(expected)
	if err != nil {
		return "", err
	}
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return "", c.errorf("%q: expected %s", text, expected)
	}
	return text, nil
}

// seconds is a duration.
func (c section) seconds() (int, error) {
	text, err := c.text("whole seconds with a unit, such as 30s or 1m")
	if err != nil {
		return 0, err
	}
	var s seconds
	if err := s.UnmarshalText([]byte(text)); err != nil {
		return 0, c.errorf("%w", err)
	}
	return int(s), nil
}

// values gives a value as it stands in the file, and those of a list with commas between.
func (c section) values() (string, error) {
	switch node := c.resolved(); node.Kind {
	case yaml.ScalarNode:
		return node.Value, nil
	case yaml.SequenceNode:
		var parts []string
		for _, n := range node.Content {
			part, err := section{file: c.file, key: c.key, line: n.Line, node: n}.values()
			if err != nil {
				return "", err
			}
			parts = append(parts, part)
		}
		return strings.Join(parts, ","), nil
	}
	return "", c.errorf("expected a value or a list of values")
}
