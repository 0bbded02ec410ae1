package sinks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"path"
	"regexp"
	"strings"

	"gocloud.dev/blob"
)

// Audio lies beside the partitions of its table, one object a recording, under a name that engines which read the table as a
// whole pass over, as they do all that begin with _. It is named by the recording and not by a day, so that it stays where it is
// when its call moves, and is there once if several calls name it. An object is whole as soon as it is there.

// Audio is one audio of the lake.
type Audio struct {
	ID          string // of the recording
	Key         string // of the object
	ContentType string // MIME type
	Bytes       int64
	SHA256      string // of the bytes
}

const (
	audioDir = "_audio"
	// sumKey is the name of the SHA-256 in an object's metadata, where the store keeps any.
	sumKey = "sha256"
)

var audioID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// CheckAudioID refuses an id of a recording that cannot stand in the name of an object.
func CheckAudioID(id string) error {
	if !audioID.MatchString(id) {
		return fmt.Errorf("recording %q: only letters, digits, - and _ can stand in an object's name", id)
	}
	return nil
}

// audioType is the ending of an object's name and the MIME type in one spelling of several.
func audioType(contentType string) (ending, kind string) {
	kind, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil || kind == "":
		return "bin", "application/octet-stream"
	case kind == "audio/mpeg" || kind == "audio/mp3" || kind == "audio/x-mp3":
		return "mp3", "audio/mpeg"
	case kind == "audio/wav" || kind == "audio/x-wav" || kind == "audio/wave" || kind == "audio/vnd.wave":
		return "wav", "audio/wav"
	}
	return "bin", kind
}

func audioPrefix(table, account string) string {
	return path.Join(table, "account_id="+account, audioDir) + "/"
}

// ParseAudio reads the account and the recording out of the key of an audio of the table; ok is false for any other key.
func ParseAudio(table, key string) (account, id string, ok bool) {
	rest, ok := strings.CutPrefix(key, table+"/account_id=")
	account, name, ok2 := strings.Cut(rest, "/"+audioDir+"/")
	id, ending, ok3 := strings.Cut(name, ".")
	known := ending == "mp3" || ending == "wav" || ending == "bin"
	ok = ok && ok2 && ok3 && known && checkAccount(account) == nil && CheckAudioID(id) == nil
	return account, id, ok
}

// FindAudio finds the audio of a recording, whoever brought it.
func (l *Lake) FindAudio(ctx context.Context, table, account, id string) (a Audio, found bool, err error) {
	keys, err := l.audioKeys(ctx, table, account, id)
	if err != nil || len(keys) == 0 {
		return a, false, err
	}
	a = Audio{ID: id, Key: keys[0]}
	err = retried(ctx, func() error {
		attrs, err := l.bucket.Attributes(ctx, a.Key)
		if err == nil {
			a.Bytes, a.ContentType, a.SHA256 = attrs.Size, attrs.ContentType, attrs.Metadata[sumKey]
		}
		return err
	})
	if err != nil && kindOf(err) == isMissing {
		return Audio{}, false, nil // it has just gone
	}
	if err != nil {
		return Audio{}, false, fmt.Errorf("read %s: %w", a.Key, explained(err))
	}
	if _, a.ContentType = audioType(a.ContentType); strings.HasSuffix(a.Key, ".mp3") {
		a.ContentType = "audio/mpeg"
	} else if strings.HasSuffix(a.Key, ".wav") {
		a.ContentType = "audio/wav"
	}
	if a.SHA256 == "" { // a directory keeps no metadata
		a.SHA256, err = l.sum(ctx, a.Key, a.Bytes)
	}
	return a, a.SHA256 != "", err
}

// audioKeys lists the objects of one recording.
func (l *Lake) audioKeys(ctx context.Context, table, account, id string) (keys []string, err error) {
	if err := errors.Join(checkAccount(account), CheckAudioID(id)); err != nil {
		return nil, err
	}
	err = l.keys(ctx, audioPrefix(table, account)+id+".", func(o *blob.ListObject) error {
		if _, _, ok := ParseAudio(table, o.Key); ok {
			keys = append(keys, o.Key)
		}
		return nil
	})
	return keys, err
}

// HasAudio reports whether an object of that key is there.
func (l *Lake) HasAudio(ctx context.Context, key string) (bool, error) {
	_, found, err := l.size(ctx, key)
	return found, err
}

// KeepAudio uploads a part that is whole as the audio of a recording. If somebody else brought it meanwhile, theirs stays.
func (l *Lake) KeepAudio(ctx context.Context, table, account, id string, p *Part) (Audio, error) {
	if err := errors.Join(checkAccount(account), CheckAudioID(id)); err != nil {
		return Audio{}, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, p.content()); err != nil {
		return Audio{}, err
	}
	ending, kind := audioType(p.origin.ContentType)
	a := Audio{ID: id, Key: audioPrefix(table, account) + id + "." + ending, ContentType: kind, Bytes: p.length, SHA256: hex.EncodeToString(h.Sum(nil))}
	none := objectVersion("")
	_, err := l.write(ctx, upload{key: a.Key, expected: &none, contentType: kind, metadata: map[string]string{sumKey: a.SHA256}}, p.content())
	if !mustRepeat(err) {
		return a, err
	}
	there, found, findErr := l.FindAudio(ctx, table, account, id)
	if findErr != nil || !found {
		return a, errors.Join(err, findErr)
	}
	return there, nil
}

// fewIDs is up to how many recordings are looked for one by one, where all audio could be listed.
const fewIDs = 16

// RemoveAudio removes the audio of recordings, and what this machine has of it in parts. It returns how many objects there were.
func (l *Lake) RemoveAudio(ctx context.Context, table, account string, ids map[string]bool) (removed int, err error) {
	if err := checkAccount(account); err != nil {
		return 0, err
	}
	var keys []string
	for id := range ids {
		if CheckAudioID(id) != nil {
			continue // there cannot be any
		}
		if err := l.removePart(account, id); err != nil {
			return 0, err
		}
		if len(ids) <= fewIDs {
			of, err := l.audioKeys(ctx, table, account, id)
			if err != nil {
				return 0, err
			}
			keys = append(keys, of...)
		}
	}
	if len(ids) > fewIDs {
		err = l.keys(ctx, audioPrefix(table, account), func(o *blob.ListObject) error {
			if _, id, ok := ParseAudio(table, o.Key); ok && ids[id] {
				keys = append(keys, o.Key)
			}
			return nil
		})
	}
	for _, key := range keys {
		if err == nil {
			err = l.remove(ctx, key)
			removed++
		}
	}
	return removed, err
}
