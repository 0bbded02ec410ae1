package sinks

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/trunkline/trunkline/sinks/disk"
)

// Origin is what tells one content of a thing that is fetched from another, as its server says it.
type Origin struct {
	ETag        string `json:"etag,omitempty"`         // empty: the server has none
	Size        int64  `json:"size"`                   // of the whole in bytes; -1: not told
	ContentType string `json:"content_type,omitempty"` // MIME type
}

// A Part is what has come so far of one audio: a file in the lake's cache directory, readable by its owner alone, which one process
// at a time holds. Its first line is the Origin of the bytes that follow, so that they are one content's even where a
// process was killed while it began anew.
type Part struct {
	file   *os.File
	origin Origin
	begun  bool  // there is an origin
	head   int64 // bytes of the first line
	length int64 // bytes that follow it
}

const (
	partEnd = ".part"
	// partAge is how long a part waits for the run that goes on with it.
	partAge = 7 * 24 * time.Hour
)

// errPartHeld says that another process fetches the same at the moment.
var errPartHeld error = partHeld{}

type partHeld struct{}

func (partHeld) Error() string        { return "another run on this machine is fetching it; try again later" }
func (partHeld) Is(target error) bool { return target == ErrConflict }

func (l *Lake) parts() string { return filepath.Join(l.cacheDir, "parts") }

func (l *Lake) partName(account, id string) (string, error) {
	if err := errors.Join(checkAccount(account), CheckAudioID(id)); err != nil {
		return "", err
	}
	return filepath.Join(l.parts(), account, id+partEnd), nil
}

// OpenPart takes hold of the part of an audio, an empty one if there is none. ErrConflict says that another process holds it. Close
// it, or Remove it.
func (l *Lake) OpenPart(account, id string) (*Part, error) {
	name, err := l.partName(account, id)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, err
	}
	for {
		p, err := openPart(name, os.O_CREATE)
		if err != nil || p != nil {
			return p, err
		}
	}
}

// openPart returns nil where the file was removed while it was opened.
func openPart(name string, flag int) (*Part, error) {
	f, err := os.OpenFile(name, os.O_RDWR|flag, 0o600)
	if err != nil {
		return nil, err
	}
	held, err := disk.TryLock(f)
	switch {
	case err != nil:
		return nil, errors.Join(fmt.Errorf("%s cannot be locked; give --cache-dir on a file system that locks files: %w", name, err), f.Close())
	case !held:
		return nil, errors.Join(errPartHeld, f.Close())
	}
	there, err := os.Stat(name)
	mine, err2 := f.Stat()
	if err != nil || err2 != nil || !os.SameFile(there, mine) {
		_ = f.Close() // its name is another file's by now
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return nil, errors.Join(err, err2)
	}
	p := &Part{file: f}
	p.readHead(mine.Size())
	return p, nil
}

// readHead reads the origin. What has none is an empty part.
func (p *Part) readHead(size int64) {
	line, err := bufio.NewReader(io.NewSectionReader(p.file, 0, 1<<16)).ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &p.origin) != nil {
		p.origin = Origin{}
		return
	}
	p.begun, p.head = true, int64(len(line))
	p.length = size - p.head
}

// Len is how many bytes have come, from the first one on.
func (p *Part) Len() int64 { return p.length }

// Whole reports whether all bytes are known to be there.
func (p *Part) Whole() bool { return p.begun && p.length == p.origin.Size }

// Continues reports whether bytes of the origin from the offset on follow those that are there.
func (p *Part) Continues(o Origin, offset int64) bool {
	sameTag := o.ETag == "" || o.ETag == p.origin.ETag
	sameSize := o.Size < 0 || p.origin.Size < 0 || o.Size == p.origin.Size
	return p.begun && offset == p.length && sameTag && sameSize
}

// Begin forgets what has come: what is written from now on is the origin's, from its first byte.
func (p *Part) Begin(o Origin) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	p.begun, p.head, p.length = false, 0, 0
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	if _, err := p.file.WriteAt(append(line, '\n'), 0); err != nil {
		return err
	}
	p.origin, p.begun, p.head = o, true, int64(len(line))+1
	return nil
}

// Write adds the bytes that follow.
func (p *Part) Write(b []byte) (int, error) {
	n, err := p.file.WriteAt(b, p.head+p.length)
	p.length += int64(n)
	return n, err
}

func (p *Part) content() *io.SectionReader { return io.NewSectionReader(p.file, p.head, p.length) }

// Close keeps the part for later, unless nothing has come.
func (p *Part) Close() error {
	if p.file == nil {
		return nil
	}
	if p.length == 0 {
		return p.Remove()
	}
	f := p.file
	p.file = nil
	return f.Close()
}

// Remove removes the part.
func (p *Part) Remove() error {
	if p.file == nil {
		return nil
	}
	f := p.file
	p.file = nil
	// While it is held, so that nobody takes hold of a file that goes; where open files cannot be removed, afterwards.
	err := os.Remove(f.Name())
	if closing := f.Close(); err != nil {
		err = os.Remove(f.Name())
		return errors.Join(err, closing)
	}
	return nil
}

// removePart removes what this machine has of an audio, unless another process is at it.
func (l *Lake) removePart(account, id string) error {
	name, err := l.partName(account, id)
	if err != nil {
		return err
	}
	return removePartFile(name)
}

func removePartFile(name string) error {
	p, err := openPart(name, 0)
	if p == nil || err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errPartHeld) {
			return nil
		}
		return err
	}
	return p.Remove()
}

// sweepParts removes the parts that nobody went on with for a week.
func (l *Lake) sweepParts() error {
	names, err := filepath.Glob(filepath.Join(l.parts(), "*", "*"+partEnd))
	for _, name := range names {
		info, statErr := os.Stat(name)
		if statErr == nil && time.Since(info.ModTime()) > partAge {
			err = errors.Join(err, removePartFile(name))
		}
	}
	return err
}
