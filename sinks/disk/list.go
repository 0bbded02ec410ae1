package disk

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocloud.dev/blob/driver"
)

const pageSize = 1000

// listing is one page of a listing while it is made.
type listing struct {
	ctx    context.Context
	b      *bucket
	o      *driver.ListOptions
	token  string // the last key of the page before
	size   int
	page   driver.ListPage
	common string // the last prefix up to a delimiter that was listed
}

// errFull ends the walk after a page's last object.
var errFull = errors.New("the page is full")

func (b *bucket) ListPaged(ctx context.Context, o *driver.ListOptions) (*driver.ListPage, error) {
	if o.BeforeList != nil {
		if err := o.BeforeList(func(any) bool { return false }); err != nil {
			return nil, err
		}
	}
	l := &listing{ctx: ctx, b: b, o: o, token: string(o.PageToken), size: o.PageSize}
	if l.size == 0 {
		l.size = pageSize
	}
	if _, err := os.Stat(b.dir); err != nil {
		return nil, err
	}
	if err := l.walk(b.dir, ""); err != nil && err != errFull {
		return nil, err
	}
	return &l.page, nil
}

// entry is a file or a directory of the walk; a directory's key ends in a slash.
type entry struct {
	fs.DirEntry
	key string
}

// walk visits the objects below a directory in the order of their keys, which is not that of their names.
func (l *listing) walk(dir, prefix string) error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	names, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was removed meanwhile
	}
	if err != nil {
		return err
	}
	for _, e := range entries(names, prefix) {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir() && l.mayHold(e.key):
			err = l.walk(path, e.key)
		case !e.IsDir() && strings.HasPrefix(e.key, l.o.Prefix):
			err = l.visit(path, e.key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func entries(names []fs.DirEntry, prefix string) []entry {
	out := make([]entry, 0, len(names))
	for _, name := range names {
		part, ok := unescape(name.Name())
		if !ok {
			continue
		}
		key := prefix + part
		if name.IsDir() {
			key += "/"
		}
		out = append(out, entry{name, key})
	}
	slices.SortStableFunc(out, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	return out
}

// mayHold reports whether a directory can hold objects that are still to be listed.
func (l *listing) mayHold(dir string) bool {
	switch {
	case !strings.HasPrefix(dir, l.o.Prefix) && !strings.HasPrefix(l.o.Prefix, dir):
		return false
	case l.common != "" && strings.HasPrefix(dir, l.common):
		return false
	}
	return dir > l.token || strings.HasPrefix(l.token, dir)
}

func (l *listing) visit(path, key string) error {
	object := &driver.ListObject{Key: key}
	if l.o.Delimiter != "" {
		if before, _, found := strings.Cut(key[len(l.o.Prefix):], l.o.Delimiter); found {
			object.Key, object.IsDir = l.o.Prefix+before+l.o.Delimiter, true
		}
	}
	if object.Key <= l.token || object.IsDir && object.Key == l.common {
		return nil
	}
	if !object.IsDir {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was removed meanwhile
		}
		if err != nil {
			return err
		}
		if info.IsDir() {
			return nil // a link to a directory: not followed, so that no walk goes round in circles
		}
		object.ModTime, object.Size, object.AsFunc = info.ModTime(), info.Size(), asVersion(info)
	}
	if len(l.page.Objects) == l.size {
		l.page.NextPageToken = []byte(l.page.Objects[l.size-1].Key)
		return errFull
	}
	if object.IsDir {
		l.common = object.Key
	}
	l.page.Objects = append(l.page.Objects, object)
	return nil
}
