package disk

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/drivertest"
)

// harness gives gocloud's conformance tests buckets in one directory.
type harness struct {
	dir    string
	prefix string
}

func (h *harness) MakeDriver(context.Context) (driver.Bucket, error) {
	b, err := open(h.dir)
	if err != nil || h.prefix == "" {
		return b, err
	}
	return driver.NewPrefixedBucket(b, h.prefix), nil
}

// MakeDriverForNonexistentBucket has nothing to make: a directory that is missing cannot be opened.
func (h *harness) MakeDriverForNonexistentBucket(context.Context) (driver.Bucket, error) {
	return nil, nil
}

func (h *harness) HTTPClient() *http.Client         { return nil }
func (h *harness) SupportsCopy() bool               { return true }
func (h *harness) SupportsNonSlashDelimiters() bool { return true }
func (h *harness) Close()                           {}

// TestDriver: the driver does what gocloud demands of every driver but the keeping of metadata.
func TestDriver(t *testing.T) {
	for _, prefix := range []string{"", "some/prefix/"} {
		t.Run("prefix="+prefix, func(t *testing.T) {
			make := func(_ context.Context, t *testing.T) (drivertest.Harness, error) {
				name := t.Name()
				if strings.Contains(name, "ContentType") || strings.HasSuffix(name, "TestAttributes") || strings.Contains(name, "TestMetadata/") {
					t.Skip("this driver keeps no metadata")
				}
				return &harness{dir: t.TempDir(), prefix: prefix}, nil
			}
			drivertest.RunConformanceTests(t, make, []drivertest.AsTest{asTest{prefix}})
		})
	}
}

// asTest checks what the driver's As functions give.
type asTest struct{ prefix string }

func (asTest) Name() string { return "our types" }

func (asTest) BucketCheck(b *blob.Bucket) error {
	var dir Dir
	if !b.As(&dir) || !filepath.IsAbs(string(dir)) {
		return errString("Bucket.As gives no Dir")
	}
	return nil
}

func (asTest) ErrorCheck(b *blob.Bucket, err error) error { return nil }
func (asTest) BeforeRead(as func(any) bool) error         { return nil }
func (asTest) BeforeCopy(as func(any) bool) error         { return nil }
func (asTest) BeforeDelete(as func(any) bool) error       { return nil }
func (asTest) BeforeList(as func(any) bool) error         { return nil }
func (asTest) BeforeSign(as func(any) bool) error         { return nil }

func (asTest) BeforeWrite(as func(any) bool) error {
	var w *Write
	if !as(&w) {
		return errString("BeforeWrite gives no Write")
	}
	return nil
}

func (asTest) AttributesCheck(a *blob.Attributes) error {
	var v Version
	if !a.As(&v) || v == "" {
		return errString("Attributes.As gives no Version")
	}
	return nil
}

func (asTest) ReaderCheck(r *blob.Reader) error {
	var v Version
	if !r.As(&v) || v == "" {
		return errString("Reader.As gives no Version")
	}
	return nil
}

func (asTest) ListObjectCheck(o *blob.ListObject) error {
	var v Version
	if !o.IsDir && !o.As(&v) {
		return errString("ListObject.As gives no Version")
	}
	return nil
}

type errString string

func (e errString) Error() string { return string(e) }
