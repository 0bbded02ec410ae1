package pipeline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"

	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sinks/disk"
)

// watched is any bucket with somebody who is asked before and after each call that changes it. It is one process's sight of the
// bucket.
type watched struct {
	*blob.Bucket
	before func(change string) error // "": no change; an error: the call does not happen
	after  func() error              // the change took effect; an error: its answer is lost
}

func watch(b *blob.Bucket, before func(string) error, after func() error) *blob.Bucket {
	return blob.NewBucket(&watched{b, before, after})
}

func (w *watched) ErrorCode(err error) gcerrors.ErrorCode {
	if errors.Is(err, context.Canceled) {
		return gcerrors.Canceled
	}
	return gcerrors.Code(err)
}

func (w *watched) Close() error { return nil } // the bucket outlives the process

func (w *watched) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	if err := w.before(""); err != nil {
		return nil, err
	}
	a, err := w.Bucket.Attributes(ctx, key)
	if err != nil {
		return nil, err
	}
	return &driver.Attributes{Size: a.Size, ETag: a.ETag, ModTime: a.ModTime, Metadata: a.Metadata, AsFunc: a.As}, nil
}

func (w *watched) ListPaged(ctx context.Context, o *driver.ListOptions) (*driver.ListPage, error) {
	if err := w.before(""); err != nil {
		return nil, err
	}
	page := &driver.ListPage{}
	for list := w.List(&blob.ListOptions{Prefix: o.Prefix, Delimiter: o.Delimiter}); ; {
		one, err := list.Next(ctx)
		if err == io.EOF {
			return page, nil
		}
		if err != nil {
			return nil, err
		}
		page.Objects = append(page.Objects, &driver.ListObject{Key: one.Key, Size: one.Size, ModTime: one.ModTime, IsDir: one.IsDir})
	}
}

type watchedReader struct{ *blob.Reader }

func (r watchedReader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{ContentType: r.ContentType(), ModTime: r.ModTime(), Size: r.Size()}
}

func (w *watched) NewRangeReader(ctx context.Context, key string, offset, length int64, o *driver.ReaderOptions) (driver.Reader, error) {
	if err := w.before(""); err != nil {
		return nil, err
	}
	r, err := w.Bucket.NewRangeReader(ctx, key, offset, length, &blob.ReaderOptions{BeforeRead: o.BeforeRead})
	if err != nil {
		return nil, err
	}
	return watchedReader{r}, nil
}

// watchedWriter keeps what is written until it is closed: then the write takes effect as a whole, or not at all.
type watchedWriter struct {
	bytes.Buffer
	ctx     context.Context
	bucket  *watched
	key     string
	options *blob.WriterOptions
}

func (w *watched) NewTypedWriter(ctx context.Context, key, contentType string, o *driver.WriterOptions) (driver.Writer, error) {
	return &watchedWriter{ctx: ctx, bucket: w, key: key, options: &blob.WriterOptions{ContentType: contentType, Metadata: o.Metadata,
		BufferSize: o.BufferSize, MaxConcurrency: o.MaxConcurrency, BeforeWrite: o.BeforeWrite, IfNotExist: o.IfNotExist}}, nil
}

// Close uploads, as the lake does: writing to Azure piece by piece does not survive a refusal.
func (w *watchedWriter) Close() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if err := w.bucket.before("write " + w.key); err != nil {
		return err
	}
	if err := w.bucket.Upload(w.ctx, w.key, &w.Buffer, w.options); err != nil {
		return err
	}
	return w.bucket.after()
}

func (w *watched) Delete(ctx context.Context, key string, _ *driver.DeleteOptions) error {
	if err := w.before("delete " + key); err != nil {
		return err
	}
	if err := w.Bucket.Delete(ctx, key); err != nil {
		return err
	}
	return w.after()
}

func (w *watched) Copy(context.Context, string, string, *driver.CopyOptions) error {
	return errors.ErrUnsupported
}

func (w *watched) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errors.ErrUnsupported
}

// careless is a bucket that takes every write, whatever it depends on.
type careless struct{ *watched }

func (c careless) NewTypedWriter(ctx context.Context, key, contentType string, o *driver.WriterOptions) (driver.Writer, error) {
	var ignored disk.Write
	if o.BeforeWrite != nil {
		err := o.BeforeWrite(func(i any) bool {
			p, ok := i.(**disk.Write)
			if ok {
				*p = &ignored
			}
			return ok
		})
		if err != nil {
			return nil, err
		}
	}
	return c.watched.NewTypedWriter(ctx, key, contentType, &driver.WriterOptions{})
}

// TestProbeFindsCarelessStores: a store that does not honour conditions is found out, and nothing is left in it.
func TestProbeFindsCarelessStores(t *testing.T) {
	store := newMemory()
	bucket := blob.NewBucket(careless{&watched{store.opened(t), func(string) error { return nil }, func() error { return nil }}})
	defer bucket.Close()
	lake, err := sinks.Open(t.Context(), bucket, &sinks.LakeOptions{Scratch: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer lake.Close()
	for _, p := range lake.ProbeAccess(t.Context()) {
		if p.Err != nil {
			t.Errorf("%s: %v", p.What, p.Err)
		}
	}
	if p := lake.ProbeConditions(t.Context())[0]; p.Err == nil || !strings.Contains(p.Err.Error(), "let one run at a time write this lake") {
		t.Errorf("%s: %v", p.What, p.Err)
	}
	if len(store.objects) > 0 {
		t.Errorf("left behind: %v", store.objects)
	}
}
