package sinks

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"gocloud.dev/gcerrors"
)

// errorKind is what an error of a store means for what is to be done.
type errorKind int

const (
	isPermanent errorKind = iota // repeating will not help
	isMissing                    // there is no such object
	isConflict                   // the object has another version
	isBusy                       // refused for the moment: nothing was done
	isBroken                     // failed for the moment: something may have been done
	isDenied                     // the credentials lack a permission, or are wrong
	isNoBucket                   // there is no such bucket or container
	isElsewhere                  // the bucket lies in another region
)

func (k errorKind) isTemporary() bool { return k == isBusy || k == isBroken }

// isRefusal reports whether the store refused a write because the object has not the expected version. Some stores say
// of an object that is gone that it is missing.
func (k errorKind) isRefusal(expected objectVersion) bool {
	return k == isConflict || k == isMissing && expected != ""
}

// kindOf classifies an error of a store.
func kindOf(err error) errorKind {
	if errors.Is(err, errLost) {
		return isConflict
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

func explained(err error) error { return err }

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
