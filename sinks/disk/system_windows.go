package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock takes the lock of an open file unless somebody holds it, in this process or another. Closing the file, and
// so the end of the process, gives it back. The byte that is locked lies far beyond any data.
func tryLock(f *os.File) (bool, error) {
	at := &windows.Overlapped{OffsetHigh: 1 << 30}
	const how = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

// syncDir does nothing: Windows has no syncing of directories.
func syncDir(string) error { return nil }

func isNotDirectory(err error) bool { return errors.Is(err, windows.ERROR_DIRECTORY) }
