package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Sweep removes from a bucket's directory the temporary files that killed writers left behind: those whose lock nobody
// holds and that are at least as old as given. A minute is enough, for the moment between the making and the locking of
// a file. It returns how many were removed.
func Sweep(dir string, age time.Duration) (removed int, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() || !isTemporary(d.Name()) {
			return err
		}
		gone, err := sweepFile(path, age)
		if gone {
			removed++
		}
		return err
	})
	return removed, err
}

func isTemporary(name string) bool {
	return strings.HasPrefix(name, temporaryPrefix) && strings.HasSuffix(name, temporarySuffix)
}

func sweepFile(path string, age time.Duration) (gone bool, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // its writer was alive and is done
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || time.Since(info.ModTime()) < age {
		return false, err
	}
	abandoned, err := tryLock(f)
	if err != nil || !abandoned {
		return false, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return true, nil
}
