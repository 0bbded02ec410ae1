package pipeline

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline/trunkline/sql"
)

// ExpectedColumns are the columns of a file of expected interactions; a file may have others, which are not read.
var ExpectedColumns = []string{"id", "at", "kind", "direction", "number", "duration_s"}

// optionalColumns are those that a file may lack, and whose values may be empty.
var optionalColumns = []string{"id", "duration_s"}

// Expected is one interaction that somebody else says there was.
type Expected struct {
	Line      int    // in its file, from 1: of a CSV file the line, of a Parquet file the row
	ID        string // "" where the file has none
	At        time.Time
	Kind      string // call, sms or fax
	Direction string // inbound or outbound
	Number    string // of the other party, verbatim
	DurationS int64  // -1 where it is not known
}

// ExpectedError says what is wrong with a file of expected interactions, and where.
type ExpectedError struct {
	File   string
	Line   int    // 0: of no line in particular
	Column string // "": of no column in particular
	What   string // what is wrong, and what was expected
}

// Error names the file, the line, the column and what was expected.
func (e *ExpectedError) Error() string {
	at := e.File
	if e.Line > 0 {
		at += fmt.Sprintf(", line %d", e.Line)
	}
	if e.Column != "" {
		at += ", column " + e.Column
	}
	return at + ": " + e.What
}

// ReadExpected reads a CSV file (with a header; comma or semicolon) or, if its name ends in .parquet, a Parquet file. Instants without an
// offset are on the clocks of the zone. What cannot be read is an *ExpectedError; a file without interactions is one, too.
func ReadExpected(ctx context.Context, engine *sql.Engine, file string, zone *time.Location) ([]Expected, error) {
	r := expectedReader{file: file, zone: zone}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, r.wrong(0, "", "it cannot be read: "+reason(err))
	case info.IsDir():
		return nil, r.wrong(0, "", "it is a directory; expected a CSV or a Parquet file")
	case strings.HasSuffix(strings.ToLower(file), ".parquet"):
		err = r.readParquet(ctx, engine)
	default:
		err = r.readCSV()
	}
	if err == nil && len(r.rows) == 0 {
		err = r.wrong(0, "", "it has no rows; expected one for each interaction, below a header with "+strings.Join(ExpectedColumns, ", "))
	}
	return r.rows, err
}

// reason is an error of the system without the name of the file, which is told anyway.
func reason(err error) string {
	if path := (*os.PathError)(nil); errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// expectedReader reads one file.
type expectedReader struct {
	file string
	zone *time.Location
	at   map[string]int // column by name
	rows []Expected
}

func (r *expectedReader) wrong(line int, column, what string) error {
	return &ExpectedError{File: r.file, Line: line, Column: column, What: what}
}

func (r *expectedReader) readCSV() error {
	f, err := os.Open(r.file)
	if err != nil {
		return r.wrong(0, "", "it cannot be read: "+reason(err))
	}
	defer f.Close()
	text := bufio.NewReader(f)
	if mark, _ := text.Peek(3); bytes.Equal(mark, []byte("\ufeff")) {
		_, _ = text.Discard(3)
	}
	rows := csv.NewReader(text)
	rows.Comma, rows.FieldsPerRecord, rows.ReuseRecord = separator(text), -1, true
	for number := 0; ; number++ {
		row, err := rows.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return r.badCSV(err)
		}
		line, _ := rows.FieldPos(0)
		if number == 0 {
			err = r.header(slices.Clone(row))
		} else {
			err = r.row(line, row)
		}
		if err != nil {
			return err
		}
	}
}

// separator is a semicolon where the header has some and no comma, as spreadsheets write it in countries with a decimal comma.
func separator(text *bufio.Reader) rune {
	start, _ := text.Peek(4096)
	header, _, _ := bytes.Cut(start, []byte("\n"))
	if bytes.ContainsRune(header, ';') && !bytes.ContainsRune(header, ',') {
		return ';'
	}
	return ','
}

func (r *expectedReader) badCSV(err error) error {
	if bad := (*csv.ParseError)(nil); errors.As(err, &bad) {
		return r.wrong(bad.Line, "", bad.Err.Error()+"; expected CSV as RFC 4180 has it")
	}
	return r.wrong(0, "", "it cannot be read: "+reason(err))
}

func (r *expectedReader) readParquet(ctx context.Context, engine *sql.Engine) error {
	rows, err := engine.ReadParquet(ctx, r.file)
	if err != nil {
		return r.wrong(0, "", "it is no Parquet file that can be read: "+err.Error())
	}
	defer rows.Close()
	var names []string
	for _, c := range rows.Columns {
		names = append(names, c.Name)
	}
	if err := r.header(names); err != nil {
		return err
	}
	row, line := make([]string, len(names)), 0
	for values, err := range rows.All() {
		if err != nil {
			return r.wrong(line, "", err.Error())
		}
		for i, v := range values {
			row[i] = v.Text
		}
		line++
		if err := r.row(line, row); err != nil {
			return err
		}
	}
	return nil
}

// header finds the columns.
func (r *expectedReader) header(names []string) error {
	r.at = map[string]int{}
	for i, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := r.at[name]; twice && slices.Contains(ExpectedColumns, name) {
			return r.wrong(1, name, "it is there twice")
		}
		r.at[name] = i
	}
	for _, name := range ExpectedColumns {
		if _, found := r.at[name]; !found && !slices.Contains(optionalColumns, name) {
			return r.wrong(1, name, fmt.Sprintf("it is missing; expected the columns at, kind, direction, number and, if known, id and duration_s; found %s",
				strings.Join(names, ", ")))
		}
	}
	return nil
}

var maskedNumber = regexp.MustCompile(`[Xx*]{2}`)

// row reads one row; one without any text is passed over.
func (r *expectedReader) row(line int, row []string) error {
	value := func(column string) string {
		at, found := r.at[column]
		if !found || at >= len(row) {
			return ""
		}
		return strings.TrimSpace(row[at])
	}
	if strings.TrimSpace(strings.Join(row, "")) == "" {
		return nil
	}
	e := Expected{Line: line, ID: value("id"), Kind: strings.ToLower(value("kind")), Direction: strings.ToLower(value("direction")), Number: value("number"), DurationS: -1}
	var known bool
	if e.At, known = instant(value("at"), r.zone); !known {
		return r.wrong(line, "at", fmt.Sprintf("%q; expected an instant such as 2026-11-21T09:30:00Z, 2026-11-21T09:30:00+01:00 or, on the clocks of --timezone, 2026-11-21 09:30:00", value("at")))
	}
	switch length := value("duration_s"); {
	case !slices.Contains([]string{"call", "sms", "fax"}, e.Kind):
		return r.wrong(line, "kind", fmt.Sprintf("%q; expected call, sms or fax", value("kind")))
	case !slices.Contains([]string{"inbound", "outbound"}, e.Direction):
		return r.wrong(line, "direction", fmt.Sprintf("%q; expected inbound or outbound", value("direction")))
	case digitsOf(e.Number) == "" || maskedNumber.MatchString(e.Number):
		return r.wrong(line, "number", fmt.Sprintf("%q; expected the phone number of the other party, with all its digits", e.Number))
	case length != "":
		s, err := strconv.ParseFloat(length, 64)
		if err != nil || math.IsNaN(s) || s < 0 || s > 1e9 {
			return r.wrong(line, "duration_s", fmt.Sprintf("%q; expected seconds, such as 75", length))
		}
		e.DurationS = int64(math.Round(s))
	}
	r.rows = append(r.rows, e)
	return nil
}

// instant reads a time with or without an offset.
func instant(s string, zone *time.Location) (time.Time, bool) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04Z07:00"} {
		if at, err := time.Parse(form, s); err == nil {
			return at.UTC(), true
		}
	}
	for _, form := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if at, err := time.ParseInLocation(form, s, zone); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// digitsOf are the digits of a number, without the zeros that come before a country's or an area's code.
func digitsOf(number string) string {
	digits := strings.Map(func(c rune) rune {
		if '0' <= c && c <= '9' {
			return c
		}
		return -1
	}, number)
	return strings.TrimLeft(digits, "0")
}
