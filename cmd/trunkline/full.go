package main

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
)

// fullDisk is what can be done where an error says that a disk is full: it names the directory. Empty where it does not.
func fullDisk(err error) string {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return ""
	}
	dir := "a directory"
	var at *fs.PathError
	if errors.As(err, &at) {
		dir = filepath.Dir(at.Path)
	}
	for _, name := range strings.Split(filepath.ToSlash(dir), "/") {
		if strings.HasPrefix(name, "trunkline-") { // as the lake's scratch is named
			return "; the disk of the temporary files in " + dir + " is full: make space there, or set TMPDIR to a directory that has some, and run it again; nothing is lost"
		}
	}
	return "; the disk that holds " + dir + " is full: make space there and run it again; nothing is lost"
}
