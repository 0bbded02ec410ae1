package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// parseLine reads a command line as run does.
func parseLine(t *testing.T, args []string) *kong.Context {
	t.Helper()
	s := &session{}
	_, command, err := s.parse(&cli{}, process{stdout: io.Discard, stderr: os.Stderr, args: append([]string{"trunkline"}, args...)})
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return command
}

func valueText(v any) string {
	switch v := v.(type) {
	case span:
		return time.Duration(v).String()
	case []string:
		return strings.Join(v, ",")
	}
	return fmt.Sprint(v)
}

// lineOf is the shortest line of a verb: what it cannot do without, with or without the flags among that.
func lineOf(verb *kong.Node, flags bool) []string {
	line := []string{verb.Name}
	for _, f := range verb.Flags {
		if f.Required && flags {
			line = append(line, "--"+f.Name+"=1")
		}
	}
	for _, p := range verb.Positional {
		if p.Required {
			line = append(line, "1")
		}
	}
	return line
}

// choices are three values of a flag, the first not its default and neighbours different.
func choices(f *kong.Flag) []string {
	switch f.Target.Interface().(type) {
	case span:
		return []string{"1h0m0s", "2h0m0s", "3h0m0s"}
	case seconds:
		return []string{"11s", "12s", "13s"}
	case bool:
		return []string{"true", "false", "true"}
	case streamList:
		return []string{"call_log", "messages", "call_log,messages"}
	}
	if f.Name == "timezone" {
		return []string{"Asia/Tokyo", "Europe/Berlin", "America/New_York"}
	}
	if f.Enum == "" {
		return []string{"11", "12", "13"}
	}
	for _, one := range strings.Split(f.Enum, ",") {
		if one != f.Default {
			return []string{one, f.Default, one}
		}
	}
	panic("an enum of one value: " + f.Name)
}

// TestEveryFlagHasFourSources holds that each flag of each verb is read from the command line, else from its variable,
// else from its key in the file, else from its default.
func TestEveryFlagHasFourSources(t *testing.T) {
	for _, verb := range parseLine(t, []string{"version"}).Model.Children {
		t.Run(verb.Name, func(t *testing.T) {
			compareFlags(t, "default", lineOf(verb, true), func(f *kong.Flag) string {
				if f.Required {
					return "1"
				}
				return defaultText(t, f)
			})
			var keys, args []string
			for _, f := range sourcedFlags(parseLine(t, lineOf(verb, true))) {
				keys = append(keys, f.Name+": "+choices(f)[0])
				args = append(args, "--"+f.Name+"="+choices(f)[2])
			}
			file := filepath.Join(t.TempDir(), "trunkline.yaml")
			if err := os.WriteFile(file, []byte(strings.Join(keys, "\n")), 0o600); err != nil {
				t.Fatal(err)
			}
			line := append(lineOf(verb, false), "--config="+file)
			compareFlags(t, "file", line, func(f *kong.Flag) string { return choices(f)[0] })
			for _, f := range sourcedFlags(parseLine(t, line)) {
				t.Setenv("TRUNKLINE_"+strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_")), choices(f)[1])
			}
			compareFlags(t, "environment before file", line, func(f *kong.Flag) string { return choices(f)[1] })
			compareFlags(t, "flag before environment", append(line, args...), func(f *kong.Flag) string { return choices(f)[2] })
		})
	}
}

// sourcedFlags are all flags but those that say where the others come from; of the file's name there are two sources, see
// config.txtar.
func sourcedFlags(command *kong.Context) []*kong.Flag {
	return slices.DeleteFunc(command.Flags(), func(f *kong.Flag) bool { return f.Name == "help" || f.Name == "config" })
}

// compareFlags reads a line and compares each flag with what it should be.
func compareFlags(t *testing.T, source string, line []string, want func(*kong.Flag) string) {
	t.Helper()
	command := parseLine(t, line)
	flags := sourcedFlags(command)
	for _, f := range flags {
		if got := valueText(command.FlagValue(f)); got != want(f) {
			t.Errorf("%s: --%s is %q, want %q", source, f.Name, got, want(f))
		}
	}
	if len(flags) < 2 {
		t.Errorf("%v: %d flags, want at least those of all verbs", line, len(flags))
	}
}

// defaultText is what the help says that the flag is without any source.
func defaultText(t *testing.T, f *kong.Flag) string {
	t.Helper()
	switch f.Target.Interface().(type) {
	case span:
		var s span
		if err := s.UnmarshalText([]byte(f.Default)); err != nil {
			t.Fatal(err)
		}
		return valueText(s)
	case bool:
		return "false"
	}
	return f.Default
}

// TestCredentialsAreNoFlags holds that no secret can stand on a command line or in the configuration file.
func TestCredentialsAreNoFlags(t *testing.T) {
	known := flagNames(parseLine(t, []string{"version"}).Model.Node)
	for _, name := range append(known, credentialKeys()...) {
		for _, secret := range []string{"rc_app_client_secret", "rc_user_jwt", "jwt", "client-secret", "password", "token"} {
			if name == secret {
				t.Errorf("%s is a flag or a key of the file", name)
			}
		}
	}
	if len(known) < 20 {
		t.Errorf("%d flags found, want all of them", len(known))
	}
}
