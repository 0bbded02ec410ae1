package sinks

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"time"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"

	"github.com/trunkline/trunkline/sinks/disk"
)

// # How an object is replaced without losing what somebody else wrote
//
// Whoever replaces an object has read it, or found that there is none, and knows the version that was read. The store
// takes the write only if the object still has that version. Three things can come of it: the write won; it lost, and
// what is there now must be read and merged again; or the answer did not come. Then the object is looked at: each write
// carries a note of its own in the object's metadata, and a note of ours says that the write took effect. If the object
// has the old version the write is repeated, with the same note and condition; if it has another one nobody can say
// whether ours was there in between, and so does the error.
//
// The final request of a write is never repeated by a cloud's own client, which would take the refusal of its second
// request, which its first one caused, for the answer. (Google's repeats the last part of several all the same: see errUploadGone.)

// ErrConflict says that somebody else wrote the object meanwhile. Read it again, merge and repeat.
var ErrConflict = errors.New("somebody else wrote it meanwhile; try again")

// errLost is what a write that depends on a version gives when the object has another one: the write did nothing.
var errLost = ErrConflict

// errUnknown says that a write may or may not have taken effect.
var errUnknown = errors.New("whether the write took effect could not be found out; run again, which repairs either case")

// objectVersion identifies one version of an object as its store does; "" is no object.
type objectVersion string

// versions is what one kind of store does about versions.
type versions interface {
	// write uploads an object once and returns its version. What the upload depends on is part of it.
	write(ctx context.Context, u upload) (objectVersion, error)
	// read reads a whole object of one version.
	read(ctx context.Context, key string) ([]byte, objectVersion, error)
	// look returns an object's version and the note of the write that made it.
	look(ctx context.Context, key string) (v objectVersion, note string, err error)
}

// versions returns what the lake's store does about versions.
func (l *Lake) versions() versions {
	var dir disk.Dir
	var amazon *s3.Client
	var google *storage.Client
	var azure *container.Client
	switch {
	case l.bucket.As(&dir):
		return diskVersions{l.bucket}
	case l.bucket.As(&amazon):
		return s3Versions{l.bucket, amazon}
	case l.bucket.As(&google):
		return gcsVersions{l.bucket}
	case l.bucket.As(&azure):
		return azureVersions{l.bucket}
	}
	return memoryVersions{l.bucket}
}

// isRemote reports whether an answer of the store can get lost.
func isRemote(s versions) bool {
	switch s.(type) {
	case diskVersions, memoryVersions:
		return false
	}
	return true
}

// upload is one write of an object.
type upload struct {
	key         string
	expected    *objectVersion // nil: whatever is there
	source      *guardedReader
	contentType string
	note        string
	metadata    map[string]string // beside the note; nil: nothing
	part        int               // bytes a part, where not the usual; then also a short object is uploaded in parts
}

// noteKey is the name of a write's note in its object's metadata.
const noteKey = "trunkline_write"

func (u upload) options() *blob.WriterOptions {
	metadata := map[string]string{noteKey: u.note}
	maps.Copy(metadata, u.metadata)
	return &blob.WriterOptions{
		ContentType:    u.contentType,
		Metadata:       metadata,
		BufferSize:     cmp.Or(u.part, partSize),
		MaxConcurrency: partsAtOnce,
	}
}

// An upload buffers a few parts, and several uploads run at once.
const (
	partSize    = 8 << 20
	partsAtOnce = 2
)

// readVersioned reads a whole object and the version of it that was read; found is false where there is none.
func (l *Lake) readVersioned(ctx context.Context, key string) (b []byte, v objectVersion, found bool, err error) {
	s := l.versions()
	err = retried(ctx, func() error {
		b, v, err = s.read(ctx, key)
		return err
	})
	if err != nil && kindOf(err) == isMissing {
		return nil, "", false, nil
	}
	if err != nil {
		return nil, "", false, fmt.Errorf("read %s: %w", key, explained(err))
	}
	return b, v, true, nil
}

// replaceIf writes an object from a complete local source if the object still has the version v ("": does not exist).
// The error is errLost where somebody else wrote it meanwhile, and errUnknown where the write may or may not have taken
// effect and that could not be found out.
func (l *Lake) replaceIf(ctx context.Context, key string, v objectVersion, source io.ReadSeeker, contentType string) (objectVersion, error) {
	return l.write(ctx, upload{key: key, expected: &v, contentType: contentType}, source)
}

func (l *Lake) replaceBytesIf(ctx context.Context, key string, v objectVersion, b []byte, contentType string) (objectVersion, error) {
	return l.replaceIf(ctx, key, v, bytes.NewReader(b), contentType)
}

func (l *Lake) replaceFileIf(ctx context.Context, key string, v objectVersion, file, contentType string) (objectVersion, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return l.replaceIf(ctx, key, v, f, contentType)
}

// write uploads until the store took it, refused it, or failed too often. A source that cannot be rewound is sent once.
func (l *Lake) write(ctx context.Context, u upload, source io.Reader) (now objectVersion, err error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("write %s: %w", u.key, context.Cause(ctx))
	}
	s := l.versions()
	u.note = rand.Text()
	doubt := false // an attempt whose answer did not come may have taken effect
	for attempt := 0; ; attempt++ {
		var sourceErr error
		now, sourceErr, err = writeOnce(ctx, s, u, source)
		if err == nil {
			return now, nil
		}
		if sourceErr != nil {
			return "", fmt.Errorf("write %s: %w", u.key, sourceErr)
		}
		kind := kindOf(err)
		if u.expected != nil && (kind.isRefusal(*u.expected) || kind == isBroken) {
			doubt = doubt || kind == isBroken
			now, done, err := settle(ctx, s, u, kind, doubt, err)
			if done {
				return now, err
			}
		}
		_, rewinds := source.(io.Seeker)
		if !kind.isTemporary() || !rewinds || attempt == attempts-1 || !pause(ctx, attempt) {
			return "", u.failed(doubt || isRemote(s) && ctx.Err() != nil, errors.Join(context.Cause(ctx), err))
		}
	}
}

// failed names the object in an error, and tells the doubt that is left.
func (u upload) failed(doubt bool, err error) error {
	if kindOf(err) == isMissing { // nothing else can be, where an object is made
		err = &storeError{err, isNoBucket}
	} else {
		err = explained(err)
	}
	if doubt && u.expected != nil {
		return fmt.Errorf("write %s: %w (%w)", u.key, err, errUnknown)
	}
	return fmt.Errorf("write %s: %w", u.key, err)
}

// writeOnce makes one attempt. The upload's context ends the moment its source fails.
func writeOnce(ctx context.Context, s versions, u upload, source io.Reader) (now objectVersion, sourceErr, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if seeker, ok := source.(io.Seeker); ok {
		if _, err := seeker.Seek(0, io.SeekStart); err != nil {
			return "", err, err
		}
	}
	u.source = &guardedReader{source: source, cancel: cancel}
	now, err = s.write(ctx, u)
	if sourceErr = u.source.end(); sourceErr != nil {
		return "", sourceErr, sourceErr
	}
	return now, nil, err
}

// settle finds out what became of a write that the store refused or whose answer did not come. It is done unless the
// write is to be repeated.
func settle(ctx context.Context, s versions, u upload, kind errorKind, doubt bool, cause error) (now objectVersion, done bool, err error) {
	var v objectVersion
	var note string
	err = retried(ctx, func() (err error) {
		v, note, err = s.look(ctx, u.key)
		return err
	})
	switch {
	case err != nil && kindOf(err) != isMissing:
		return "", true, u.failed(true, errors.Join(cause, err))
	case note == u.note:
		return v, true, nil
	case v == *u.expected && kind == isBroken:
		return "", false, nil
	case doubt:
		return "", true, fmt.Errorf("write %s: %w", u.key, errUnknown)
	}
	return "", true, fmt.Errorf("write %s: %w", u.key, errLost)
}

const (
	attempts     = 6 // of a write, each of one request that counts
	readAttempts = 3 // of a read, which the clouds' clients repeat themselves, but for a body that breaks off
	firstWait    = 100 * time.Millisecond
)

// retried repeats what fails for the moment only.
func retried(ctx context.Context, do func() error) error {
	for attempt := 0; ; attempt++ {
		err := do()
		if err == nil || !kindOf(err).isTemporary() || attempt == readAttempts-1 || !pause(ctx, attempt) {
			return err
		}
	}
}
