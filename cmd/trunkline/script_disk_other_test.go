//go:build !linux

package main

import (
	"fmt"
	"os"

	"github.com/rogpeppe/go-internal/testscript"
)

func condition(name string) (bool, error) {
	fmt.Fprintln(os.Stderr, "full.txtar is not run: small disks are mounted on Linux only")
	return false, nil
}

func tmpfs(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("tmpfs: on Linux only") }
