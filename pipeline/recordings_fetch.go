package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/sinks"
)

// errYoung says that a recording is not there, and may yet come: RingCentral makes the file some time after the call.
var errYoung = errors.New("the recording is not there yet")

// piecesAtMost is in how many pieces one run fetches an audio whose connection breaks.
const piecesAtMost = 8

// settle finds out what became of a recording. The lake is asked first: what it has is not fetched.
func (e *extraction) settle(ctx context.Context, r recording, erased bool) (recording, error) {
	if erased {
		if _, err := e.lake.RemoveAudio(ctx, e.stream.Name, e.AccountID, map[string]bool{r.ID: true}); err != nil {
			return r, &lakeError{err}
		}
		r.ErasedAt = recordTime(e.clock())
		return r, e.emit(Event{Recording: &RecordingDone{Erased: true}})
	}
	if r.settled() {
		return r, nil // its row says something old of its call
	}
	if err := sinks.CheckAudioID(r.ID); err != nil {
		return r, err
	}
	audio, fetched, err := e.bringAudio(ctx, r)
	if isNotHad(err) {
		if e.clock().Sub(r.started()) < youngAudio {
			return r, errYoung
		}
		r.GoneAt = recordTime(e.clock())
		return r, e.emit(Event{Recording: &RecordingDone{Gone: true}})
	}
	if err != nil {
		return r, err
	}
	return r.holds(audio, e.clock()), e.emit(Event{Recording: &RecordingDone{Bytes: fetched}})
}

func isNotHad(err error) bool {
	var refused *ringcentral.Error
	return errors.As(err, &refused) && refused.Gone()
}

// bringAudio sees to it that the lake has the audio. fetched is its size, -1 if the lake had it. It looks while it holds the part, so
// that of two runs on one machine one fetches it.
func (e *extraction) bringAudio(ctx context.Context, r recording) (audio sinks.Audio, fetched int64, err error) {
	part, err := e.lake.OpenPart(e.AccountID, r.ID)
	if errors.Is(err, sinks.ErrConflict) {
		return audio, 0, err
	}
	if err != nil {
		return audio, 0, onDiskFails(err)
	}
	defer func() {
		if closing := part.Close(); closing != nil {
			err = errors.Join(err, onDiskFails(closing))
		}
	}()
	audio, found, err := e.lake.FindAudio(ctx, e.stream.Name, e.AccountID, r.ID)
	if err != nil {
		return audio, 0, &lakeError{err}
	}
	if found {
		return audio, -1, part.Remove()
	}
	if err := e.pieces(ctx, part, r.address(e.AccountID)); err != nil {
		if isNotHad(err) {
			err = errors.Join(err, part.Remove())
		}
		return audio, 0, err
	}
	if audio, err = e.lake.KeepAudio(ctx, e.stream.Name, e.AccountID, r.ID, part); err != nil {
		return audio, 0, &lakeError{err}
	}
	return audio, audio.Bytes, part.Remove()
}

// onDiskFails is a failure of the disk on which parts are kept.
func onDiskFails(err error) error {
	return &lakeError{fmt.Errorf("what comes of a recording is kept on local disk (--cache-dir): %w", err)}
}

// address is where the audio is: what the call says or, where that was taken away, what RingCentral's specification says.
func (r recording) address(account string) string {
	if strings.Contains(r.ContentURI, "/recording/") {
		return r.ContentURI
	}
	return fmt.Sprintf("/restapi/v1.0/account/%s/recording/%s/content", account, r.ID)
}

// pieces fetches what is missing of a part, and goes on where the connection breaks.
func (e *extraction) pieces(ctx context.Context, part *sinks.Part, uri string) error {
	for n := 1; ; n++ {
		if part.Whole() {
			return nil
		}
		m, err := e.rest(ctx, part, uri)
		if err != nil {
			return err
		}
		broken, err := copyPiece(part, m.Body)
		if err == nil || !broken || n == piecesAtMost || ctx.Err() != nil {
			return err
		}
	}
}

// rest asks for what follows what has come, or for all of it where that is another content's.
func (e *extraction) rest(ctx context.Context, part *sinks.Part, uri string) (*ringcentral.Media, error) {
	m, err := e.client.Recording(ctx, e.AccountID, uri, part.Len())
	var refused *ringcentral.Error
	beyond := errors.As(err, &refused) && refused.Status == http.StatusRequestedRangeNotSatisfiable && part.Len() > 0
	if err != nil && !beyond {
		return nil, err
	}
	if err == nil && part.Continues(originOf(m), m.Offset) {
		return m, nil
	}
	if beyond || m.Offset > 0 {
		if m != nil {
			_ = m.Body.Close() // it is of no use
		}
		if m, err = e.client.Recording(ctx, e.AccountID, uri, 0); err != nil {
			return nil, err
		}
	}
	if err := part.Begin(originOf(m)); err != nil {
		return nil, errors.Join(onDiskFails(err), m.Body.Close())
	}
	return m, nil
}

func originOf(m *ringcentral.Media) sinks.Origin {
	return sinks.Origin{ETag: m.ETag, Size: m.Size, ContentType: m.ContentType}
}

// copyPiece adds what comes to a part. It is broken where the source ended it before its time.
func copyPiece(part *sinks.Part, body io.ReadCloser) (broken bool, err error) {
	defer body.Close()
	_, err = io.Copy(part, body)
	var refused *ringcentral.Error
	if broken = errors.As(err, &refused) && refused.Temporary(); broken || err == nil || refused != nil {
		return broken, err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false, err
	}
	return false, onDiskFails(err)
}
