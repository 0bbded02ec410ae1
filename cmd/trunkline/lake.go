package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"

	"github.com/trunkline/trunkline/sinks"
)

// lakeFlags say where the lake is.
type lakeFlags struct {
	Lake     string `help:"The lake: a directory, or a bucket's URL such as s3://bucket?region=eu-west-1&prefix=calls/, gs://bucket, azblob://container." placeholder:"URL"`
	CacheDir string `help:"Directory that keeps copies of a remote lake's objects, and parts of recordings, between runs. Default: in the user's cache directory." placeholder:"DIR"`
}

// location is where a lake lies: the URL for gocloud and, of a local lake, the directory behind it.
type location struct {
	url string
	dir string
}

// open opens the lake. A lake that is only read must exist; a local one that is written is made.
func (f lakeFlags) open(ctx context.Context, writes bool) (*sinks.Lake, func(), error) {
	return f.openAs(ctx, writes, false)
}

// openAny opens a lake of any layout, to look at it.
func (f lakeFlags) openAny(ctx context.Context) (*sinks.Lake, func(), error) {
	return f.openAs(ctx, false, true)
}

func (f lakeFlags) openAs(ctx context.Context, writes, anyLayout bool) (*sinks.Lake, func(), error) {
	at, err := f.locate(writes)
	if err != nil {
		return nil, nil, usage(err)
	}
	bucket, err := blob.OpenBucket(ctx, at.url)
	if err != nil {
		return nil, nil, usage(fmt.Errorf("--lake %s: %w", f.Lake, err))
	}
	cache := f.CacheDir
	if cache == "" {
		cache = userCache()
	}
	failed := func(err error) error {
		return errors.Join(openFailed(fmt.Errorf("--lake %s: %w", f.Lake, err)), bucket.Close())
	}
	if err := sinks.CheckBucket(ctx, bucket); err != nil {
		return nil, nil, failed(err)
	}
	lake, err := sinks.Open(ctx, bucket, &sinks.LakeOptions{LocalDir: at.dir, CacheDir: cache, AnyLayout: anyLayout})
	if err != nil {
		return nil, nil, failed(err)
	}
	shut := func() {
		_ = lake.Close() // scratch files only; the system's cleaning takes what stays
		_ = bucket.Close()
	}
	if writes {
		if err := errors.Join(lake.Probe(ctx), lake.Sweep(ctx)); err != nil {
			shut()
			return nil, nil, openFailed(fmt.Errorf("--lake %s: %w", f.Lake, err))
		}
	}
	return lake, shut, nil
}

// openFailed tells a store that is away for the moment, or a disk that is full, from a lake that is named or permitted wrongly.
func openFailed(err error) error {
	if sinks.IsTemporary(err) || fullDisk(err) != "" {
		return err
	}
	return usage(err)
}

func userCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "trunkline")
}

// locate reads --lake: a plain path, file:///path, or the URL of any other bucket, passed through untouched.
func (f lakeFlags) locate(writes bool) (location, error) {
	if f.Lake == "" {
		return location{}, errors.New("where is the lake? Give --lake or TRUNKLINE_LAKE: a directory or a bucket's URL")
	}
	if !strings.Contains(f.Lake, "://") {
		return localLake(f.Lake, url.Values{}, writes)
	}
	u, err := url.Parse(f.Lake)
	if err != nil {
		return location{}, fmt.Errorf("--lake: %w", err)
	}
	if u.Scheme != "file" {
		return location{url: f.Lake}, nil
	}
	if u.Host != "" && u.Host != "localhost" {
		return location{}, fmt.Errorf("--lake %s: a file URL has three slashes and an absolute path, as in file:///data/lake; a relative path goes without file://", f.Lake)
	}
	return localLake(u.Path, u.Query(), writes)
}

var errNoLake = errors.New("there is no such directory; `trunkline run` makes it")

func localLake(dir string, query url.Values, writes bool) (location, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return location{}, fmt.Errorf("--lake: %w", err)
	}
	// The prefix becomes part of the directory, so that all who open this lake find the same lock in it.
	dir = filepath.Join(dir, filepath.FromSlash(query.Get("prefix")))
	query.Del("prefix")
	if writes {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return location{}, fmt.Errorf("--lake: the directory cannot be made: %w", err)
		}
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return location{}, fmt.Errorf("--lake %s: %w", dir, errNoLake)
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(dir), RawQuery: query.Encode()}
	return location{url: u.String(), dir: dir}, nil
}
