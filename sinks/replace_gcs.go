package sinks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"
)

// gcsVersions are Google's generations, which grow with each write of an object.
type gcsVersions struct{ bucket *blob.Bucket }

func (s gcsVersions) write(ctx context.Context, u upload) (objectVersion, error) {
	var w *storage.Writer
	var begun atomic.Bool // Google took the first part of several
	o := u.options()
	o.BeforeWrite = func(as func(any) bool) error {
		var object **storage.ObjectHandle
		if !as(&object) {
			return fmt.Errorf("the bucket gives no %T", object)
		}
		if u.expected != nil {
			condition, err := generationIs(*u.expected)
			if err != nil {
				return err
			}
			*object = (*object).If(condition).Retryer(storage.WithPolicy(storage.RetryNever))
		}
		if as(&w) {
			w.ProgressFunc = func(int64) { begun.Store(true) }
		}
		return nil
	}
	err := s.bucket.Upload(ctx, u.key, u.source, o)
	if err != nil && begun.Load() && isGone(err) {
		return "", fmt.Errorf("%w: %w", errUploadGone, err)
	}
	if err != nil {
		return "", err
	}
	return generation(w.Attrs().Generation), nil
}

// errUploadGone says that an upload in parts was there and is no more: it was ended, or has taken effect. Google's client repeats
// requests of such uploads itself, the last one, too, and the server may have forgotten it by then. That 410, and 404 for what has
// expired, mean to start again is documented at https://cloud.google.com/storage/docs/json_api/v1/status-codes.
var errUploadGone = errors.New("the upload in parts is not there any more")

func isGone(err error) bool {
	a, ok := answerOf(err)
	return ok && (a.status == http.StatusNotFound || a.status == http.StatusGone)
}

func generationIs(v objectVersion) (storage.Conditions, error) {
	if v == "" {
		return storage.Conditions{DoesNotExist: true}, nil
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		return storage.Conditions{}, fmt.Errorf("%q is no generation", v)
	}
	return storage.Conditions{GenerationMatch: n}, nil
}

func generation(n int64) objectVersion { return objectVersion(strconv.FormatInt(n, 10)) }

func (s gcsVersions) read(ctx context.Context, key string) ([]byte, objectVersion, error) {
	var v objectVersion
	b, err := readWhole(ctx, s.bucket, key, nil, func(r *blob.Reader) {
		var reader *storage.Reader
		if r.As(&reader) {
			v = generation(reader.Attrs.Generation)
		}
	})
	return b, v, err
}

func (s gcsVersions) look(ctx context.Context, key string) (objectVersion, string, error) {
	a, err := s.bucket.Attributes(ctx, key)
	if err != nil {
		return "", "", err
	}
	var attrs storage.ObjectAttrs
	a.As(&attrs)
	return generation(attrs.Generation), a.Metadata[noteKey], nil
}
