package sinks

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob"
	_ "gocloud.dev/blob/gcsblob"
	_ "gocloud.dev/blob/memblob"
	_ "gocloud.dev/blob/s3blob"
)

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
	for _, k := range []struct {
		name, variable string
		start          func() (server, error)
	}{
		{"s3", "TRUNKLINE_TEST_S3", startS3},
		{"gcs", "TRUNKLINE_TEST_GCS", startGCS},
		{"azure", "TRUNKLINE_TEST_AZURE", startAzure},
	} {
		t.Run(k.name, func(t *testing.T) {
			s := &store{name: k.name, url: os.Getenv(k.variable)}
			switch {
			case s.url != "":
				s.address = addressOf(s.url)
			case os.Getenv("TRUNKLINE_TEST_STORES") == "1":
				at, err := k.start()
				if err != nil {
					t.Fatal(err)
				}
				s.url, s.address = at.url, at.address
				s.credentials(t)
				s.make(t)
			default:
				t.Skipf("not run: `just stores`, or TRUNKLINE_TEST_STORES=1, starts a server; %s=URL names a bucket", k.variable)
			}
			test(t, s)
		})
	}
}

// addressOf finds a local server in a bucket's URL, and for Google where its library looks; empty for the cloud itself.
func addressOf(bucket string) string {
	u, err := url.Parse(bucket)
	if err != nil {
		return ""
	}
	switch q := u.Query(); u.Scheme {
	case "s3":
		return strings.TrimPrefix(q.Get("endpoint"), "http://")
	case "azblob":
		return q.Get("domain")
	}
	return os.Getenv("STORAGE_EMULATOR_HOST")
}

// credentials sets what the clouds' libraries read from the environment.
func (s *store) credentials(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", s3Key)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3Secret)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AZURE_STORAGE_ACCOUNT", azureAccount)
	t.Setenv("AZURE_STORAGE_KEY", azureKey)
	t.Setenv("STORAGE_EMULATOR_HOST", s.address)
}

var (
	madeMu sync.Mutex
	made   = map[string]bool{}
)

// make makes the bucket in a server that this binary started.
func (s *store) make(t *testing.T) {
	t.Helper()
	madeMu.Lock()
	defer madeMu.Unlock()
	if made[s.name] {
		return
	}
	bucket := s.open(t, s.url)
	var amazon *s3.Client
	var google *storage.Client
	var azure *container.Client
	var err error
	switch {
	case bucket.As(&amazon):
		_, err = amazon.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("lake")})
	case bucket.As(&google):
		err = google.Bucket("lake").Create(t.Context(), "tests", nil)
	case bucket.As(&azure):
		_, err = azure.Create(t.Context(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	made[s.name] = true
}

func (s *store) open(t *testing.T, bucketURL string) *blob.Bucket {
	t.Helper()
	if s.bucket != nil {
		return s.bucket
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
	return "t" + strings.ToLower(rand.Text()[:12]) + "/"
}

// lake opens a lake below a prefix.
func (s *store) lake(t *testing.T, prefix string) *Lake {
	t.Helper()
	return s.lakeAt(t, s.url, prefix)
}

func (s *store) lakeAt(t *testing.T, bucketURL, prefix string) *Lake {
	t.Helper()
	if prefix != "" {
		sign := "?"
		if strings.Contains(bucketURL, "?") {
			sign = "&"
		}
		bucketURL += sign + "prefix=" + prefix
	}
	l, err := Open(t.Context(), s.open(t, bucketURL), &LakeOptions{Scratch: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// through is a lake whose requests go through a proxy.
func (s *store) through(t *testing.T, p *faultProxy, prefix string) *Lake {
	t.Helper()
	return s.lakeAt(t, s.urlThrough(t, p), prefix)
}

func (s *store) throughBucket(t *testing.T, p *faultProxy) *blob.Bucket {
	t.Helper()
	return s.open(t, s.urlThrough(t, p))
}

func (s *store) urlThrough(t *testing.T, p *faultProxy) string {
	t.Helper()
	address := p.start(t, s)
	t.Setenv("STORAGE_EMULATOR_HOST", address)
	return strings.ReplaceAll(s.url, s.address, address)
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
