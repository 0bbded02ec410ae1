package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// scratchName is the lock in a scratch directory. It is not that of a lake, which may lie beside it under a like name.
const scratchName = reserved + ".scratch"

// Scratch is a directory for the temporary files of one process, which holds its lock as long as it lives.
type Scratch struct {
	Dir  string
	lock *os.File
}

// MakeScratch makes a directory of its own below parent, or below the system's directory for temporary files if that is empty. Its name
// begins with the prefix.
func MakeScratch(parent, prefix string) (*Scratch, error) {
	dir, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, scratchName), os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		_, err = tryLock(lock)
	}
	if err != nil {
		return nil, errors.Join(noLocks(dir, err), os.RemoveAll(dir))
	}
	return &Scratch{dir, lock}, nil
}

// Close removes the directory.
func (s *Scratch) Close() error {
	return errors.Join(s.lock.Close(), os.RemoveAll(s.Dir))
}

// SweepScratch removes the directories below parent that killed processes left: those whose name begins with the prefix, whose lock
// nobody holds, and that are at least as old as given. Others' directories have no such lock. It returns how many were removed.
func SweepScratch(parent, prefix string, age time.Duration) (removed int, err error) {
	if parent == "" {
		parent = os.TempDir()
	}
	entries, err := os.ReadDir(parent)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		gone, sweepErr := sweepScratch(filepath.Join(parent, e.Name()), age)
		if gone {
			removed++
		}
		err = errors.Join(err, sweepErr)
	}
	return removed, err
}

func sweepScratch(dir string, age time.Duration) (gone bool, err error) {
	lock, err := os.OpenFile(filepath.Join(dir, scratchName), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return false, nil // not ours
	}
	if err != nil {
		return false, err
	}
	defer lock.Close()
	info, err := lock.Stat()
	if err != nil || time.Since(info.ModTime()) < age {
		return false, err
	}
	abandoned, err := tryLock(lock)
	if err != nil || !abandoned {
		return false, err
	}
	return true, os.RemoveAll(dir)
}
