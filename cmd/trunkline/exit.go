package main

import (
	"context"
	"errors"

	"github.com/trunkline/trunkline/pipeline"
	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// Exit statuses, as the help text lists them.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitModel  = 3
	exitLater  = 75 // EX_TEMPFAIL of sysexits.h
)

// usageError is a mistake in how the command was called or configured.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usage(err error) error { return &usageError{err} }

// exitStatus maps what a verb returned to the exit status; of several errors the gravest wins.
func exitStatus(ctx context.Context, err error) int {
	if err == nil {
		return exitDone
	}
	var by interrupted
	if errors.As(context.Cause(ctx), &by) {
		return 128 + int(by.signal)
	}
	return gravest(err)
}

// gravity orders the statuses, the gravest first.
var gravity = []int{exitUsage, exitFailed, exitModel, exitLater}

func gravest(err error) int {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return statusOf(err)
	}
	found := map[int]bool{}
	for _, e := range joined.Unwrap() {
		found[gravest(e)] = true
	}
	for _, status := range gravity {
		if found[status] {
			return status
		}
	}
	return exitFailed
}

func statusOf(err error) int {
	var bad *usageError
	var refused *ringcentral.Error
	var model *sql.ModelError
	var audit *sql.AuditError
	switch {
	case errors.As(err, &bad), errors.Is(err, sinks.ErrLayout), errors.Is(err, pipeline.ErrEmptyWindow),
		errors.Is(err, pipeline.ErrCacheLimit), errors.Is(err, pipeline.ErrAudio):
		return exitUsage
	case errors.Is(err, sinks.ErrConflict):
		return exitLater
	case errors.As(err, &model), errors.As(err, &audit), errors.Is(err, errFindings), errors.Is(err, errUnreconciled):
		return exitModel
	case errors.As(err, &refused):
		switch {
		case refused.CredentialsRefused(), refused.PermissionMissing():
			return exitUsage
		case refused.Temporary():
			return exitLater
		}
	case sinks.IsTemporary(err):
		return exitLater
	}
	return exitFailed
}
