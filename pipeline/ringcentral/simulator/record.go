package simulator

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// record is one call of the log. Published members first; the order of members is the order of the JSON.
type record struct {
	URI       string `json:"uri"`
	ID        string `json:"id"`
	SessionID string `json:"sessionId"`
	Deleted   bool   `json:"deleted,omitempty"`
	segment
	LastModifiedTime string `json:"lastModifiedTime,omitempty"`
	Legs             []leg  `json:"legs,omitempty"`
	// Not in the published schema; the real API adds members without notice.
	RoutingHints *routingHints `json:"routingHints,omitempty"`

	day, index int   // its place in the population
	start      int64 // unix milliseconds, as are visible and modified
	visible    int64 // from when on it is served
	modified   int64 // its place in the change feed
	raw        []byte
	life       *life   // nil if this is the only version
	whole      *record // of a tombstone: the last version before it
	encoded    *encodings
}

// life is all that a record was and will be: its versions, in the order in which they become visible.
type life struct{ versions []*record }

// current is the version that is served at an instant, nil before the first one is.
func (r *record) current(now int64) *record {
	for _, v := range slices.Backward(r.versions()) {
		if v.visible <= now {
			return v
		}
	}
	return nil
}

func (r *record) versions() []*record {
	if r.life == nil {
		return []*record{r}
	}
	return r.life.versions
}

// encodings are the bytes of a version in the views that were asked for.
type encodings struct {
	once [2]sync.Once
	body [2][]byte
}

// span is a length of time in the unit of its member. A call in progress has none, and a call of none has zero.
type span int64

const absent span = -1

// IsZero tells the encoder to leave the member out.
func (s span) IsZero() bool { return s == absent }

// leg is one segment of a call.
type leg struct {
	segment
	LegType string `json:"legType"`
	Master  bool   `json:"master,omitempty"`
	// Not in the published schema. The number is above 2^53: whoever passes it through a float loses it.
	MediaNodeID int64 `json:"mediaNodeId,omitempty"`

	start, length int64 // unix milliseconds, milliseconds
	cost, extra   int64 // thousandths of a dollar, included and purchased
}

// segment is what records and legs have in common.
type segment struct {
	TelephonySessionID string        `json:"telephonySessionId,omitempty"`
	PartyID            string        `json:"partyId,omitempty"`
	SIPUUIDInfo        string        `json:"sipUuidInfo,omitempty"`
	StartTime          string        `json:"startTime"`
	Duration           span          `json:"duration,omitzero"`
	DurationMs         span          `json:"durationMs,omitzero"`
	Type               string        `json:"type"`
	InternalType       string        `json:"internalType,omitempty"`
	Direction          string        `json:"direction"`
	Action             string        `json:"action"`
	Result             string        `json:"result,omitempty"`
	Reason             string        `json:"reason,omitempty"`
	ReasonDescription  string        `json:"reasonDescription,omitempty"`
	To                 *party        `json:"to,omitempty"`
	From               *party        `json:"from,omitempty"`
	Extension          *reference    `json:"extension,omitempty"`
	Delegate           *delegate     `json:"delegate,omitempty"`
	DelegationType     string        `json:"delegationType,omitempty"`
	Transport          string        `json:"transport,omitempty"`
	Recording          *recording    `json:"recording,omitempty"`
	ShortRecording     bool          `json:"shortRecording,omitempty"`
	Message            *message      `json:"message,omitempty"`
	Billing            *billing      `json:"billing,omitempty"`
	TransferTarget     *otherSession `json:"transferTarget,omitempty"`
	Transferee         *otherSession `json:"transferee,omitempty"`
	MetadataCategories []string      `json:"metadataCategories,omitempty"`
	Finished           bool          `json:"finished,omitempty"`
}

type party struct {
	PhoneNumber       string  `json:"phoneNumber,omitempty"`
	ExtensionNumber   string  `json:"extensionNumber,omitempty"`
	ExtensionID       string  `json:"extensionId,omitempty"`
	Name              string  `json:"name,omitempty"`
	Location          string  `json:"location,omitempty"`
	Device            *device `json:"device,omitempty"`
	DialedPhoneNumber string  `json:"dialedPhoneNumber,omitempty"`
	DialerPhoneNumber string  `json:"dialerPhoneNumber,omitempty"`
	// Not in the published schema.
	VerificationLevel string `json:"verificationLevel,omitempty"`
}

// reference names an extension; its id is a number here and text in a party, as in the real API.
type reference struct {
	URI string `json:"uri"`
	ID  int64  `json:"id"`
}

type device struct {
	URI string `json:"uri"`
	ID  string `json:"id"`
}

type delegate struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

type recording struct {
	URI        string `json:"uri"`
	ID         string `json:"id"`
	Type       string `json:"type"`
	ContentURI string `json:"contentUri"`
}

type message struct {
	URI  string `json:"uri"`
	ID   string `json:"id"`
	Type string `json:"type"`
}

type billing struct {
	CostIncluded  float64 `json:"costIncluded"`
	CostPurchased float64 `json:"costPurchased"`
}

type otherSession struct {
	TelephonySessionID string `json:"telephonySessionId"`
}

type routingHints struct {
	Skill    string   `json:"skill"`
	Attempts int      `json:"attempts"`
	Score    float64  `json:"score"`
	Path     []string `json:"path"`
}

// encode writes the record as a view shows it; a recorded one as it was recorded. The Simple view lacks the legs and
// what the published fields list as Detailed only.
func (r *record) encode(view string) []byte {
	if r.raw != nil {
		return r.raw
	}
	if r.encoded == nil {
		return r.encodeAnew(view)
	}
	i := 0
	if view == "Simple" {
		i = 1
	}
	r.encoded.once[i].Do(func() { r.encoded.body[i] = r.encodeAnew(view) })
	return r.encoded.body[i]
}

func (r *record) encodeAnew(view string) []byte {
	shown := *r
	shown.URI += "?view=" + view
	if view == "Simple" {
		shown.Legs, shown.LastModifiedTime, shown.RoutingHints = nil, "", nil
		shown.segment = segment{
			TelephonySessionID: r.TelephonySessionID, StartTime: r.StartTime, Duration: r.Duration,
			DurationMs: r.DurationMs, Type: r.Type, InternalType: r.InternalType, Direction: r.Direction,
			Action: r.Action, Result: r.Result, Reason: r.Reason, To: r.To, From: r.From, Extension: r.Extension,
			Recording: r.Recording, Message: r.Message,
		}
	}
	return encode(&shown)
}

// byStart orders records for a stable sort: those that start together keep their order.
func byStart(a, b *record) int { return cmp.Compare(a.start, b.start) }

// phoneNumbers are the digits of the record's numbers.
func (r *record) phoneNumbers() []string {
	var numbers []string
	for _, p := range []*party{r.From, r.To} {
		if p != nil {
			numbers = append(numbers, digits(p.PhoneNumber), digits(p.DialedPhoneNumber), digits(p.DialerPhoneNumber))
		}
	}
	return numbers
}

// extensionNumbers are the short numbers of the record's parties and of all extensions that took part.
func (r *record) extensionNumbers(c *company) []string {
	var numbers []string
	for _, p := range []*party{r.From, r.To} {
		if p != nil {
			numbers = append(numbers, p.ExtensionNumber)
		}
	}
	for _, id := range r.extensionIDs() {
		if x := c.byNumericID(id); x != nil {
			numbers = append(numbers, x.number)
		}
	}
	return numbers
}

// extensionIDs are the extensions that took part: the record's own first, then those of the legs, each once.
func (r *record) extensionIDs() []int64 {
	var ids []int64
	if r.Extension != nil {
		ids = append(ids, r.Extension.ID)
	}
	for i := range r.Legs {
		if x := r.Legs[i].Extension; x != nil && !slices.Contains(ids, x.ID) {
			ids = append(ids, x.ID)
		}
	}
	return ids
}

// setTimes writes a span, in unix milliseconds and milliseconds, as the API does: seconds are rounded.
func (s *segment) setTimes(start, length int64) {
	s.StartTime = timestamp(start)
	s.DurationMs = span(length)
	s.Duration = span(math.Round(float64(length) / 1000))
}

func dollars(thousandths int64) float64 { return float64(thousandths) / 1000 }
