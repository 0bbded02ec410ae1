package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/trunkline/trunkline/sql"
)

// version is set by the release build (-ldflags "-X main.version=v1.2.3").
var version = "dev"

type versionCmd struct{}

// Run shows the versions that a report of a problem should name.
func (c *versionCmd) Run(s *session) error {
	commit, arrow := "unknown", "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				commit = setting.Value
			}
		}
		for _, dep := range info.Deps {
			if strings.HasPrefix(dep.Path, "github.com/apache/arrow-go/") {
				arrow = dep.Version
			}
		}
	}
	_, err := fmt.Fprintf(s.stdout, "trunkline %s\ncommit    %s\ngo        %s\nduckdb    %s\narrow     %s\n",
		version, commit, strings.TrimPrefix(runtime.Version(), "go"), strings.TrimPrefix(sql.Version(), "v"), strings.TrimPrefix(arrow, "v"))
	return err
}

// userAgent names the program to RingCentral, which recommends a stable one.
func userAgent() string {
	return "trunkline/" + version + " (+https://github.com/trunkline/trunkline)"
}

// programName is how a person would call the program again.
func programName(arg0 string) string {
	if strings.Contains(filepath.ToSlash(arg0), "/go-build") {
		return "go run ./cmd/trunkline"
	}
	if dir, err := os.Getwd(); err == nil && filepath.IsAbs(arg0) {
		if rel, err := filepath.Rel(dir, arg0); err == nil && !strings.HasPrefix(rel, "..") {
			return "./" + rel
		}
	}
	return arg0
}
