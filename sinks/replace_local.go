package sinks

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/trunkline/trunkline/sinks/disk"
)

// diskVersions are those of the driver of local directories, which compares and replaces under its own lock.
type diskVersions struct{ bucket *blob.Bucket }

func (s diskVersions) write(ctx context.Context, u upload) (objectVersion, error) {
	var told *disk.Write
	o := u.options()
	o.BeforeWrite = func(as func(any) bool) error {
		if !as(&told) {
			return fmt.Errorf("the bucket is not one of %T", told)
		}
		told.IfVersion = (*disk.Version)(u.expected)
		return nil
	}
	if err := s.bucket.Upload(ctx, u.key, u.source, o); err != nil {
		return "", err
	}
	return objectVersion(told.Version), nil
}

func (s diskVersions) read(ctx context.Context, key string) ([]byte, objectVersion, error) {
	var v disk.Version
	b, err := readWhole(ctx, s.bucket, key, nil, func(r *blob.Reader) { r.As(&v) })
	return b, objectVersion(v), err
}

// look tells no note: a write to a directory has its answer before it ends.
func (s diskVersions) look(ctx context.Context, key string) (objectVersion, string, error) {
	a, err := s.bucket.Attributes(ctx, key)
	if err != nil {
		return "", "", err
	}
	var v disk.Version
	a.As(&v)
	return objectVersion(v), "", nil
}

// readWhole reads an object by one request, and shows the reader to whom wants the version.
func readWhole(ctx context.Context, bucket *blob.Bucket, key string, o *blob.ReaderOptions, show func(*blob.Reader)) ([]byte, error) {
	r, err := bucket.NewReader(ctx, key, o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	show(r)
	b := bytes.NewBuffer(make([]byte, 0, r.Size()+bytes.MinRead))
	if _, err := b.ReadFrom(r); err != nil {
		return nil, err
	}
	if int64(b.Len()) != r.Size() {
		return nil, fmt.Errorf("%d of %d bytes came: %w", b.Len(), r.Size(), io.ErrUnexpectedEOF)
	}
	return b.Bytes(), nil
}

// inMemory is held while an object in memory is compared and replaced. Several lakes of a process may share a bucket,
// and gocloud's buckets in memory know no condition but that there is no object.
var inMemory sync.Mutex

// memoryVersions are those of buckets in memory: a write's note is its version, since nothing else changes with each.
type memoryVersions struct{ bucket *blob.Bucket }

func (s memoryVersions) write(ctx context.Context, u upload) (objectVersion, error) {
	b, err := io.ReadAll(u.source)
	if err != nil {
		return "", err
	}
	inMemory.Lock()
	defer inMemory.Unlock()
	if u.expected != nil {
		held, _, err := s.look(ctx, u.key)
		if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return "", err
		}
		if held != *u.expected {
			return "", errLost
		}
	}
	return objectVersion(u.note), s.bucket.Upload(ctx, u.key, bytes.NewReader(b), u.options())
}

func (s memoryVersions) read(ctx context.Context, key string) ([]byte, objectVersion, error) {
	inMemory.Lock()
	defer inMemory.Unlock()
	v, _, err := s.look(ctx, key)
	if err != nil {
		return nil, "", err
	}
	b, err := readWhole(ctx, s.bucket, key, nil, func(*blob.Reader) {})
	return b, v, err
}

// look takes an object without a note, which others wrote, for the version that its time and size make.
func (s memoryVersions) look(ctx context.Context, key string) (objectVersion, string, error) {
	a, err := s.bucket.Attributes(ctx, key)
	if err != nil {
		return "", "", err
	}
	if note := a.Metadata[noteKey]; note != "" {
		return objectVersion(note), note, nil
	}
	return objectVersion(a.ETag), "", nil
}
