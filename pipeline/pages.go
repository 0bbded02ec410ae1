package pipeline

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// longestPage bounds one line of a file of pages.
const longestPage = 256 << 20

// savedPage is one line of a file of pages.
type savedPage struct {
	file   string
	line   int
	offset int64 // of the line's first byte, in what the file holds uncompressed
	body   []byte
}

// BadPageError is a line that is not a page, or a file that cannot be read as what it is.
type BadPageError struct {
	File   string
	Line   int   // from 1
	Offset int64 // byte, from 0, in what the file holds uncompressed
	Err    error
}

func (e *BadPageError) Error() string {
	return fmt.Sprintf("%s: line %d, byte %d: %v", e.File, e.Line, e.Offset, e.Err)
}

// Unwrap gives the reason.
func (e *BadPageError) Unwrap() error { return e.Err }

// pageFiles lists the files that the paths name; a directory stands for every regular file in it.
func pageFiles(paths []string) ([]string, error) {
	var out []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			out = append(out, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Type().IsRegular() {
				out = append(out, filepath.Join(path, e.Name()))
			}
		}
	}
	return out, nil
}

// lines lends out memory for pages, so that it is used again.
type lines struct{ free chan []byte }

func (l lines) take() []byte {
	select {
	case b := <-l.free:
		return b[:0]
	default:
		return nil
	}
}

func (l lines) give(b []byte) {
	select {
	case l.free <- b:
	default: // enough is lying there
	}
}

// readPages reads the files line by line and sends the pages on. What a file is, its first bytes tell. bad gets a file
// that cannot be read on; where bad returns nil, the next file follows.
func readPages(ctx context.Context, files []string, memory lines, pages chan<- savedPage, bad func(error) error) error {
	for _, name := range files {
		err := readFile(ctx, name, memory, pages)
		if err != nil && ctx.Err() == nil {
			err = bad(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func readFile(ctx context.Context, name string, memory lines, pages chan<- savedPage) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	source, err := uncompressed(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return &BadPageError{File: name, Line: 1, Err: err}
	}
	defer source.Close()
	buffered := bufio.NewReaderSize(source, 1<<20)
	page := savedPage{file: name, line: 1}
	for {
		body, err := readLine(buffered, memory.take(), longestPage)
		if err != nil && err != io.EOF {
			return &BadPageError{File: name, Line: page.line, Offset: page.offset + int64(len(body)), Err: err}
		}
		if page.body = bytes.TrimRight(body, "\r\n"); len(bytes.TrimSpace(body)) > 0 {
			select {
			case pages <- page:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if err == io.EOF {
			return nil
		}
		page.line, page.offset = page.line+1, page.offset+int64(len(body))
	}
}

// readLine appends a line with its end, of at most limit bytes, to the empty line.
func readLine(r *bufio.Reader, line []byte, limit int) ([]byte, error) {
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > limit {
			return line, fmt.Errorf("the line is longer than %d bytes; a page is one line", limit)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// uncompressed tells gzip and zstd from plain text by their first bytes.
func uncompressed(r *bufio.Reader) (io.ReadCloser, error) {
	magic, err := r.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(r)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return io.NopCloser(r), nil
}
