package disk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
)

// writer writes one object by way of a temporary file, which it keeps locked until it is done.
type writer struct {
	ctx    context.Context
	b      *bucket
	key    string
	path   string
	f      *os.File
	write  Write
	failed error // the first error: nothing is published after it
}

func (b *bucket) NewTypedWriter(ctx context.Context, key, _ string, o *driver.WriterOptions) (driver.Writer, error) {
	w, err := b.newWriter(ctx, key, o)
	if err != nil {
		return nil, err // and not a nil *writer in an interface
	}
	return w, nil
}

func (b *bucket) newWriter(ctx context.Context, key string, o *driver.WriterOptions) (*writer, error) {
	if key == "" {
		return nil, &coded{gcerrors.InvalidArgument, "an object needs a key"}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := &writer{ctx: ctx, b: b, key: key, path: b.path(key)}
	if o.IfNotExist {
		w.write.IfVersion = new(Version)
	}
	if err := b.makeDir(filepath.Dir(w.path)); err != nil {
		return nil, err
	}
	var err error
	if w.f, err = createTemporary(filepath.Dir(w.path)); err != nil {
		return nil, err
	}
	if o.BeforeWrite != nil {
		if err := o.BeforeWrite(w.as); err != nil {
			w.discard()
			return nil, err
		}
	}
	return w, nil
}

func (w *writer) as(i any) bool {
	p, ok := i.(**Write)
	if ok {
		*p = &w.write
	}
	return ok
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	w.fail(err)
	return n, err
}

// Upload copies a whole source. After it failed, Close publishes nothing.
func (w *writer) Upload(r io.Reader) error {
	_, err := io.Copy(w.f, r)
	w.fail(err)
	return err
}

func (w *writer) fail(err error) {
	if w.failed == nil {
		w.failed = err
	}
}

// discard closes and removes the temporary file; after its rename only the closing is left to do.
func (w *writer) discard() {
	_ = w.f.Close()           // an error shows at the sync; a second closing is none
	_ = os.Remove(w.f.Name()) // what stays, Sweep removes
}

func (w *writer) Close() error {
	defer w.discard()
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.failed != nil {
		return w.failed
	}
	if err := w.f.Sync(); err != nil {
		return err
	}
	if err := w.b.locked(w.ctx, w.publish); err != nil {
		return err
	}
	return syncDir(filepath.Dir(w.path))
}

// publish renames the temporary file over the object, if that has the version that it shall have.
func (w *writer) publish() error {
	held, err := os.Stat(w.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var old time.Time
	var version Version
	if err == nil {
		if held.IsDir() {
			return &coded{gcerrors.FailedPrecondition, fmt.Sprintf("%s is a directory and cannot be an object", w.path)}
		}
		old, version = held.ModTime(), versionOf(held)
	}
	if expected := w.write.IfVersion; expected != nil && *expected != version {
		return &coded{gcerrors.FailedPrecondition, fmt.Sprintf("%s was written by somebody else meanwhile", w.path)}
	}
	if err := w.f.Close(); err != nil { // not every system renames an open file
		return err
	}
	if w.write.Version, err = stamp(w.f.Name(), old); err != nil {
		return err
	}
	return os.Rename(w.f.Name(), w.path)
}

// stamp sets a file's time to now, or past the old one's where the clock or the file system's grain would repeat it.
func stamp(name string, old time.Time) (Version, error) {
	at := time.Now()
	for past := time.Nanosecond; ; past *= 1000 {
		if !at.After(old) {
			at = old.Add(past)
		}
		if err := os.Chtimes(name, at, at); err != nil {
			return "", err
		}
		info, err := os.Stat(name)
		if err != nil {
			return "", err
		}
		if info.ModTime().After(old) || past > time.Hour {
			return versionOf(info), nil
		}
		at = old
	}
}

const (
	temporaryPrefix = reserved + "-"
	temporarySuffix = ".tmp"
)

func createTemporary(dir string) (*os.File, error) {
	name := filepath.Join(dir, temporaryPrefix+rand.Text()+temporarySuffix)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	if _, err := tryLock(f); err != nil {
		_ = f.Close()
		_ = os.Remove(name)
		return nil, noLocks(dir, err)
	}
	return f, nil
}

// makeDir makes a directory of the bucket and those above it, each synced into the one above it.
func (b *bucket) makeDir(dir string) error {
	if info, err := os.Stat(dir); dir == b.dir || err == nil && info.IsDir() {
		return err
	}
	above := filepath.Dir(dir)
	if err := b.makeDir(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(above)
}
