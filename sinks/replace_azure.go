package sinks

import (
	"context"
	"fmt"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	azureblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"gocloud.dev/blob"
)

// azureVersions are Azure's ETags, which are new with each write of an object.
type azureVersions struct{ bucket *blob.Bucket }

func (s azureVersions) write(ctx context.Context, u upload) (objectVersion, error) {
	var answer *http.Response // the last one, which is that of the request that makes the object
	ctx = policy.WithCaptureResponse(ctx, &answer)
	if u.expected != nil {
		ctx = policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: -1})
	}
	o := u.options()
	o.MaxConcurrency = 1 // one request after the other
	o.BeforeWrite = func(as func(any) bool) error {
		var in *azblob.UploadStreamOptions
		if !as(&in) {
			return fmt.Errorf("the bucket gives no %T", in)
		}
		if u.expected != nil {
			in.AccessConditions = &azblob.AccessConditions{ModifiedAccessConditions: etagIs(*u.expected)}
		}
		return nil
	}
	if err := s.bucket.Upload(ctx, u.key, u.source, o); err != nil {
		return "", err
	}
	return objectVersion(answer.Header.Get("ETag")), nil
}

func etagIs(v objectVersion) *azureblob.ModifiedAccessConditions {
	if v == "" {
		any := azcore.ETagAny
		return &azureblob.ModifiedAccessConditions{IfNoneMatch: &any}
	}
	tag := azcore.ETag(v)
	return &azureblob.ModifiedAccessConditions{IfMatch: &tag}
}

func (s azureVersions) read(ctx context.Context, key string) ([]byte, objectVersion, error) {
	var answer azureblob.DownloadStreamResponse
	b, err := readWhole(ctx, s.bucket, key, nil, func(r *blob.Reader) { r.As(&answer) })
	if err != nil || answer.ETag == nil {
		return nil, "", err
	}
	return b, objectVersion(*answer.ETag), nil
}

func (s azureVersions) look(ctx context.Context, key string) (objectVersion, string, error) {
	a, err := s.bucket.Attributes(ctx, key)
	if err != nil {
		return "", "", err
	}
	return objectVersion(a.ETag), a.Metadata[noteKey], nil
}
