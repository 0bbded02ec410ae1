//go:build !windows

package disk

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the lock of an open file unless somebody holds it, in this process or another. Closing the file, and
// so the end of the process, gives it back.
func tryLock(f *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		}
		return err == nil, err
	}
}

// syncDir brings a directory's names to the disk.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil // a file system that syncs no directories
	}
	return errors.Join(err, f.Close())
}

func isNotDirectory(err error) bool { return errors.Is(err, syscall.ENOTDIR) }
