package sinks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"gocloud.dev/blob"
)

// put is the only way in which an object is written: from a complete source, through one Upload, whose context is
// cancelled the moment the source fails. (gocloud's writers publish what they were given so far when they are closed,
// also after the producer failed.)
func (l *Lake) put(ctx context.Context, key string, source io.Reader, contentType string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	guarded := &guardedReader{source: source, cancel: cancel}
	err := l.bucket.Upload(ctx, key, guarded, &blob.WriterOptions{ContentType: contentType})
	if guarded.err != nil {
		err = guarded.err
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

// guardedReader cancels the upload when its source fails, so that what was read so far is not published.
type guardedReader struct {
	source io.Reader
	cancel context.CancelCauseFunc
	err    error
}

func (g *guardedReader) Read(p []byte) (int, error) {
	n, err := g.source.Read(p)
	if err != nil && err != io.EOF {
		g.err = err
		g.cancel(err)
	}
	return n, err
}

func (l *Lake) putBytes(ctx context.Context, key string, b []byte, contentType string) error {
	return l.put(ctx, key, bytes.NewReader(b), contentType)
}

func (l *Lake) putFile(ctx context.Context, key, file, contentType string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return l.put(ctx, key, f, contentType)
}

func sumBytes(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// fileSum returns the size and the SHA-256 of a file.
func fileSum(file string) (size int64, sum string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return 0, "", fmt.Errorf("read %s: %w", file, err)
	}
	return size, hex.EncodeToString(h.Sum(nil)), nil
}
