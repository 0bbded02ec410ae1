package sql

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// ResultColumn is a column of a query's result: its name, which need not be unique, and DuckDB's name of its type.
type ResultColumn struct{ Name, Type string }

// Value is one value as text, ready to print: timestamps as RFC 3339 (in UTC with Z; without a zone where the type has none),
// dates as YYYY-MM-DD, decimals with all their digits, lists, structs and maps as JSON. As JSON (see MarshalJSON) it is what
// its type says.
type Value struct {
	Text string // "" if Null
	Null bool
	// literal says that Text is a JSON value by itself: a finite number, a boolean, a list or an object.
	literal bool
}

// String is the text, or "null"; Text leaves null empty.
func (v Value) String() string {
	if v.Null {
		return "null"
	}
	return v.Text
}

// MarshalJSON gives null, numbers with every digit, booleans, lists and objects as such, and all else as a string.
func (v Value) MarshalJSON() ([]byte, error) {
	switch {
	case v.Null:
		return []byte("null"), nil
	case v.literal:
		return []byte(v.Text), nil
	}
	return json.Marshal(v.Text)
}

// Rows is the result of a query. Close it, or read All to its end.
type Rows struct {
	// Columns are the columns of every row.
	Columns []ResultColumn

	rows    *stdsql.Rows
	release func() error // gives the connection back
}

// Query runs one SQL statement, any that DuckDB knows. More than one is an error, and so is none. What DuckDB has to say about
// a wrong query is kept in the error.
func (e *Engine) Query(ctx context.Context, query string) (*Rows, error) {
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to duckdb: %w", err)
	}
	rows, err := runQuery(ctx, conn, query)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("query: %w", err), conn.Close())
	}
	rows.release = conn.Close
	return rows, nil
}

// ReadParquet reads the rows of one Parquet file on local disk, as a query does.
func (e *Engine) ReadParquet(ctx context.Context, file string) (*Rows, error) {
	return e.Query(ctx, "select * from read_parquet("+literalPaths([]string{file})+", hive_partitioning = false)")
}

func runQuery(ctx context.Context, conn *stdsql.Conn, query string) (*Rows, error) {
	kind, err := statementType(conn, query)
	if err != nil {
		return nil, err
	}
	if kind == duckdb.STATEMENT_TYPE_SELECT {
		rows, err := queryText(ctx, conn, query)
		if !isParserError(err) {
			return rows, err
		}
		// The parser knows the query, only not as part of another: describe, summarize, show.
	}
	return queryPlain(ctx, conn, query)
}

func isParserError(err error) bool {
	var own *duckdb.Error
	return errors.As(err, &own) && own.Type == duckdb.ErrorTypeParser
}

// statementType parses and binds a query without running it, and refuses several statements: the driver would run all
// of them and show the last.
func statementType(conn *stdsql.Conn, query string) (duckdb.StmtType, error) {
	kind := duckdb.STATEMENT_TYPE_INVALID
	err := conn.Raw(func(driverConn any) error {
		stmt, err := driverConn.(*duckdb.Conn).Prepare(query)
		if err != nil {
			return oneStatement(err)
		}
		prepared := stmt.(*duckdb.Stmt)
		defer func() { _ = prepared.Close() }()
		kind, err = prepared.StatementType()
		return err
	})
	return kind, err
}

// oneStatement keeps DuckDB's own errors; the driver's are about the number of statements.
func oneStatement(err error) error {
	var own *duckdb.Error
	if errors.As(err, &own) {
		return err
	}
	return errors.New("expected exactly one statement (a PIVOT counts as one if it lists its values: on ... in (...))")
}

// queryText runs a select and has DuckDB itself turn every value to text: the driver would hand out numbers within JSON as
// floats, and structs without their order. DuckDB keeps the order of rows through a projection.
func queryText(ctx context.Context, db queryer, query string) (*Rows, error) {
	columns, err := describe(ctx, db, query)
	if err != nil {
		return nil, err
	}
	aliases, texts := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		aliases[i] = fmt.Sprintf("c%d", i)
		texts[i] = fmt.Sprintf("cast(%s as varchar)", aliases[i])
		if c.Type != "JSON" && isNested(c.Type) { // JSON has its text already, down to 1.10
			texts[i] = fmt.Sprintf("cast(to_json(%s) as varchar)", aliases[i])
		}
	}
	rows, err := db.QueryContext(ctx, fmt.Sprintf("select %s from query(%s) as q(%s)",
		strings.Join(texts, ", "), quoteText(query), strings.Join(aliases, ", ")))
	if err != nil {
		return nil, err
	}
	return &Rows{Columns: columns, rows: rows, release: func() error { return nil }}, nil
}

// queryer is *stdsql.Conn or *stdsql.Tx.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*stdsql.Rows, error)
}

// describe lists the columns of a select without running it.
func describe(ctx context.Context, db queryer, query string) (columns []ResultColumn, err error) {
	rows, err := db.QueryContext(ctx, "describe "+query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var c ResultColumn
		var null, key, preset, extra any
		if err := rows.Scan(&c.Name, &c.Type, &null, &key, &preset, &extra); err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	return columns, rows.Err()
}

// queryPlain runs what is no plain select (show, explain, copy, ...): its results are texts and numbers.
func queryPlain(ctx context.Context, conn *stdsql.Conn, query string) (*Rows, error) {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	columns := make([]ResultColumn, len(types))
	for i, t := range types {
		columns[i] = ResultColumn{Name: t.Name(), Type: t.DatabaseTypeName()}
	}
	return &Rows{Columns: columns, rows: rows, release: func() error { return nil }}, nil
}

// All yields every row once, one value a column, and closes the rows at the end. After an error it ends. The slice is new for
// every row.
func (r *Rows) All() iter.Seq2[[]Value, error] {
	return func(yield func([]Value, error) bool) {
		for r.rows.Next() {
			values, err := r.scan()
			if !yield(values, err) || err != nil {
				_ = r.Close()
				return
			}
		}
		if err := errors.Join(r.rows.Err(), r.Close()); err != nil {
			yield(nil, fmt.Errorf("query: %w", err))
		}
	}
}

func (r *Rows) scan() ([]Value, error) {
	scanned, into := make([]any, len(r.Columns)), make([]any, len(r.Columns))
	for i := range scanned {
		into[i] = &scanned[i]
	}
	if err := r.rows.Scan(into...); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	values := make([]Value, len(scanned))
	for i, v := range scanned {
		values[i] = newValue(v, r.Columns[i].Type)
	}
	return values, nil
}

// Close ends the query. It may be called twice.
func (r *Rows) Close() error {
	err := errors.Join(r.rows.Close(), r.release())
	r.release = func() error { return nil }
	if err != nil {
		return fmt.Errorf("close query: %w", err)
	}
	return nil
}

func newValue(v any, columnType string) Value {
	switch v := v.(type) {
	case nil:
		return Value{Null: true}
	case string:
		if strings.HasPrefix(columnType, "TIMESTAMP") {
			return Value{Text: rfc3339(v)}
		}
		return Value{Text: v, literal: isLiteral(columnType) && json.Valid([]byte(v))}
	case time.Time:
		return Value{Text: v.UTC().Format(time.RFC3339Nano)}
	}
	text := fmt.Sprint(v)
	return Value{Text: text, literal: isLiteral(columnType) && json.Valid([]byte(text))}
}

// rfc3339 turns DuckDB's text of a timestamp, "2026-01-01 09:30:00.5+00", to RFC 3339. The offset is +00 unless the query
// itself set another time zone.
func rfc3339(text string) string {
	day, clock, ok := strings.Cut(text, " ")
	if !ok {
		return text // infinity
	}
	if utc, ok := strings.CutSuffix(clock, "+00"); ok {
		clock = utc + "Z"
	}
	return day + "T" + clock
}

func isNested(columnType string) bool {
	return columnType == "JSON" || strings.HasSuffix(columnType, "]") ||
		strings.HasPrefix(columnType, "STRUCT(") || strings.HasPrefix(columnType, "MAP(") || strings.HasPrefix(columnType, "UNION(")
}

// isLiteral says whether text of this type is a JSON value without quotes. NaN and infinities are not, see newValue.
func isLiteral(columnType string) bool {
	name, _, _ := strings.Cut(columnType, "(")
	switch name {
	case "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
		"FLOAT", "DOUBLE", "DECIMAL":
		return true
	}
	return isNested(columnType)
}
