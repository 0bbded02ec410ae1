package sql

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed staging/*.sql intermediate/*.sql marts/*.sql audits/*.sql
var files embed.FS

// UnitAll is the unit of a model over all time: every change rebuilds it whole.
const UnitAll = "all"

// UnitDay begins the unit of every other model. Alone it says that a local day of the model depends on the calls and messages of the UTC
// days that it overlaps, two or three, and on the snapshots in force on it; "day -1 +2" adds the one before and the two after these,
// "day +missed_recovery_days" as many after them as the setting says. Of a mart that it reads it depends on its own local day, and on as
// many before and after it.
const UnitDay = "day"

// Model describes one .sql file, as its header says.
type Model struct {
	// Floor is staging, intermediate, marts or audits.
	Floor string
	// Name is the file's name, without floor and ending.
	Name string
	// Description is one sentence or two.
	Description string
	// Grain says what one row is.
	Grain string
	// Key are the columns that tell rows apart and order them; none for an audit.
	Key []string
	// Unit is UnitAll, or UnitDay with what is added to it; empty for an audit.
	Unit string
	// Reads are the relations that the select names, with their schema.
	Reads []string
	// Tables are the tables of main that this model, or one that it depends on, reads, by name and in order.
	Tables []string
	// Marts are the marts that the select of a mart names, in order. It depends on their rows as they are published and not on how these
	// came about: what those marts are made of is not among its Tables and Settings and not in its Hash.
	Marts []string
	// Settings are what of the settings this model, or one that it depends on, uses, in order: columns of staging.settings, and names of
	// tables that the engine fills from them.
	Settings []string
	// Caveats say what the rows must not be taken for.
	Caveats string
	// Remedy says what to do about the rows of an audit; empty for other models.
	Remedy string
	// Columns are the columns of the select, in order.
	Columns []Column
	// Hash is the SHA-256 (hex) of the select, key and unit of this model and of every model that it depends on, but for Marts. Text in
	// headers does not change it. The time zone and DuckDB's version are not part of it.
	Hash string

	query string
	reach reach
}

// Column describes a column of a model. Unit is empty where the values have none.
type Column struct{ Name, Meaning, Unit string }

// AddsUp reports whether the column is a measure whose values may be summed over rows of the model: it has a unit of amounts, and its
// meaning does not say that it "does not add up".
func (c Column) AddsUp() bool {
	return !slices.Contains([]string{"", "UTC", "local time"}, c.Unit) && !strings.Contains(c.Meaning, "does not add up")
}

// Relation is the model's name in SQL, such as "marts.calls_daily".
func (m Model) Relation() string {
	return m.Floor + "." + m.Name
}

// Marts describes the marts, by name. It panics if an embedded file is malformed, which no data and no user can bring about.
func Marts() []Model {
	models, err := parseModels(files)
	if err != nil {
		panic(err)
	}
	return byName(onFloor(models, "marts"))
}

func byName(models []Model) []Model {
	slices.SortFunc(models, func(a, b Model) int { return strings.Compare(a.Name, b.Name) })
	return models
}

func onFloor(models []Model, floors ...string) []Model {
	var found []Model
	for _, m := range models {
		if slices.Contains(floors, m.Floor) {
			found = append(found, m)
		}
	}
	return found
}

// parseModels reads every model and returns them so that each follows what it reads.
func parseModels(fsys fs.FS) ([]Model, error) {
	names, err := fs.Glob(fsys, "*/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list models: %w", err)
	}
	parsed := map[string]Model{}
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read model: %w", err)
		}
		m, err := parseModel(name, text)
		if err != nil {
			return nil, fmt.Errorf("model %s: %w", name, err)
		}
		parsed[m.Relation()] = m
	}
	return inOrder(parsed)
}

// inOrder sorts models behind what they read, and hashes them on the way.
func inOrder(parsed map[string]Model) ([]Model, error) {
	var ordered []Model
	state := map[string]string{} // relation -> "open" while its dependencies are visited, then its hash
	var visit func(relation string) error
	visit = func(relation string) error {
		m := parsed[relation]
		state[relation] = "open"
		sum := sha256.New()
		fmt.Fprintf(sum, "%s\n%s\n%s\n%s\n", relation, m.Unit, strings.Join(m.Key, ","), m.query)
		for _, read := range m.Reads {
			if strings.HasPrefix(read, "settings.") {
				continue
			}
			if table, ok := strings.CutPrefix(read, "main."); ok {
				m.Tables = union(m.Tables, []string{table})
				continue
			}
			if _, ok := parsed[read]; !ok {
				return fmt.Errorf("model %s reads %s, which is not there", relation, read)
			}
			if state[read] == "open" {
				return fmt.Errorf("model %s and %s read each other", relation, read)
			}
			if state[read] == "" {
				if err := visit(read); err != nil {
					return err
				}
			}
			if m.Floor == "marts" && parsed[read].Floor == "marts" {
				m.Marts = union(m.Marts, []string{parsed[read].Name})
				continue
			}
			if err := m.inherit(parsed[read]); err != nil {
				return err
			}
			fmt.Fprintf(sum, "%s\n", state[read])
		}
		m.Hash = hex.EncodeToString(sum.Sum(nil))
		parsed[relation], state[relation] = m, m.Hash
		ordered = append(ordered, m)
		return nil
	}
	for _, relation := range sortedKeys(parsed) {
		if state[relation] == "" {
			if err := visit(relation); err != nil {
				return nil, err
			}
		}
	}
	return ordered, nil
}

// parseModel reads one file: the comment lines at its top are the header, the rest is the select.
//
//	-- marts.calls_daily
//	-- What it is, in one or more lines.
//	--
//	-- grain: what one row is
//	-- key: account_id, local_date
//	-- unit: day, or day -1 +1, or all
//	-- reads: staging.calls, or none
//	-- settings: columns of staging.settings and tables that the engine fills, where it uses any
//	-- caveats: text that may go on
//	--   in lines indented by two
//	-- columns:
//	--   account_id: meaning [unit]
//	select ...;
func parseModel(name string, text []byte) (Model, error) {
	header, query := splitHeader(text)
	m := Model{Floor: path.Dir(name), Name: strings.TrimSuffix(path.Base(name), ".sql"), query: query}
	if len(header) == 0 || header[0] != m.Relation() {
		return m, fmt.Errorf("the first line must be %q", "-- "+m.Relation())
	}
	fields, description, err := headerFields(header[1:])
	if err != nil {
		return m, err
	}
	m.Description = description
	for field, into := range map[string]*string{
		"grain": &m.Grain, "unit": &m.Unit, "caveats": &m.Caveats, "remedy": &m.Remedy,
	} {
		*into = strings.Join(fields[field], " ")
	}
	m.Key = commaList(fields["key"])
	m.Reads, m.Settings = commaList(fields["reads"]), commaList(fields["settings"])
	if len(m.Reads) == 0 {
		return m, fmt.Errorf("reads is required; \"none\" if the select reads nothing")
	}
	m.Reads = slices.DeleteFunc(m.Reads, func(read string) bool { return read == "none" })
	if m.reach, err = parseUnit(m.Unit); err != nil && m.Floor != "audits" {
		return m, err
	}
	if m.Columns, err = parseColumns(fields["columns"]); err != nil {
		return m, err
	}
	return m, m.check()
}

func splitHeader(text []byte) (header []string, query string) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	read := 0
	for lines.Scan() && strings.HasPrefix(lines.Text(), "--") {
		read += len(lines.Bytes()) + 1
		header = append(header, strings.TrimPrefix(strings.TrimPrefix(lines.Text(), "--"), " "))
	}
	return header, strings.TrimSuffix(strings.TrimSpace(string(text[min(read, len(text)):])), ";")
}

// headerFields gathers "name: text" with its indented continuation lines; what comes before the empty line is the description.
func headerFields(header []string) (fields map[string][]string, description string, err error) {
	fields = map[string][]string{}
	blank := slices.Index(header, "")
	if blank < 1 {
		return nil, "", fmt.Errorf("the header needs a description, an empty comment line and then its fields")
	}
	current := ""
	for _, line := range header[blank+1:] {
		if more, ok := strings.CutPrefix(line, "  "); ok && current != "" {
			fields[current] = append(fields[current], more)
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.ContainsAny(name, " ,") {
			return nil, "", fmt.Errorf("header line %q is neither \"name: text\" nor indented", line)
		}
		if _, twice := fields[name]; twice {
			return nil, "", fmt.Errorf("header field %s is there twice", name)
		}
		current = name
		fields[current] = nil
		if value = strings.TrimSpace(value); value != "" {
			fields[current] = append(fields[current], value)
		}
	}
	return fields, strings.Join(header[:blank], " "), nil
}

// union is what either list has, in order.
func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

func commaList(lines []string) []string {
	var items []string
	for item := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func parseColumns(lines []string) ([]Column, error) {
	var columns []Column
	for _, line := range lines {
		name, meaning, ok := strings.Cut(line, ": ")
		if !ok {
			return nil, fmt.Errorf("column line %q is not \"name: meaning [unit]\"", line)
		}
		c := Column{Name: name, Meaning: meaning}
		if open := strings.LastIndex(meaning, " ["); open >= 0 && strings.HasSuffix(meaning, "]") {
			c.Meaning, c.Unit = meaning[:open], meaning[open+2:len(meaning)-1]
		}
		columns = append(columns, c)
	}
	return columns, nil
}

func (m Model) check() error {
	switch {
	case m.Grain == "" || m.Caveats == "" || len(m.Columns) == 0 || m.query == "":
		return fmt.Errorf("grain, caveats, columns and a select are required")
	case m.Floor == "audits" && m.Remedy == "":
		return fmt.Errorf("an audit needs a remedy")
	case m.Floor == "audits":
		return nil
	case len(m.Key) == 0:
		return fmt.Errorf("a key is required")
	}
	for _, name := range m.Settings {
		if !isSetting(name) {
			return fmt.Errorf("setting %s is not known", name)
		}
	}
	for _, key := range m.Key {
		if !slices.ContainsFunc(m.Columns, func(c Column) bool { return c.Name == key }) {
			return fmt.Errorf("key column %s is not among the columns", key)
		}
	}
	return nil
}
