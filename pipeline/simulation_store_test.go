package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"

	"github.com/trunkline/trunkline/sinks/disk"
)

// memory is a bucket in memory that many processes of a simulation share. It replaces objects conditionally in the way of
// sinks/disk, and nothing in it waits: a run that is suspended in the middle of an operation blocks nobody.
type memory struct {
	objects map[string]object
	writes  int
}

type object struct {
	bytes   []byte
	version disk.Version
}

func newMemory() *memory { return &memory{objects: map[string]object{}} }

// process is one process's sight of the bucket: before each operation it is asked whether it still lives.
type storeOf struct {
	*memory
	step func(operation string) error // nil error: go on
	lost func() bool                  // whether the answer of a write is lost, and the process with it
}

var errNoSuchObject = fmt.Errorf("no such object: %w", fs.ErrNotExist)
var errOtherVersion = errors.New("the object has another version")

func (m *memory) open(step func(string) error, lost func() bool) *blob.Bucket {
	return blob.NewBucket(&storeOf{m, step, lost})
}

func (s *storeOf) ErrorCode(err error) gcerrors.ErrorCode {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return gcerrors.NotFound
	case errors.Is(err, errOtherVersion):
		return gcerrors.FailedPrecondition
	case errors.Is(err, context.Canceled):
		return gcerrors.Canceled
	}
	return gcerrors.Unknown
}

func (s *storeOf) As(i any) bool {
	d, ok := i.(*disk.Dir)
	if ok {
		*d = "memory"
	}
	return ok
}

func (s *storeOf) ErrorAs(error, any) bool { return false }
func (s *storeOf) Close() error            { return nil }

func (s *storeOf) Copy(context.Context, string, string, *driver.CopyOptions) error {
	return errors.ErrUnsupported
}

func (s *storeOf) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errors.ErrUnsupported
}

func asObject(o object) func(any) bool {
	return func(i any) bool {
		v, ok := i.(*disk.Version)
		if ok {
			*v = o.version
		}
		return ok
	}
}

func (s *storeOf) Attributes(_ context.Context, key string) (*driver.Attributes, error) {
	if err := s.step("attributes"); err != nil {
		return nil, err
	}
	o, ok := s.objects[key]
	if !ok {
		return nil, errNoSuchObject
	}
	return &driver.Attributes{Size: int64(len(o.bytes)), ETag: `"` + string(o.version) + `"`, ModTime: time.Unix(1, 0), AsFunc: asObject(o)}, nil
}

func (s *storeOf) ListPaged(_ context.Context, o *driver.ListOptions) (*driver.ListPage, error) {
	if err := s.step("list"); err != nil {
		return nil, err
	}
	keys := map[string]*driver.ListObject{}
	for key, held := range s.objects {
		rest, ok := strings.CutPrefix(key, o.Prefix)
		if !ok {
			continue
		}
		one := &driver.ListObject{Key: key, Size: int64(len(held.bytes)), ModTime: time.Unix(1, 0)}
		if o.Delimiter != "" {
			if at := strings.Index(rest, o.Delimiter); at >= 0 {
				one = &driver.ListObject{Key: o.Prefix + rest[:at+1], IsDir: true}
			}
		}
		keys[one.Key] = one
	}
	page := &driver.ListPage{}
	for _, one := range keys {
		page.Objects = append(page.Objects, one)
	}
	slices.SortFunc(page.Objects, func(a, b *driver.ListObject) int { return strings.Compare(a.Key, b.Key) })
	return page, nil
}

type memoryReader struct {
	*bytes.Reader
	object object
}

func (r memoryReader) Close() error  { return nil }
func (r memoryReader) As(i any) bool { return asObject(r.object)(i) }
func (r memoryReader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{Size: int64(len(r.object.bytes)), ModTime: time.Unix(1, 0)}
}

func (s *storeOf) NewRangeReader(_ context.Context, key string, offset, length int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	if err := s.step("read"); err != nil {
		return nil, err
	}
	o, ok := s.objects[key]
	if !ok {
		return nil, errNoSuchObject
	}
	if length < 0 {
		length = int64(len(o.bytes)) - offset
	}
	return memoryReader{bytes.NewReader(o.bytes[offset : offset+length]), o}, nil
}

type memoryWriter struct {
	bytes.Buffer
	ctx   context.Context
	store *storeOf
	key   string
	write disk.Write
}

func (s *storeOf) NewTypedWriter(ctx context.Context, key, _ string, o *driver.WriterOptions) (driver.Writer, error) {
	w := &memoryWriter{ctx: ctx, store: s, key: key}
	if o.IfNotExist {
		w.write.IfVersion = new(disk.Version)
	}
	if o.BeforeWrite == nil {
		return w, nil
	}
	return w, o.BeforeWrite(func(i any) bool {
		p, ok := i.(**disk.Write)
		if ok {
			*p = &w.write
		}
		return ok
	})
}

func (w *memoryWriter) Close() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if err := w.store.step("write " + w.key); err != nil {
		return err
	}
	held := w.store.objects[w.key].version
	if want := w.write.IfVersion; want != nil && *want != held {
		return errOtherVersion
	}
	w.store.writes++
	w.write.Version = disk.Version(fmt.Sprint(w.store.writes))
	w.store.objects[w.key] = object{bytes.Clone(w.Bytes()), w.write.Version}
	if w.store.lost() {
		return errKilled
	}
	return nil
}

func (s *storeOf) Delete(_ context.Context, key string, _ *driver.DeleteOptions) error {
	if err := s.step("delete " + key); err != nil {
		return err
	}
	if _, ok := s.objects[key]; !ok {
		return errNoSuchObject
	}
	delete(s.objects, key)
	return nil
}

var errKilled = errors.New("the process was killed")

var _ io.Writer = (*memoryWriter)(nil)
