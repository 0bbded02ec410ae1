// Package disk is a bucket in a local directory, as a driver of gocloud.dev/blob for file:// URLs: an object is a file.
// It promises that an object is replaced by one rename after its bytes reached the disk, never seen half-written; that a
// write whose source failed or whose context ended leaves nothing behind; that a write can be made to depend on the
// version of the object, also among several processes; and that a directory that cannot be read is an error and never
// an empty bucket. It keeps no metadata: a content type and the like are dropped, and there are no files beside the
// objects but one lock in the bucket's directory and, while something is written, a file of a name that is never listed.
//
// # How an object is replaced
//
//  1. The bytes go to a temporary file beside the target, which its writer keeps locked, and are synced to the disk.
//  2. Under the bucket's lock the target's version is compared with the one that the writer knows, the temporary file's
//     time is set past the target's, and it is renamed over the target. Open readers keep the old bytes.
//  3. The directory is synced.
//
// A crash before 2 leaves a temporary file whose lock nobody holds: Sweep removes it. The lock is one for the bucket and
// not one for each object, since it is held for a comparison and a rename only, and nothing must be cleaned up after it.
// A version is the time and the size of a file; times grow with each write, so that no version comes again.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
)

// Scheme is the scheme of the URLs that this package opens.
const Scheme = "file"

func init() { blob.DefaultURLMux().RegisterBucket(Scheme, opener{}) }

// Dir is the directory behind a bucket, from Bucket.As.
type Dir string

// Version identifies one version of an object, from Reader.As and Attributes.As.
type Version string

// Write is what the BeforeWrite of one write may set, by its As function as **Write, and what the write tells.
type Write struct {
	IfVersion *Version // the version that is to be replaced, "" for no object; nil: whatever is there
	Version   Version  // of what was written, after the writer was closed without error
}

// opener opens URLs such as file:///data/lake. gocloud itself takes the parameter `prefix`.
type opener struct{}

func (opener) OpenBucketURL(_ context.Context, u *url.URL) (*blob.Bucket, error) {
	for name := range u.Query() {
		return nil, fmt.Errorf("%s: a directory has no parameter %q; leave it out", u, name)
	}
	path := filepath.FromSlash(u.Path)
	if filepath.Separator != '/' {
		path = strings.TrimPrefix(path, string(filepath.Separator)) // file:///c:/data
	}
	return OpenBucket(path)
}

// OpenBucket opens the bucket in a directory, which must exist.
func OpenBucket(dir string) (*blob.Bucket, error) {
	b, err := open(dir)
	if err != nil {
		return nil, err
	}
	return blob.NewBucket(b), nil
}

type bucket struct{ dir string }

func open(dir string) (*bucket, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", dir)
	}
	return &bucket{dir: dir}, nil
}

func (b *bucket) Close() error { return nil }

// coded is an error of the driver's own.
type coded struct {
	code gcerrors.ErrorCode
	text string
}

func (c *coded) Error() string { return c.text }

func (b *bucket) ErrorCode(err error) gcerrors.ErrorCode {
	var c *coded
	switch {
	case errors.As(err, &c):
		return c.code
	case errors.Is(err, fs.ErrNotExist):
		return gcerrors.NotFound
	case errors.Is(err, fs.ErrPermission):
		return gcerrors.PermissionDenied
	}
	return gcerrors.Unknown
}

func (b *bucket) As(i any) bool {
	p, ok := i.(*Dir)
	if ok {
		*p = Dir(b.dir)
	}
	return ok
}

func (b *bucket) ErrorAs(err error, i any) bool {
	p, ok := i.(**fs.PathError)
	return ok && errors.As(err, p)
}

// stat describes the object of a key. A key below an object, and one that is a directory, is of no object.
func (b *bucket) stat(key string) (path string, info fs.FileInfo, err error) {
	path = b.path(key)
	info, err = os.Stat(path)
	if err == nil && info.IsDir() || isNotDirectory(err) {
		err = &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
	}
	return path, info, err
}

func versionOf(info fs.FileInfo) Version {
	return Version(fmt.Sprintf("%x-%x", info.ModTime().UnixNano(), info.Size()))
}

func asVersion(info fs.FileInfo) func(any) bool {
	return func(i any) bool {
		p, ok := i.(*Version)
		if ok {
			*p = versionOf(info)
		}
		return ok
	}
}

func (b *bucket) Attributes(_ context.Context, key string) (*driver.Attributes, error) {
	_, info, err := b.stat(key)
	if err != nil {
		return nil, err
	}
	return &driver.Attributes{
		ModTime: info.ModTime(),
		Size:    info.Size(),
		ETag:    `"` + string(versionOf(info)) + `"`,
		AsFunc:  asVersion(info),
	}, nil
}

// reader reads one version of an object: the file stays what it was when it was opened.
type reader struct {
	io.Reader
	f    *os.File
	info fs.FileInfo
}

func (r *reader) Close() error  { return r.f.Close() }
func (r *reader) As(i any) bool { return asVersion(r.info)(i) }
func (r *reader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{
		ContentType: "application/octet-stream",
		ModTime:     r.info.ModTime(),
		Size:        r.info.Size(),
	}
}

func (b *bucket) NewRangeReader(_ context.Context, key string, offset, length int64, o *driver.ReaderOptions) (driver.Reader, error) {
	path, _, err := b.stat(key)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := newReader(f, offset, length, o)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return r, nil
}

func newReader(f *os.File, offset, length int64, o *driver.ReaderOptions) (*reader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if o.BeforeRead != nil {
		if err := o.BeforeRead(func(any) bool { return false }); err != nil {
			return nil, err
		}
	}
	if length < 0 {
		length = max(info.Size()-offset, 0)
	}
	return &reader{Reader: io.NewSectionReader(f, offset, length), f: f, info: info}, nil
}

func (b *bucket) Delete(ctx context.Context, key string, o *driver.DeleteOptions) error {
	if o.BeforeDelete != nil {
		if err := o.BeforeDelete(func(any) bool { return false }); err != nil {
			return err
		}
	}
	var path string
	err := b.locked(ctx, func() (err error) {
		if path, _, err = b.stat(key); err == nil {
			err = os.Remove(path)
		}
		return err
	})
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func (b *bucket) Copy(ctx context.Context, to, from string, o *driver.CopyOptions) error {
	r, err := b.NewRangeReader(ctx, from, 0, -1, &driver.ReaderOptions{})
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := b.newWriter(ctx, to, &driver.WriterOptions{BeforeWrite: o.BeforeCopy})
	if err != nil {
		return err
	}
	_ = w.Upload(r) // Close returns its error
	return w.Close()
}

func (b *bucket) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", &coded{gcerrors.Unimplemented, "a directory has no signed URLs"}
}
