package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/trunkline/trunkline/sql"
)

type martsCmd struct {
	Name   string `arg:"" optional:"" help:"Of one mart, such as sessions: what its columns mean."`
	Output string `help:"Form of the answer: text or json." enum:"text,json" default:"text"`
}

// martDescription is a mart as --output json has it.
type martDescription struct {
	Name        string              `json:"name"`
	Description string              `json:"description"`
	Grain       string              `json:"grain"`
	Key         []string            `json:"key"`
	Unit        string              `json:"unit"`
	Settings    []string            `json:"settings"`
	Caveats     string              `json:"caveats"`
	Columns     []columnDescription `json:"columns"`
}

type columnDescription struct {
	Name    string `json:"name"`
	Meaning string `json:"meaning"`
	Unit    string `json:"unit,omitempty"`
	AddsUp  bool   `json:"adds_up"`
}

// Run says what marts there are, or what one of them holds.
func (c *martsCmd) Run(s *session) error {
	marts := sql.Marts()
	if c.Name != "" {
		name := strings.TrimPrefix(c.Name, "marts.")
		at := slices.IndexFunc(marts, func(m sql.Model) bool { return m.Name == name })
		if at < 0 {
			return usage(fmt.Errorf("mart %q: there are %s", c.Name, strings.Join(martNames(marts), ", ")))
		}
		marts = marts[at : at+1]
	}
	switch {
	case c.Output == "json":
		return printMartsJSON(s, marts)
	case c.Name != "":
		return printMart(s, marts[0])
	}
	w := plainTable(s)
	w.AppendHeader(table.Row{"mart", "what it is", "one row"})
	for _, m := range marts {
		w.AppendRow(table.Row{m.Name, m.Description, m.Grain})
	}
	w.Render()
	_, err := fmt.Fprintln(s.stdout, "`trunkline marts NAME` tells of the columns.")
	return err
}

// plainTable is a table whose long cells are wrapped.
func plainTable(s *session) table.Writer {
	w := table.NewWriter()
	w.SetOutputMirror(s.stdout)
	w.SetStyle(table.StyleLight)
	w.Style().Format.Header = text.FormatDefault
	w.SetColumnConfigs([]table.ColumnConfig{
		{Number: 2, WidthMax: 60, WidthMaxEnforcer: text.WrapSoft}, {Number: 3, WidthMax: 40, WidthMaxEnforcer: text.WrapSoft},
	})
	return w
}

func printMart(s *session, m sql.Model) error {
	fmt.Fprintf(s.stdout, "%s\n%s\n\none row   %s\nkey       %s\nunit      %s\n", m.Relation(), m.Description, m.Grain, strings.Join(m.Key, ", "), m.Unit)
	if len(m.Settings) > 0 {
		fmt.Fprintf(s.stdout, "settings  %s\n", strings.Join(m.Settings, ", "))
	}
	if m.Caveats != "" {
		lines := strings.Fields(m.Caveats)
		fmt.Fprintf(s.stdout, "mind      %s\n", strings.ReplaceAll(wrapped(lines, 100), "\n", "\n          "))
	}
	fmt.Fprintln(s.stdout)
	w := plainTable(s)
	w.AppendHeader(table.Row{"column", "meaning", "unit", "adds up"})
	for _, c := range m.Columns {
		w.AppendRow(table.Row{c.Name, c.Meaning, c.Unit, map[bool]string{true: "yes"}[c.AddsUp()]})
	}
	w.Render()
	return nil
}

// wrapped joins words to lines of at most so many characters.
func wrapped(words []string, most int) string {
	var b strings.Builder
	at := 0
	for i, word := range words {
		switch {
		case i > 0 && at+1+len(word) > most:
			b.WriteByte('\n')
			at = 0
		case i > 0:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += len(word)
	}
	return b.String()
}

// printMartsJSON prints an object a mart, one a line.
func printMartsJSON(s *session, marts []sql.Model) error {
	out := json.NewEncoder(s.stdout)
	out.SetEscapeHTML(false)
	for _, m := range marts {
		d := martDescription{Name: m.Name, Description: m.Description, Grain: m.Grain, Key: m.Key, Unit: m.Unit, Settings: append([]string{}, m.Settings...), Caveats: m.Caveats}
		for _, c := range m.Columns {
			d.Columns = append(d.Columns, columnDescription{c.Name, c.Meaning, c.Unit, c.AddsUp()})
		}
		if err := out.Encode(d); err != nil {
			return err
		}
	}
	return nil
}

func martNames(marts []sql.Model) (out []string) {
	for _, m := range marts {
		out = append(out, m.Name)
	}
	return out
}
