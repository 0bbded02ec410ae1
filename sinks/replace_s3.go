package sinks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
)

// s3Versions are ETags, which S3 compares where it puts an object and where it completes an upload in parts. An ETag
// follows the content: an object that became what it was before has the version that it had.
type s3Versions struct {
	bucket *blob.Bucket
	client *s3.Client
}

func (s s3Versions) write(ctx context.Context, u upload) (objectVersion, error) {
	once := &s3Once{Client: s.client}
	o := u.options()
	o.BeforeWrite = func(as func(any) bool) error {
		var manager *transfermanager.Client
		var in *transfermanager.UploadObjectInput
		if !as(&manager) || !as(&in) {
			return fmt.Errorf("the bucket gives no %T", manager)
		}
		*manager = *once.manager(o)
		switch {
		case u.expected == nil:
		case *u.expected == "":
			in.IfNoneMatch = aws.String("*")
		default:
			in.IfMatch = aws.String(string(*u.expected))
		}
		return nil
	}
	if err := s.bucket.Upload(ctx, u.key, u.source, o); err != nil {
		return "", err
	}
	return once.version, nil
}

// s3Once is a client that sends the request which makes the object a single time, and keeps the ETag of its answer:
// asking for it afterwards could bring that of another's write.
type s3Once struct {
	*s3.Client
	version objectVersion
}

// manager is gocloud's transfer manager with this client. What gocloud had set in its own must be set again.
func (c *s3Once) manager(w *blob.WriterOptions) *transfermanager.Client {
	return transfermanager.New(c, func(o *transfermanager.Options) {
		o.RequestChecksumCalculation = c.Options().RequestChecksumCalculation
		o.PartSizeBytes = int64(w.BufferSize)
		o.Concurrency = w.MaxConcurrency
		if w.BufferSize < partSize {
			o.MultipartUploadThreshold = int64(w.BufferSize)
		}
		o.FailTimeout = 10 * time.Second // for the end of an upload whose context has ended
	})
}

func once(o *s3.Options) { o.Retryer = aws.NopRetryer{} }

// quiet keeps the client from warning of every object that was uploaded in parts: it has no checksum of the whole.
func quiet(o *s3.Options) { o.DisableLogOutputChecksumValidationSkipped = true }

func (c *s3Once) PutObject(ctx context.Context, in *s3.PutObjectInput, o ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	out, err := c.Client.PutObject(ctx, in, append(o, once)...)
	if err == nil {
		c.version = objectVersion(aws.ToString(out.ETag))
	}
	return out, err
}

func (c *s3Once) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput, o ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	out, err := c.Client.CompleteMultipartUpload(ctx, in, append(o, once)...)
	if err == nil {
		c.version = objectVersion(aws.ToString(out.ETag))
	}
	return out, err
}

func (s s3Versions) read(ctx context.Context, key string) ([]byte, objectVersion, error) {
	var out s3.GetObjectOutput
	o := &blob.ReaderOptions{BeforeRead: func(as func(any) bool) error {
		var options *[]func(*s3.Options)
		if as(&options) {
			*options = append(*options, quiet)
		}
		return nil
	}}
	b, err := readWhole(ctx, s.bucket, key, o, func(r *blob.Reader) { r.As(&out) })
	return b, objectVersion(aws.ToString(out.ETag)), err
}

func (s s3Versions) look(ctx context.Context, key string) (objectVersion, string, error) {
	a, err := s.bucket.Attributes(ctx, key)
	if err != nil {
		return "", "", err
	}
	return objectVersion(a.ETag), a.Metadata[noteKey], nil
}

// errNotAsked ends a listing before its request.
var errNotAsked = errors.New("only the request was wanted")

// sweep ends the uploads in parts that were begun below the lake and that killed runs did not end, which cost money and
// are never listed as objects.
func (s s3Versions) sweep(ctx context.Context, age time.Duration) (removed int, err error) {
	var in *s3.ListObjectsV2Input // which knows the bucket's name and the lake's prefix in it
	_, err = s.bucket.List(&blob.ListOptions{BeforeList: func(as func(any) bool) error {
		as(&in)
		return errNotAsked
	}}).Next(ctx)
	if in == nil {
		return 0, err
	}
	list := s3.NewListMultipartUploadsPaginator(s.client, &s3.ListMultipartUploadsInput{Bucket: in.Bucket, Prefix: in.Prefix})
	for list.HasMorePages() {
		page, err := list.NextPage(ctx)
		if err != nil {
			return removed, err
		}
		for _, u := range page.Uploads {
			if time.Since(aws.ToTime(u.Initiated)) < age {
				continue
			}
			_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: in.Bucket, Key: u.Key, UploadId: u.UploadId})
			if err != nil {
				return removed, err
			}
			removed++
		}
	}
	return removed, nil
}
