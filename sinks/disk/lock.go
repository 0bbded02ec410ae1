package disk

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// reserved begins the names of files that are no objects. No key is written under such a name: see escape.
const reserved = ".trunkline"

const lockName = reserved + ".lock"

// locked runs do while this process and no other holds the bucket's lock. The lock file stays: removing it would let two
// processes hold locks of different files.
func (b *bucket) locked(ctx context.Context, do func() error) error {
	f, err := os.OpenFile(filepath.Join(b.dir, lockName), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer f.Close() // which unlocks
	for wait := 100 * time.Microsecond; ; wait = min(2*wait, 10*time.Millisecond) {
		held, err := tryLock(f)
		if err != nil {
			return noLocks(b.dir, err)
		}
		if held {
			return do()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// TryLock takes the lock of an open file unless somebody holds it, in this process or another. Closing the file, and so the end of
// the process, gives it back.
func TryLock(f *os.File) (bool, error) { return tryLock(f) }

func noLocks(dir string, err error) error {
	return fmt.Errorf("the file system of %s does not lock files; put the lake on one that does: %w", dir, err)
}
