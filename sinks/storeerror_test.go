package sinks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"gocloud.dev/blob"
	"google.golang.org/api/googleapi"

	"github.com/trunkline/trunkline/sinks/storetest"
)

func amazon(status int, code string) error {
	return &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
		Err:      &smithy.GenericAPIError{Code: code},
	}
}

func azure(status int, code string) error {
	return &azcore.ResponseError{StatusCode: status, ErrorCode: code}
}

func google(status int, message string) error {
	return &googleapi.Error{Code: status, Message: message}
}

// TestKindOf: every store's errors mean what they mean.
func TestKindOf(t *testing.T) {
	missing := fmt.Errorf("%w: %w", storage.ErrObjectNotExist, google(404, "No such object: lake/k"))
	for i, test := range []struct {
		err  error
		want errorKind
	}{
		{amazon(404, "NoSuchKey"), isMissing},
		{amazon(404, "NotFound"), isMissing},
		{amazon(404, "NoSuchBucket"), isNoBucket},
		{amazon(412, "PreconditionFailed"), isConflict},
		{amazon(409, "ConditionalRequestConflict"), isBusy},
		{amazon(404, "NoSuchUpload"), isBusy},
		{amazon(503, "SlowDown"), isBusy},
		{amazon(400, "RequestTimeout"), isBusy},
		{amazon(429, "TooManyRequests"), isBusy},
		{amazon(500, "InternalError"), isBroken},
		{amazon(200, "InternalError"), isBroken},
		{amazon(501, "NotImplemented"), isPermanent},
		{amazon(400, "EntityTooLarge"), isPermanent},
		{amazon(403, "AccessDenied"), isDenied},
		{amazon(403, "SignatureDoesNotMatch"), isDenied},
		{amazon(400, "ExpiredToken"), isDenied},
		{amazon(301, "PermanentRedirect"), isElsewhere},
		{amazon(400, "AuthorizationHeaderMalformed"), isElsewhere},
		{missing, isMissing},
		{google(404, "The specified bucket does not exist."), isNoBucket},
		{google(412, "conditionNotMet"), isConflict},
		{google(403, "does not have storage.objects.get access"), isDenied},
		{google(401, "Anonymous caller"), isDenied},
		{google(429, "rateLimitExceeded"), isBusy},
		{google(409, ""), isBusy},
		{google(503, ""), isBroken},
		{fmt.Errorf("%w: %w", errUploadGone, google(404, "Not Found")), isBroken},
		{azure(404, "BlobNotFound"), isMissing},
		{azure(404, "ContainerNotFound"), isNoBucket},
		{azure(412, "ConditionNotMet"), isConflict},
		{azure(409, "BlobAlreadyExists"), isConflict},
		{azure(409, "BlobImmutableDueToPolicy"), isPermanent},
		{azure(412, "LeaseIdMissing"), isPermanent},
		{azure(403, "AuthorizationPermissionMismatch"), isDenied},
		{azure(503, "ServerBusy"), isBusy},
		{azure(500, "OperationTimedOut"), isBroken},
		{&url.Error{Op: "Put", Err: io.EOF}, isBroken},
		{&url.Error{Op: "Put", Err: syscall.ECONNREFUSED}, isBroken},
		{fmt.Errorf("body: %w", io.ErrUnexpectedEOF), isBroken},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, isBroken},
		{&url.Error{Op: "Get", Err: &net.DNSError{IsNotFound: true}}, isNoHost},
		{&url.Error{Op: "Get", Err: context.Canceled}, isPermanent},
		{errors.New("get identity: get credentials: no EC2 IMDS role found"), isNoCredentials},
		{errors.New("no space left on device"), isPermanent},
	} {
		if got := kindOf(fmt.Errorf("wrapped: %w", test.err)); got != test.want {
			t.Errorf("%d: %v is of kind %d, want %d", i, test.err, got, test.want)
		}
	}
}

// TestSignaturesStayOut: a signature in the address of a request does not get into an error.
func TestSignaturesStayOut(t *testing.T) {
	err := explained(fmt.Errorf("write: %w", &url.Error{Op: "Put", URL: "https://a.blob.core.windows.net/c/k?sig=canary", Err: io.EOF}))
	if text := err.Error(); strings.Contains(text, "canary") || !strings.Contains(text, "try again later") {
		t.Errorf("%s", text)
	}
}

// checkSays runs everything that meets a store first, but for what is excepted, and checks that each error names the remedy.
func checkSays(t *testing.T, bucket *blob.Bucket, remedy errorKind, except ...string) {
	t.Helper()
	l := &Lake{bucket: bucket}
	_, _, found, readErr := l.readVersioned(t.Context(), "k")
	_, writeErr := l.replaceBytesIf(t.Context(), "k", "", []byte("x"), textPlain)
	_, replaceErr := l.replaceBytesIf(t.Context(), "k", "1", []byte("x"), textPlain)
	for name, err := range map[string]error{
		"check":   CheckBucket(t.Context(), bucket),
		"read":    readErr,
		"write":   writeErr,
		"replace": replaceErr,
		"put":     l.putBytes(t.Context(), "k", []byte("x"), textPlain),
	} {
		if slices.Contains(except, name) {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), remedies[remedy]) || errors.Is(err, ErrConflict) {
			t.Errorf("%s, found %v: error %v, want one that says %q", name, found, err, remedies[remedy])
		}
	}
}

// TestMissingBucket: a bucket that does not exist is never an empty one.
func TestMissingBucket(t *testing.T) {
	eachServer(t, func(t *testing.T, s *store) {
		if s.address == "" {
			t.Skip("the cloud is not asked for buckets that may be somebody else's")
		}
		var except []string
		if s.name == "gcs" {
			except = []string{"read", "replace"} // this server does not say what it is that is not found
		}
		checkSays(t, s.open(t, strings.Replace(s.url, "://lake", "://no-such-bucket", 1)), isNoBucket, except...)
	})
}

// TestDenied: a store that refuses is not an empty one either, and the error says what is missing.
func TestDenied(t *testing.T) {
	everything := func(*http.Request) bool { return true }
	eachServer(t, func(t *testing.T, s *store) {
		if s.address == "" {
			t.Skip("no proxy can stand before the cloud itself")
		}
		code := map[string]string{"s3": "AccessDenied", "gcs": "forbidden", "azure": "AuthorizationPermissionMismatch"}[s.name]
		proxy := &faultProxy{match: everything, times: 1 << 30, wrong: refused(http.StatusForbidden, code)}
		checkSays(t, s.throughBucket(t, proxy, ""), isDenied)
	})
}

// TestWrongKey and TestWrongRegion ask the one server that checks either.
func TestWrongKey(t *testing.T) {
	eachServer(t, func(t *testing.T, s *store) {
		if s.name != "s3" {
			t.Skip("this server, or its client, does not look again")
		}
		t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret-canary")
		bucket := s.open(t, s.url)
		checkSays(t, bucket, isDenied)
		if err := CheckBucket(t.Context(), bucket); strings.Contains(err.Error(), "canary") {
			t.Errorf("the secret is in %v", err)
		}
	})
}

func TestWrongRegion(t *testing.T) {
	eachServer(t, func(t *testing.T, s *store) {
		if s.name != "s3" {
			t.Skip("this store has no regions to choose")
		}
		checkSays(t, s.open(t, strings.Replace(s.url, "region=us-east-1", "region=eu-central-9", 1)), isElsewhere)
	})
}

// TestAway: a server that is not there is one for the moment, and is not asked for ever.
func TestAway(t *testing.T) {
	eachServer(t, func(t *testing.T, s *store) {
		if s.address == "" {
			t.Skip("the cloud itself is there")
		}
		if s.name == "azure" {
			t.Skip("its client takes half a minute to give up, which tells nothing more")
		}
		address, err := storetest.FreeAddress()
		if err != nil {
			t.Fatal(err)
		}
		err = CheckBucket(t.Context(), s.openAt(t, strings.ReplaceAll(s.url, s.address, address), address))
		if !IsTemporary(err) {
			t.Errorf("error %v, want one for the moment", err)
		}
	})
}
