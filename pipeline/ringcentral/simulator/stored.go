package simulator

import (
	"slices"
	"strconv"
	"time"
)

// stored is a message in the store of an extension, in one of its versions. The order of members is that of the JSON.
type stored struct {
	URI                     string          `json:"uri,omitempty"`
	ID                      int64           `json:"id"`
	ExtensionID             string          `json:"extensionId,omitempty"`
	To                      []correspondent `json:"to,omitempty"`
	From                    *correspondent  `json:"from,omitempty"`
	Type                    string          `json:"type,omitempty"`
	CreationTime            string          `json:"creationTime,omitempty"`
	ReadStatus              string          `json:"readStatus,omitempty"`
	Priority                string          `json:"priority,omitempty"`
	Attachments             []attachment    `json:"attachments,omitempty"`
	Direction               string          `json:"direction,omitempty"`
	Availability            string          `json:"availability"`
	Subject                 string          `json:"subject,omitempty"`
	MessageStatus           string          `json:"messageStatus,omitempty"`
	DeliveryErrorCode       string          `json:"deliveryErrorCode,omitempty"`
	SMSDeliveryTime         string          `json:"smsDeliveryTime,omitempty"`
	SMSSendingAttemptsCount int             `json:"smsSendingAttemptsCount,omitempty"`
	SegmentCount            int             `json:"segmentCount,omitempty"`
	ConversationID          int64           `json:"conversationId,omitempty"`
	Conversation            *dialogue       `json:"conversation,omitempty"`
	PgToDepartment          bool            `json:"pgToDepartment,omitempty"`
	VMTranscriptionStatus   string          `json:"vmTranscriptionStatus,omitempty"`
	FaxResolution           string          `json:"faxResolution,omitempty"`
	FaxPageCount            int             `json:"faxPageCount,omitempty"`
	CoverIndex              int             `json:"coverIndex,omitempty"`
	LastModifiedTime        string          `json:"lastModifiedTime,omitempty"`
	// Not in the published schema; the real API adds members without notice.
	Sentiment *sentiment `json:"sentiment,omitempty"`

	owner   *extension
	created int64 // unix milliseconds, as is visible
	visible int64 // from when on it is served; also its lastModifiedTime
	// versions are all that the message was and will be, in the order in which they become visible.
	versions *[]*stored
}

// correspondent is a party of a message; unlike that of a call it may have a status.
type correspondent struct {
	PhoneNumber     string `json:"phoneNumber,omitempty"`
	ExtensionNumber string `json:"extensionNumber,omitempty"`
	ExtensionID     string `json:"extensionId,omitempty"`
	Name            string `json:"name,omitempty"`
	Location        string `json:"location,omitempty"`
	Target          bool   `json:"target,omitempty"`
	MessageStatus   string `json:"messageStatus,omitempty"`
	FaxErrorCode    string `json:"faxErrorCode,omitempty"`
}

type attachment struct {
	ID          int64  `json:"id"`
	URI         string `json:"uri"`
	Type        string `json:"type"`
	ContentType string `json:"contentType"`
	VMDuration  int    `json:"vmDuration,omitempty"` // seconds
	FileName    string `json:"fileName,omitempty"`
	Size        int    `json:"size,omitempty"` // bytes
	Height      int    `json:"height,omitempty"`
	Width       int    `json:"width,omitempty"`
}

// dialogue names the conversation of a message: the number conversationId is beyond 2^53, this is text.
type dialogue struct {
	ID  string `json:"id"`
	URI string `json:"uri"`
}

type sentiment struct {
	Label string  `json:"label"`
	Score float64 `json:"score"`
}

// current is the version that is served at an instant, nil before the first one is.
func (m *stored) current(now int64) *stored {
	for _, v := range slices.Backward(*m.versions) {
		if v.visible <= now {
			return v
		}
	}
	return nil
}

// at sets from when on a version is served.
func (m *stored) at(instant int64) {
	m.visible, m.LastModifiedTime = instant, timestamp(instant)
}

// newStored begins a message; it was created at an instant in whole seconds, as all in published payloads.
func newStored(id int64, owner *extension, created int64) *stored {
	created = (created + second - 1) / second * second
	return &stored{
		URI: owner.ref.URI + "/message-store/" + strconv.FormatInt(id, 10), ID: id, ExtensionID: owner.idText(),
		Priority: "Normal", Availability: "Alive", ReadStatus: "Read",
		CreationTime: timestamp(created), created: created, owner: owner, versions: &[]*stored{},
	}
}

// attach adds an attachment. The first one has the message's id, as in published payloads.
func (m *stored) attach(c *company, a attachment) {
	a.ID = m.ID + int64(len(m.Attachments))
	a.URI = c.media + m.URI[len(c.base):] + "/content/" + strconv.FormatInt(a.ID, 10)
	m.Attachments = append(slices.Clip(m.Attachments), a)
}

// purged is what is left of a message whose attachments are deleted and which is about to be.
func (m *stored) purged() *stored {
	return &stored{ID: m.ID, Availability: "Purged", owner: m.owner, created: m.created, visible: m.visible,
		versions: m.versions}
}

// version as everybody outside sees it.
func (m *stored) version() MessageVersion {
	return MessageVersion{ID: strconv.FormatInt(m.ID, 10), ExtensionID: m.owner.idText(),
		At: time.UnixMilli(m.visible).UTC(), Created: time.UnixMilli(m.created).UTC(), Availability: m.Availability,
		JSON: encode(m)}
}

// correspond turns the party of a call into that of a message.
func correspond(p *party) correspondent {
	return correspondent{PhoneNumber: p.PhoneNumber, ExtensionNumber: p.ExtensionNumber, ExtensionID: p.ExtensionID,
		Name: p.Name, Location: p.Location}
}

// numbers are the digits of the message's phone numbers.
func (m *stored) numbers() []string {
	var all []string
	if m.From != nil {
		all = append(all, digits(m.From.PhoneNumber))
	}
	for _, to := range m.To {
		all = append(all, digits(to.PhoneNumber))
	}
	return all
}
