// Package storetest gives tests a bucket in a real server of S3's, Google's and Azure's kinds: versitygw, fake-gcs-server and
// Azurite, in the versions that sinks/testservers pins. It promises that they listen on 127.0.0.1 only, are started once by a
// test binary, and are gone when it ends. It knows nothing of lakes. Only tests import it.
package storetest

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
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
	_ "gocloud.dev/blob/s3blob"
)

// Store is a bucket in a store that is there.
type Store struct {
	Name    string   // s3, gcs or azure
	URL     string   // of the bucket, as gocloud takes it, without a prefix
	Address string   // where its server listens, host:port; empty for the cloud itself
	Env     []string // NAME=value, which the cloud's library reads; empty where the caller's environment says it
}

// On is whether TRUNKLINE_TEST_STORES asks for servers to be started.
func On() bool { return os.Getenv("TRUNKLINE_TEST_STORES") == "1" }

// Each runs a test over the stores: over the bucket that TRUNKLINE_TEST_S3, _GCS or _AZURE names, else, with
// TRUNKLINE_TEST_STORES=1, over one in a server that it starts. A store that is not there is skipped, and says why. While
// the test runs, the environment has what the cloud's library reads.
func Each(t *testing.T, test func(t *testing.T, s Store)) {
	for _, k := range []struct {
		name, variable string
		start          func() (Store, error)
	}{
		{"s3", "TRUNKLINE_TEST_S3", startS3},
		{"gcs", "TRUNKLINE_TEST_GCS", startGCS},
		{"azure", "TRUNKLINE_TEST_AZURE", startAzure},
	} {
		t.Run(k.name, func(t *testing.T) {
			s := Store{Name: k.name, URL: os.Getenv(k.variable)}
			if s.URL != "" {
				s.Address = addressOf(s.URL)
				test(t, s)
				return
			}
			if !On() {
				t.Skipf("not run: `just stores`, or TRUNKLINE_TEST_STORES=1, starts a server; %s=URL names a bucket", k.variable)
			}
			s, err := k.start()
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range s.Env {
				name, value, _ := strings.Cut(e, "=")
				t.Setenv(name, value)
			}
			if err := s.make(t.Context()); err != nil {
				t.Fatal(err)
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

// NewPrefix returns a prefix that nobody else has, ending in a slash.
func NewPrefix() string { return "t" + strings.ToLower(rand.Text()[:12]) + "/" }

// Below returns the URL of what lies below a prefix of a bucket.
func Below(bucketURL, prefix string) string {
	if prefix == "" {
		return bucketURL
	}
	sign := "?"
	if strings.Contains(bucketURL, "?") {
		sign = "&"
	}
	return bucketURL + sign + "prefix=" + prefix
}

var made struct {
	sync.Mutex
	names map[string]bool
}

// make makes the bucket in a server that this binary started, once. The environment must have what its library reads.
func (s Store) make(ctx context.Context) error {
	made.Lock()
	defer made.Unlock()
	if made.names[s.Name] {
		return nil
	}
	bucket, err := blob.OpenBucket(ctx, s.URL)
	if err != nil {
		return err
	}
	defer bucket.Close()
	var amazon *s3.Client
	var google *storage.Client
	var azure *container.Client
	switch {
	case bucket.As(&amazon):
		_, err = amazon.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucketName)})
	case bucket.As(&google):
		err = google.Bucket(bucketName).Create(ctx, "tests", nil)
	case bucket.As(&azure):
		_, err = azure.Create(ctx, nil)
	}
	if made.names == nil {
		made.names = map[string]bool{}
	}
	made.names[s.Name] = err == nil
	return err
}
