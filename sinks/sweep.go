package sinks

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"

	"github.com/trunkline/trunkline/sinks/disk"
)

// clientAttempts is how often a cloud's own client asks, about what the others do of themselves.
const clientAttempts = 4

// CheckBucket checks that a bucket is there and can be listed. Some stores say of a missing bucket, or of one that may
// not be read, what they say of a missing object; whoever has checked can take a missing object for one. It also bounds
// the patience of Google's client, which for ever asks a server that is not there. Call it first.
func CheckBucket(ctx context.Context, bucket *blob.Bucket) error {
	var google *storage.Client
	if bucket.As(&google) {
		google.SetRetry(storage.WithMaxAttempts(clientAttempts))
	}
	err := retried(ctx, func() error {
		_, err := bucket.List(&blob.ListOptions{Prefix: "_trunkline/format"}).Next(ctx)
		if err == io.EOF {
			return nil
		}
		return err
	})
	if err != nil && kindOf(err) == isMissing {
		return fmt.Errorf("list the bucket: %w", &storeError{err, isNoBucket})
	}
	if err != nil {
		return fmt.Errorf("list the bucket: %w", explained(err))
	}
	return nil
}

// Sweep removes what killed runs left behind and no listing shows: their scratch directories beside this lake's, temporary files of
// a local lake that no process holds any more, and uploads in parts to S3 that were begun over a day ago. What the credentials do not permit
// to see, or the store does not know, stays: a lifecycle rule of the bucket is for that.
func (l *Lake) Sweep(ctx context.Context) error {
	if _, err := disk.SweepScratch(filepath.Dir(l.scratch), scratchPrefix, time.Minute); err != nil {
		return fmt.Errorf("remove what killed runs left behind: %w", err)
	}
	if err := l.sweepParts(); err != nil {
		return fmt.Errorf("remove what nobody went on fetching: %w", err)
	}
	var dir disk.Dir
	if l.bucket.As(&dir) {
		if _, err := disk.Sweep(string(dir), time.Minute); err != nil {
			return fmt.Errorf("remove what killed runs left behind: %w", err)
		}
	}
	s, ok := l.versions().(s3Versions)
	if !ok {
		return nil
	}
	_, err := s.sweep(ctx, 24*time.Hour)
	if err == nil || kindOf(err) == isDenied || kindOf(err) == isMissing {
		return nil
	}
	if a, _ := answerOf(err); a.status == http.StatusNotImplemented {
		return nil
	}
	return fmt.Errorf("remove what killed runs left behind: %w", explained(err))
}
