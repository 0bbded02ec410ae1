package simulator

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// recordingDetails answers with what there is to know about a recording without its content.
func (s *Simulator) recordingDetails(r *request) *answer {
	t := s.recording(r.PathValue("recording"))
	if t == nil {
		return notFound("callRecordingId")
	}
	return &answer{status: 200, body: encode(struct {
		ID          string `json:"id"`
		ContentURI  string `json:"contentUri"`
		ContentType string `json:"contentType"`
		Duration    int    `json:"duration"`
	}{t.id, t.uri, t.contentType, t.duration})}
}

// recordingContent answers with the audio, or the part of it that a header Range asks for. The real one is on another
// host; here the path is the same on every host.
func (s *Simulator) recordingContent(r *request) *answer {
	t := s.recording(r.PathValue("recording"))
	if t == nil {
		return notFound("callRecordingId")
	}
	whole := t.audio()
	a := &answer{status: 200, contentType: t.contentType, body: whole, audio: t.id, header: http.Header{"Accept-Ranges": {"bytes"}}}
	first, last, ok := readRange(r.Header.Get("Range"), len(whole))
	switch {
	case !ok:
	case first >= len(whole) || last < first:
		a = fail(416, "CMN-107", "Requested range is not satisfiable")
		a.header = http.Header{"Content-Range": {fmt.Sprintf("bytes */%d", len(whole))}}
	default:
		a.status, a.body = 206, whole[first:last+1]
		a.header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(whole)))
	}
	return a
}

// readRange reads a header Range of one range; ok is false if it is absent, has several, or is none of bytes: then the
// whole is served, as RFC 9110 section 14.2 permits. Both ends are inclusive; what cannot be satisfied begins beyond the
// size, or ends before it begins.
func readRange(text string, size int) (first, last int, ok bool) {
	spec, isBytes := strings.CutPrefix(text, "bytes=")
	from, to, isRange := strings.Cut(strings.TrimSpace(spec), "-")
	if !isBytes || !isRange {
		return 0, 0, false
	}
	if from == "" {
		n, err := strconv.ParseUint(to, 10, 31)
		return max(size-int(n), 0), size - 1, err == nil // the last n bytes; of none the first is beyond the size
	}
	begin, err := strconv.ParseUint(from, 10, 31)
	if err != nil {
		return 0, 0, false
	}
	if to == "" {
		return int(begin), size - 1, true
	}
	end, err := strconv.ParseUint(to, 10, 31)
	if err != nil || end < begin {
		return 0, 0, false
	}
	return int(begin), min(int(end), size-1), true
}
