package simulator

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"strconv"
	"sync"
)

// recordingIDs end in a digit of their own, as those of messages do.
const recordingIDs = 2_000_000_000_004

// audioLimit is the most that a recording has, bytes: enough to be downloaded in pieces, and little enough for thousands.
const audioLimit = 64 << 10

// lostShare is one in how many recordings was deleted, though the log still names it.
const lostShare = 40

// taped is a recording: what the call log names, and what it sounds like.
type taped struct {
	id          string
	uri         string
	contentType string
	duration    int // seconds
}

// recording finds the recording of a call that can be seen at an instant, or nil. It is there as soon as a version of the
// call names it, and stays if the call is deleted; some are gone all the same.
func (p *population) recording(id string, now int64) *taped {
	n, err := strconv.ParseInt(id, 10, 64)
	n -= recordingIDs
	if err != nil || n < 0 || n%1000 != 0 || lost(n) {
		return nil
	}
	n /= 1000
	r := p.at(p.founded+int(n/dayWidth), int(n%dayWidth))
	if r == nil {
		return nil
	}
	for _, v := range r.versions() {
		if v.visible <= now && v.Recording != nil && v.Recording.ID == id {
			return &taped{id: id, uri: v.Recording.ContentURI, contentType: soundsLike(n), duration: int(v.Duration)}
		}
	}
	return nil
}

// lost tells whether a recording is gone.
func lost(n int64) bool { return mix(uint64(n)^0xdead)%lostShare == 0 }

// soundsLike is the format of a recording: one in four is compressed.
func soundsLike(n int64) string {
	if mix(uint64(n)^0x3a)%4 == 0 {
		return "audio/mpeg"
	}
	return "audio/x-wav"
}

// audio makes the bytes of a recording, which depend on its id and its duration alone. A player takes them for what they
// are: noise, or silence. What is longer than the limit is cut off.
func (t *taped) audio() []byte {
	n, _ := strconv.ParseUint(t.id, 10, 64) // it was found by its number
	rng := rand.New(rand.NewPCG(mix(n), uint64(t.duration)))
	if t.contentType == "audio/mpeg" {
		return mpeg(rng, t.duration)
	}
	return wave(rng, t.duration)
}

// wave is a RIFF file with one channel of 8000 bytes a second.
func wave(rng *rand.Rand, seconds int) []byte {
	const head, rate = 44, 8000
	samples := min(seconds*rate, audioLimit-head)
	b := append(make([]byte, 0, head+samples), "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(head-8+samples))
	b = append(b, "WAVEfmt "...)
	for _, n := range []uint32{16, 1<<16 | 1, rate, rate, 8<<16 | 1} { // PCM, one channel, of one byte with 8 bits
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(samples))
	for range samples {
		b = append(b, 120+byte(rng.Uint32()&15))
	}
	return b
}

// mpeg is frames of MPEG-2 layer III, 16 kbit/s and 16 kHz with one channel: 72 bytes for 36 ms each. Their side
// information says that nothing is to be heard; what follows in a frame is ancillary.
func mpeg(rng *rand.Rand, seconds int) []byte {
	const size = 72
	frames := min(seconds*1000/36, audioLimit/size)
	b := make([]byte, 0, frames*size)
	for range frames {
		frame := [size]byte{0xff, 0xf3, 0x28, 0xc0}
		for i := 4 + 9; i < size; i++ {
			frame[i] = byte(rng.Uint32() & 0x7f) // never the first byte of a frame
		}
		b = append(b, frame[:]...)
	}
	return b
}

// sent counts the bytes of recordings that were handed to the network.
type sent struct {
	mu    sync.Mutex
	bytes map[string]int64
}

func (s *sent) add(id string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes == nil {
		s.bytes = map[string]int64{}
	}
	s.bytes[id] += int64(n)
}

// AudioSent returns how many bytes of each recording's content were sent, by the recording's id, each as often as it was
// sent. What a reset connection lost is among them.
func (s *Simulator) AudioSent() map[string]int64 {
	s.sent.mu.Lock()
	defer s.sent.mu.Unlock()
	return maps.Clone(s.sent.bytes)
}

// Audio returns the truth: the content of a recording and its media type. The content is nil if the id is unknown, if the
// recording cannot be seen yet, and if it is gone.
func (s *Simulator) Audio(id string) (contentType string, content []byte) {
	t := s.recording(id)
	if t == nil {
		return "", nil
	}
	return t.contentType, t.audio()
}

// recording finds a recording that can be seen now, or nil. Those that recorded calls name are nowhere.
func (s *Simulator) recording(id string) *taped {
	p, ok := s.calls.(*population)
	if !ok {
		return nil
	}
	return p.recording(id, s.options.Now().UnixMilli())
}
