package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// martFlags say how the marts are built. What takes more than a value stands in the configuration file only.
type martFlags struct {
	Timezone           string       `help:"Time zone (IANA name) whose days are the local dates of the marts." default:"UTC"`
	ServiceLevel       seconds      `help:"Wait within which a call to a queue is answered in time." default:"20s"`
	ShortAbandon       seconds      `help:"Wait up to which a caller who hangs up says nothing of the queue." default:"5s"`
	MissedRecoveryDays recoveryDays `help:"Days within which a missed caller has to be reached again, 1 to 60." default:"7"`
	Memory             string       `help:"Memory that DuckDB may use." default:"2GB"`
	Threads            int          `help:"Threads that DuckDB may use; 0 means all cores." default:"0"`
}

// seconds is a duration on the command line that is a whole number of seconds, at most a day.
type seconds int

// UnmarshalText reads a duration with a unit.
func (s *seconds) UnmarshalText(text []byte) error {
	var d span
	if err := d.UnmarshalText(text); err != nil || time.Duration(d)%time.Second != 0 || time.Duration(d) > 24*time.Hour {
		return fmt.Errorf("%q: expected whole seconds with a unit, at most a day, such as 20s or 1m30s", text)
	}
	*s = seconds(time.Duration(d) / time.Second)
	return nil
}

// String is the duration with its unit.
func (s seconds) String() string { return (time.Duration(s) * time.Second).String() }

// recoveryDays is a number of days that the marts can look ahead.
type recoveryDays int

// UnmarshalText reads a number from 1 to 60.
func (d *recoveryDays) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 || n > 60 {
		return fmt.Errorf("%q: expected a number of days from 1 to 60", text)
	}
	*d = recoveryDays(n)
	return nil
}

// zoneOf is the time zone of a name.
func zoneOf(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("%q: expected an IANA name such as America/New_York or UTC", name)
	}
	return zone, nil
}

// zone is the time zone of the marts.
func (f martFlags) zone() (*time.Location, error) {
	zone, err := zoneOf(f.Timezone)
	if err != nil {
		return nil, usage(fmt.Errorf("--timezone %w", err))
	}
	return zone, nil
}

// building is what marts are built with.
type building struct {
	options sql.Options
	zone    *time.Location
}

// marts reads all that says how the marts are built, of a source that keeps a call for so long, before anything is made or asked.
func (f martFlags) marts(s *session, retention span) (building, error) {
	zone, err := f.zone()
	if err != nil {
		return building{}, err
	}
	settings := sql.Settings{ServiceLevelS: int(f.ServiceLevel), ShortAbandonS: int(f.ShortAbandon), MissedRecoveryDays: int(f.MissedRecoveryDays),
		RetentionDays: int(time.Duration(retention).Hours() / 24)}
	if err := s.file.business(&settings); err != nil {
		return building{}, usage(err)
	}
	return building{zone: zone, options: sql.Options{
		MemoryLimit: f.Memory, Threads: f.Threads, Timezone: f.Timezone, Settings: &settings,
	}}, nil
}

// engine is a DuckDB whose temporary files lie beside those of the lake.
func (b building) engine(ctx context.Context, lake *sinks.Lake) (*sql.Engine, error) {
	b.options.TempDir = lake.Scratch()
	e, err := sql.Open(ctx, &b.options)
	if err != nil {
		return nil, usage(err)
	}
	return e, nil
}
