package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/trunkline/trunkline/sql"
)

var (
	rateForm    = regexp.MustCompile(`^\d{1,6}(\.\d{1,4})?$`)
	numberForm  = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	punctuation = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "")
)

// contactColumns are those that a contact file may have, the first two of which it must have.
var contactColumns = []string{"number", "contact_id", "matter", "valid_from", "valid_to"}

// contactFile is a CSV of numbers and of whose they are, while it is read.
type contactFile struct {
	name    string
	rows    *csv.Reader
	columns []string
	seen    map[string][]contactLine // by digits
	out     []sql.Contact
}

type contactLine struct {
	line int
	sql.Contact
}

// readContacts reads a contact file: a line of names of columns, in any order, and a line for each number. What is wrong is named by
// file, line and column.
func readContacts(name string) ([]sql.Contact, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f := contactFile{name: name, seen: map[string][]contactLine{}}
	f.rows = csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff")))) // spreadsheets begin with the mark
	f.rows.ReuseRecord = true
	if err := f.readHeader(); err != nil {
		return nil, err
	}
	for {
		row, err := f.rows.Read()
		if errors.Is(err, io.EOF) {
			return f.out, nil
		}
		if err == nil {
			err = f.add(row)
		} else {
			err = fmt.Errorf("%s: %w; expected %d columns a line, with quotes around values that have commas", name, err, len(f.columns))
		}
		if err != nil {
			return nil, err
		}
	}
}

func (f *contactFile) readHeader() error {
	names, err := f.rows.Read()
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	f.columns = slices.Clone(names)
	expected := strings.Join(contactColumns, ",")
	for i, name := range f.columns {
		if !slices.Contains(contactColumns, name) || slices.Contains(f.columns[:i], name) {
			return fmt.Errorf("%s:1: column %q: expected each once, of %s, with commas between", f.name, name, expected)
		}
	}
	for _, name := range contactColumns[:2] {
		if !slices.Contains(f.columns, name) {
			return fmt.Errorf("%s:1: no column %s; expected a first line such as %s", f.name, name, expected)
		}
	}
	return nil
}

// errorf names file, line and column of a value of the current line.
func (f *contactFile) errorf(column int, format string, a ...any) error {
	line, at := f.rows.FieldPos(column)
	return fmt.Errorf("%s:%d:%d: %s: %w", f.name, line, at, f.columns[column], fmt.Errorf(format, a...))
}

func (f *contactFile) add(row []string) error {
	var c sql.Contact
	for i, value := range row {
		if err := f.take(&c, i, strings.TrimSpace(value)); err != nil {
			return err
		}
	}
	numbered := slices.Index(f.columns, "number")
	if c.ValidTo != "" && c.ValidTo < c.ValidFrom {
		return f.errorf(slices.Index(f.columns, "valid_to"), "%s is before valid_from %s; expected the last day on which the number is the contact's", c.ValidTo, c.ValidFrom)
	}
	for _, other := range f.seen[c.Digits] {
		if overlap(c.ValidFrom, c.ValidTo, other.ValidFrom, other.ValidTo) {
			return f.errorf(numbered, "the number is there twice for some days, first in line %d; expected one contact at a time", other.line)
		}
	}
	line, _ := f.rows.FieldPos(numbered)
	f.seen[c.Digits] = append(f.seen[c.Digits], contactLine{line, c})
	f.out = append(f.out, c)
	return nil
}

func (f *contactFile) take(c *sql.Contact, column int, value string) error {
	switch f.columns[column] {
	case "number":
		number := punctuation.Replace(value)
		if !numberForm.MatchString(number) {
			return f.errorf(column, "%q: expected a number with + and country code, such as +14155550101", value)
		}
		c.Digits = number[1:]
	case "contact_id":
		if c.ContactID = strings.Clone(value); value == "" {
			return f.errorf(column, "expected the id of a contact")
		}
	case "matter":
		c.Matter = strings.Clone(value)
	case "valid_from":
		return f.takeDate(&c.ValidFrom, column, value)
	case "valid_to":
		return f.takeDate(&c.ValidTo, column, value)
	}
	return nil
}

// takeDate takes a day, or nothing for no bound.
func (f *contactFile) takeDate(into *string, column int, value string) error {
	if _, err := time.Parse(time.DateOnly, value); err != nil && value != "" {
		return f.errorf(column, "%q: expected a date such as 2026-12-31, or nothing", value)
	}
	*into = strings.Clone(value)
	return nil
}
