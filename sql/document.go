package sql

import (
	"fmt"
	"strings"
)

// Document describes marts in Markdown: what a row is, and what every column means, its type, its unit and whether it adds up. Types
// come from the engine, which must have loaded what the marts read; without it they are left out.
func (e *Engine) Document(marts []Model) string {
	var b strings.Builder
	for _, m := range marts {
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", m.Name, m.Description)
		fmt.Fprintf(&b, "- One row: %s.\n- Key: `%s`.\n- Unit: %s.\n", m.Grain, strings.Join(m.Key, "`, `"), m.unitText())
		if len(m.Settings) > 0 {
			fmt.Fprintf(&b, "- Settings: `%s`.\n", strings.Join(m.Settings, "`, `"))
		}
		fmt.Fprintf(&b, "- Mind: %s\n\n| column | type | unit | adds up | meaning |\n|---|---|---|---|---|\n", m.Caveats)
		for i, c := range m.Columns {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", c.Name, e.typeOf(m, i), c.Unit, c.addsUpText(), strings.ReplaceAll(c.Meaning, "|", `\|`))
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (e *Engine) typeOf(m Model, column int) string {
	types := e.types[m.Relation()]
	if column >= len(types) {
		return ""
	}
	return strings.Replace(types[column].Type, "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ", 1)
}

func (c Column) addsUpText() string {
	switch {
	case c.AddsUp():
		return "yes"
	case c.Unit != "" && c.Unit != "UTC" && c.Unit != "local time":
		return "no"
	}
	return ""
}

// unitText says in words what is built together, and what it depends on.
func (m Model) unitText() string {
	more, isDay := strings.CutPrefix(m.Unit, UnitDay)
	switch {
	case !isDay:
		return "all of it at once"
	case more == "":
		return "a local day, from the calls of the UTC days that it overlaps"
	}
	return "a local day, from the calls of the UTC days that it overlaps and of those around it (" + strings.TrimSpace(more) + " days)"
}
