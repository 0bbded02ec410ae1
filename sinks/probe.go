package sinks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
)

// Probed is one thing that was tried with the lake's store. Exactly one of Err and Skipped says why it is not well; neither does
// where it is.
type Probed struct {
	What    string
	Err     error
	Skipped string
}

// probeKey names an object that is written to try the store, and removed again.
func (l *Lake) probeKey(what string) string {
	return path.Join("_trunkline", "probe-"+what+"-"+filepath.Base(l.scratch))
}

// ProbeAccess tries to list the lake and to write, read and remove an object of a few bytes in it.
func (l *Lake) ProbeAccess(ctx context.Context) []Probed {
	key, text := l.probeKey("access"), []byte("trunkline looked whether it may write here\n")
	steps := []struct {
		what string
		try  func() error
	}{
		{"list", func() error { return CheckBucket(ctx, l.bucket) }},
		{"write", func() error { return l.putBytes(ctx, key, text, "text/plain") }},
		{"read", func() error {
			b, _, found, err := l.readVersioned(ctx, key)
			if err == nil && (!found || !bytes.Equal(b, text)) {
				err = errors.New("what was written cannot be read at once; the store is not one for a lake")
			}
			return err
		}},
		{"delete", func() error { return l.remove(ctx, key) }},
	}
	var out []Probed
	failed := ""
	for _, s := range steps {
		p := Probed{What: s.what}
		if failed == "" || s.what == "delete" && failed == "read" {
			p.Err = s.try()
		} else {
			p.Skipped = failed + " failed"
		}
		if p.Err != nil {
			failed = s.what
		}
		out = append(out, p)
	}
	return out
}

// probePart is the least part that S3 takes but for the last one.
const probePart = 5 << 20

// ProbeConditions tries whether the store replaces an object only if it has the version that it must have: a small object, and one
// that is uploaded in two parts, since some stores that speak S3 honour the conditions of the one and not of the other. Of
// each, four writes are made: two that must win, and two that must lose.
func (l *Lake) ProbeConditions(ctx context.Context) []Probed {
	small, parts := Probed{What: "conditional write"}, Probed{What: "conditional write in parts"}
	small.Err = l.probeCondition(ctx, "small", 16, 0)
	if isRemote(l.versions()) {
		parts.Err = l.probeCondition(ctx, "parts", probePart+1, probePart)
	} else {
		parts.Skipped = "a local lake writes no parts"
	}
	return []Probed{small, parts}
}

func (l *Lake) probeCondition(ctx context.Context, what string, size, part int) (err error) {
	key := l.probeKey(what)
	defer func() {
		err = errors.Join(err, l.remove(context.WithoutCancel(ctx), key))
	}()
	write := func(fill byte, expected objectVersion) (objectVersion, error) {
		return l.write(ctx, upload{key: key, expected: &expected, contentType: "text/plain", part: part},
			bytes.NewReader(bytes.Repeat([]byte{fill}, size)))
	}
	first, err := write('a', "")
	if err != nil {
		return fmt.Errorf("an object that is not there cannot be created: %w", err)
	}
	if err := mustLose(write('b', "")); err != nil {
		return fmt.Errorf("creating an object that is there: %w", err)
	}
	if _, err = write('c', first); err != nil {
		return fmt.Errorf("an object whose version is known cannot be replaced: %w", err)
	}
	if err := mustLose(write('d', first)); err != nil {
		return fmt.Errorf("replacing an object that was replaced meanwhile: %w", err)
	}
	b, _, _, err := l.readVersioned(ctx, key)
	if err == nil && (len(b) != size || b[0] != 'c') {
		err = errors.New("the object is not the one that was written last")
	}
	return err
}

func mustLose(_ objectVersion, err error) error {
	if errors.Is(err, errLost) {
		return nil
	}
	if err == nil {
		return errors.New("the store took it all the same, so that runs that overlap could lose what the other wrote: let one run at a time write this lake, or take another store")
	}
	return err
}
