package sinks

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
)

// ErasureNotes is who was erased from the lake: notes that name nobody, made with a random key of the lake's own. Reads that
// come later are held against them.
type ErasureNotes struct {
	Key   []byte            `json:"key"`
	Notes []json.RawMessage `json:"notes"` // each as its maker wrote it

	version objectVersion // of the object that was read
}

const erasedKey = "_trunkline/erased.json"

// ErasureNotes reads who was erased, the zero value if nobody was.
func (l *Lake) ErasureNotes(ctx context.Context) (ErasureNotes, error) {
	var n ErasureNotes
	b, at, found, err := l.readVersioned(ctx, erasedKey)
	if err != nil || !found {
		return n, err
	}
	if err := json.Unmarshal(b, &n); err != nil {
		return n, fmt.Errorf("%s is not what trunkline wrote there: %w", erasedKey, err)
	}
	n.version = at
	return n, nil
}

// ErasedSince reports whether somebody was erased since the notes were read. It costs one request and reads nothing.
func (l *Lake) ErasedSince(ctx context.Context, n ErasureNotes) (bool, error) {
	at, err := l.versionOf(ctx, erasedKey)
	return at != n.version, err
}

// NoteErasure adds a note, unless it is there, and returns all of them. note makes it with the lake's key.
func (l *Lake) NoteErasure(ctx context.Context, note func(key []byte) (json.RawMessage, error)) (ErasureNotes, error) {
	if err := l.markLayout(ctx); err != nil {
		return ErasureNotes{}, err
	}
	return update(ctx, l, erasedKey, func(n *ErasureNotes) error {
		if len(n.Key) == 0 {
			n.Key = make([]byte, 32)
			if _, err := rand.Read(n.Key); err != nil {
				return err
			}
		}
		fresh, err := note(n.Key)
		if err != nil {
			return err
		}
		same := func(have json.RawMessage) bool { return sameJSON(have, fresh) }
		if !slices.ContainsFunc(n.Notes, same) {
			n.Notes = append(n.Notes, fresh)
		}
		return nil
	})
}

// sameJSON compares what differs in white space only.
func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	left, errA := json.Marshal(x)
	right, errB := json.Marshal(y)
	return errA == nil && errB == nil && string(left) == string(right)
}
