package sinks

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/memblob"

	"github.com/trunkline/trunkline/sinks/storetest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	storetest.End()
	os.Exit(code)
}

// store is one kind of store that the conformance tests run over.
type store struct {
	name    string
	url     string // of the bucket, without a prefix; empty for one in memory
	address string // where its server listens, if it has one
	bucket  *blob.Bucket
	dir     string
}

// eachStore runs a test over every kind of store: in memory, a directory, and the real servers as far as they are there.
func eachStore(t *testing.T, test func(t *testing.T, s *store)) {
	t.Run("mem", func(t *testing.T) {
		bucket, err := blob.OpenBucket(t.Context(), "mem://")
		if err != nil {
			t.Fatal(err)
		}
		test(t, &store{name: "mem", bucket: bucket})
	})
	t.Run("file", func(t *testing.T) {
		dir := t.TempDir()
		test(t, &store{name: "file", dir: dir, url: "file://" + filepath.ToSlash(dir)})
	})
	eachServer(t, test)
}

// eachServer runs a test over the stores that are servers.
func eachServer(t *testing.T, test func(t *testing.T, s *store)) {
	storetest.Each(t, func(t *testing.T, at storetest.Store) {
		test(t, &store{name: at.Name, url: at.URL, address: at.Address})
	})
}

func (s *store) open(t *testing.T, bucketURL string) *blob.Bucket {
	t.Helper()
	return s.openAt(t, bucketURL, s.address)
}

// emulator guards what Google's library reads from the environment when it opens a bucket, and only then.
var emulator sync.Mutex

// openAt opens a bucket behind an address, which Google's library wants to know apart from the URL.
func (s *store) openAt(t *testing.T, bucketURL, address string) *blob.Bucket {
	t.Helper()
	if s.bucket != nil {
		return s.bucket
	}
	if s.name == "gcs" && address != "" {
		const variable = "STORAGE_EMULATOR_HOST"
		emulator.Lock()
		defer emulator.Unlock()
		before := os.Getenv(variable)
		defer func() { _ = os.Setenv(variable, before) }()
		if err := os.Setenv(variable, address); err != nil {
			t.Fatal(err)
		}
	}
	bucket, err := blob.OpenBucket(t.Context(), bucketURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bucket.Close() })
	return bucket
}

// prefix is one of its own for a test. A directory has its own anyway.
func (s *store) prefix() string {
	if s.address == "" && s.name != "s3" {
		return ""
	}
	return storetest.NewPrefix()
}

// lake opens a lake below a prefix.
func (s *store) lake(t *testing.T, prefix string) *Lake {
	t.Helper()
	return lakeIn(t, s.open(t, storetest.Below(s.url, prefix)))
}

func lakeIn(t *testing.T, bucket *blob.Bucket) *Lake {
	t.Helper()
	l, err := Open(t.Context(), bucket, &LakeOptions{Scratch: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// through is a lake whose requests go through a proxy.
func (s *store) through(t *testing.T, p *faultProxy, prefix string) *Lake {
	t.Helper()
	return lakeIn(t, s.throughBucket(t, p, prefix))
}

func (s *store) throughBucket(t *testing.T, p *faultProxy, prefix string) *blob.Bucket {
	t.Helper()
	address := p.start(t, s)
	return s.openAt(t, storetest.Below(strings.ReplaceAll(s.url, s.address, address), prefix), address)
}

// contentVersions reports whether an object that becomes what it was has the version that it had.
func (s *store) contentVersions() bool { return s.name == "s3" }

func keysBelow(t *testing.T, l *Lake) (out []string) {
	t.Helper()
	err := l.keys(t.Context(), "", func(o *blob.ListObject) error {
		out = append(out, fmt.Sprintf("%s %d", o.Key, o.Size))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
