package sinks

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
)

// Object is one object of the lake and the version of it that is meant.
type Object struct {
	Key    string
	SHA256 string // of its bytes, as the ledger or a mart's state knows it
	Bytes  int64  // its size
}

// IsLocal reports whether the lake's files can be read in place.
func (l *Lake) IsLocal() bool { return l.localDir != "" }

// Files returns a local path for each object, for an engine that reads local files only. Objects of a local lake are
// read in place; those of a remote one are copied once per version to the cache, under a path that ends in their key.
func (l *Lake) Files(ctx context.Context, objects []Object) ([]string, error) {
	out := make([]string, 0, len(objects))
	for _, o := range objects {
		if l.IsLocal() {
			out = append(out, filepath.Join(l.localDir, filepath.FromSlash(o.Key)))
			continue
		}
		name, err := l.cached(ctx, o)
		if err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return out, nil
}

// MissingBytes is how much Files would have to fetch for the objects.
func (l *Lake) MissingBytes(objects []Object) int64 {
	if l.IsLocal() {
		return 0
	}
	var n int64
	for _, o := range objects {
		if _, err := os.Stat(l.cacheName(o)); err != nil {
			n += o.Bytes
		}
	}
	return n
}

func (l *Lake) cacheName(o Object) string {
	return filepath.Join(l.cacheDir, o.SHA256, filepath.FromSlash(o.Key))
}

func (l *Lake) cached(ctx context.Context, o Object) (string, error) {
	name := l.cacheName(o)
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "fetch-")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	if err := l.fetch(ctx, o.Key, f); err != nil {
		return "", err
	}
	_, sum, err := fileSum(f.Name())
	switch {
	case err != nil:
		return "", err
	case sum != o.SHA256:
		return "", fmt.Errorf("read %s: it is not the object that the ledger knows: %w", o.Key, ErrConflict)
	}
	return name, os.Rename(f.Name(), name)
}

// fetch copies an object to a file, by one request, so that its bytes are of one version.
func (l *Lake) fetch(ctx context.Context, key string, f *os.File) error {
	defer f.Close()
	err := retried(ctx, func() error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if err := f.Truncate(0); err != nil {
			return err
		}
		r, err := l.bucket.NewReader(ctx, key, nil)
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.Copy(f, r)
		return err
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", key, explained(err))
	}
	return f.Close()
}

const (
	rejectedPrefix = "_trunkline/rejected/"
	rejectedType   = "application/x-ndjson"
)

// WriteRejected keeps records that have no place in a table, one JSON document a line, under a name of the run's.
func (l *Lake) WriteRejected(ctx context.Context, account, stream, name string, lines []byte) (key string, err error) {
	if err := checkAccount(account); err != nil {
		return "", err
	}
	key = path.Join(rejectedPrefix, account, stream, name+".ndjson")
	return key, l.putBytes(ctx, key, lines, rejectedType)
}
