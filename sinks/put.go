package sinks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// put writes an object, whatever is there: from a complete source, through one Upload, whose context is cancelled the
// moment the source fails. (gocloud's writers publish what they were given so far when they are closed, also after the
// producer failed.) What another version of the object matters to is written by replaceIf; nothing else opens a writer.
func (l *Lake) put(ctx context.Context, key string, source io.Reader, contentType string) error {
	_, err := l.write(ctx, upload{key: key, contentType: contentType}, source)
	return err
}

// guardedReader cancels the upload when its source fails, so that what was read so far is not published. Once the upload
// is over nothing is read any more, also by a goroutine that a client left behind: the source may be rewound.
type guardedReader struct {
	source io.Reader
	cancel context.CancelCauseFunc

	mu   sync.Mutex
	err  error
	over bool
}

func (g *guardedReader) Read(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return 0, errors.New("the upload is over")
	}
	n, err := g.source.Read(p)
	if err != nil && err != io.EOF {
		g.err = err
		g.cancel(err)
	}
	return n, err
}

// end ends the reading and returns the source's error, nil if it had none.
func (g *guardedReader) end() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	return g.err
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

// FileSHA256 is the SHA-256 (hex) of a local file, as that of the object that it would be.
func FileSHA256(file string) (string, error) {
	_, sum, err := fileSum(file)
	return sum, err
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
