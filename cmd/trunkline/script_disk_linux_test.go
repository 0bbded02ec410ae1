package main

import (
	"fmt"
	"os"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// canMount tries once whether small disks can be mounted here.
var canMount = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "tmpfs-")
	if err != nil {
		return err
	}
	defer os.Remove(dir)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		return err
	}
	return unix.Unmount(dir, 0)
})

// condition knows [tmpfs].
func condition(name string) (bool, error) {
	if name != "tmpfs" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	err := canMount()
	if err != nil {
		fmt.Fprintf(os.Stderr, "full.txtar is not run: a small tmpfs cannot be mounted here, which takes root on Linux: %v\n", err)
	}
	return err == nil, nil
}

func tmpfs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tmpfs DIR SIZE")
	}
	dir, flags := ts.MkAbs(args[0]), uintptr(0)
	if _, err := os.Stat(dir); err == nil {
		flags = unix.MS_REMOUNT
	} else {
		ts.Check(os.MkdirAll(dir, 0o755))
		ts.Defer(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	}
	ts.Check(unix.Mount("tmpfs", dir, "tmpfs", flags, "size="+args[1]))
}
