package pipeline

import (
	"context"
	"errors"
	"io"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
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

func (w *watched) NewRangeReader(ctx context.Context, key string, offset, length int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	if err := w.before(""); err != nil {
		return nil, err
	}
	r, err := w.Bucket.NewRangeReader(ctx, key, offset, length, nil)
	if err != nil {
		return nil, err
	}
	return watchedReader{r}, nil
}

type watchedWriter struct {
	*blob.Writer
	cancel  context.CancelFunc
	bucket  *watched
	key     string
	written error
}

func (w *watched) NewTypedWriter(ctx context.Context, key, contentType string, o *driver.WriterOptions) (driver.Writer, error) {
	ctx, cancel := context.WithCancel(ctx)
	inner, err := w.NewWriter(ctx, key, &blob.WriterOptions{ContentType: contentType, Metadata: o.Metadata, BeforeWrite: o.BeforeWrite, IfNotExist: o.IfNotExist})
	if err != nil {
		cancel()
		return nil, err
	}
	return &watchedWriter{Writer: inner, cancel: cancel, bucket: w, key: key}, nil
}

// Close is where a write takes effect.
func (w *watchedWriter) Close() error {
	defer w.cancel()
	if err := w.bucket.before("write " + w.key); err != nil {
		w.cancel()
		return errors.Join(err, w.Writer.Close())
	}
	if err := w.Writer.Close(); err != nil {
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
