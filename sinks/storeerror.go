package sinks

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"gocloud.dev/gcerrors"
	"google.golang.org/api/googleapi"
)

// errorKind is what an error of a store means for what is to be done.
type errorKind int

const (
	isPermanent     errorKind = iota // repeating will not help
	isMissing                        // there is no such object
	isConflict                       // the object has another version
	isBusy                           // refused for the moment: nothing was done
	isBroken                         // failed for the moment: something may have been done
	isDenied                         // the credentials lack a permission, or are wrong
	isNoCredentials                  // there are none
	isNoBucket                       // there is no such bucket or container
	isElsewhere                      // the bucket lies in another region
	isNoHost                         // there is no such host
)

func (k errorKind) isTemporary() bool { return k == isBusy || k == isBroken }

// isRefusal reports whether the store refused a write because the object has not the expected version. Some stores say
// of an object that is gone that it is missing.
func (k errorKind) isRefusal(expected objectVersion) bool {
	return k == isConflict || k == isMissing && expected != ""
}

// kindOf classifies an error of a store. gocloud's own codes are not enough: they know neither a busy store nor a wrong
// region, call a refused permission of Google's a missing object, and any unknown host of Azure's too.
func kindOf(err error) errorKind {
	if errors.Is(err, errLost) {
		return isConflict
	}
	if errors.Is(err, errUploadGone) {
		return isBroken
	}
	if a, ok := answerOf(err); ok {
		return a.kind()
	}
	for _, text := range []string{"get credentials", "cannot fetch token", "failed to acquire a token", "default credentials"} {
		if strings.Contains(err.Error(), text) {
			return isNoCredentials
		}
	}
	if kind := kindOfTransport(err); kind != isPermanent {
		return kind
	}
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return isMissing
	case gcerrors.FailedPrecondition:
		return isConflict
	case gcerrors.PermissionDenied:
		return isDenied
	}
	return isPermanent
}

// kindOfTransport classifies what failed before or between the answers of a store.
func kindOfTransport(err error) errorKind {
	var host *net.DNSError
	var certificate *tls.CertificateVerificationError
	var sending *url.Error
	var operation *net.OpError
	switch {
	case errors.As(err, &host) && host.IsNotFound:
		return isNoHost
	case errors.As(err, &certificate), errors.Is(err, context.Canceled):
		return isPermanent
	case errors.As(err, &sending), errors.As(err, &operation), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return isBroken
	}
	return isPermanent
}

// answer is what a store answered, however its client tells.
type answer struct {
	status int
	code   string // of the store's own, such as SlowDown; empty where a client does not tell it
	text   string
}

func answerOf(err error) (answer, bool) {
	var google *googleapi.Error
	if errors.As(err, &google) {
		return answer{google.Code, "", google.Message + google.Body}, true
	}
	var azure *azcore.ResponseError
	if errors.As(err, &azure) {
		return answer{azure.StatusCode, azure.ErrorCode, ""}, true
	}
	var a answer
	var amazon smithy.APIError
	if errors.As(err, &amazon) {
		a.code, a.text = amazon.ErrorCode(), amazon.ErrorMessage()
	}
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.Response != nil {
		a.status = response.HTTPStatusCode()
	}
	if errors.Is(err, storage.ErrBucketNotExist) {
		return answer{http.StatusNotFound, "NoSuchBucket", ""}, true
	}
	return a, a.status != 0 && (a.status >= 300 || a.code != "")
}

// The stores' own names for what their statuses say too roughly.
var (
	codesNoBucket  = []string{"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted", "AccountNotFound"}
	codesElsewhere = []string{"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "WrongRegion"}
	codesConflict  = []string{"PreconditionFailed", "ConditionNotMet", "TargetConditionNotMet", "BlobAlreadyExists"}
	codesBusy      = []string{"SlowDown", "ServiceUnavailable", "ServerBusy", "RequestTimeout", "ConditionalRequestConflict",
		"OperationAborted", "NoSuchUpload", "InvalidBlockList", "TooManyRequests", "Throttling"}
	codesDenied = []string{"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AuthenticationFailed"}
)

func (a answer) kind() errorKind {
	switch {
	case slices.Contains(codesNoBucket, a.code), a.status == http.StatusNotFound && a.namesBucket():
		return isNoBucket
	case slices.Contains(codesElsewhere, a.code), a.status == http.StatusMovedPermanently:
		return isElsewhere
	case slices.Contains(codesConflict, a.code), a.code == "" && a.status == http.StatusPreconditionFailed:
		return isConflict
	case slices.Contains(codesDenied, a.code), a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return isDenied
	case slices.Contains(codesBusy, a.code), a.status == http.StatusTooManyRequests, a.code == "" && a.status == http.StatusConflict:
		return isBusy
	case a.status == http.StatusNotFound:
		return isMissing
	case a.status >= 500 && a.status != http.StatusNotImplemented, a.status == http.StatusRequestTimeout:
		return isBroken
	case a.status/100 == 2:
		return isBroken // S3 can fail in the body of an answer that began well
	}
	return isPermanent
}

// namesBucket reports whether Google says of what is missing that it is the bucket.
func (a answer) namesBucket() bool {
	text := strings.ToLower(a.text)
	return strings.Contains(text, "bucket does not exist") || strings.Contains(text, "nosuchbucket")
}

// remedies say what the user can do.
var remedies = map[errorKind]string{
	isConflict:      "somebody else wrote it meanwhile; run again",
	isBusy:          "the store is busy; try again later",
	isBroken:        "the store could not be reached or failed; try again later",
	isDenied:        "the store refuses it: check which credentials are used, and that they may list, read, write and delete the lake's objects",
	isNoCredentials: "no credentials for the store were found, or they are not accepted; set them as its own tools want them",
	isNoBucket:      "there is no such bucket, container or directory; make it, or correct --lake",
	isElsewhere:     "the bucket lies in another region; put the right one into --lake as ?region=",
	isNoHost:        "there is no such host; correct the bucket or account in --lake",
}

// storeError is an error of a store that ends with what the user can do about it, if there is anything.
type storeError struct {
	err  error
	kind errorKind
}

// signature is what of an address with a shared signature, as Azure has them, must not be shown.
var signature = regexp.MustCompile(`([?&]sig=)[^&"\s]*`)

func (e *storeError) Error() string {
	text := signature.ReplaceAllString(e.err.Error(), "${1}REDACTED")
	if remedy := remedies[e.kind]; remedy != "" {
		text += ": " + remedy
	}
	return text
}

func (e *storeError) Unwrap() error { return e.err }

// explained ends an error of a store with a remedy.
func explained(err error) error {
	if errors.Is(err, errLost) {
		return err
	}
	return &storeError{err, kindOf(err)}
}

// IsTemporary reports whether an error is one of the lake's store for the moment: it was busy or away, somebody else wrote
// the same object, or an answer was lost. Running again later can help.
func IsTemporary(err error) bool {
	var e *storeError
	return errors.As(err, &e) && e.kind.isTemporary() || errors.Is(err, ErrConflict) || errors.Is(err, errUnknown)
}

// pause waits before the next attempt; it is false when the context ended.
func pause(ctx context.Context, attempt int) bool {
	wait := firstWait << attempt
	select {
	case <-ctx.Done():
		return false
	case <-time.After(wait/2 + rand.N(wait)):
		return true
	}
}
