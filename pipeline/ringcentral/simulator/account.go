package simulator

import (
	"net/url"
	"slices"
	"strconv"
	"time"
)

// account answers with the company itself; the members are those of the published account payload.
func (s *Simulator) account(r *request) *answer {
	type object = map[string]any
	uri := clientURL(r.Request) + "/restapi/v1.0/account/" + s.AccountID()
	admin := s.company.admin()
	_, offset := founded().In(s.options.Location).Zone() // winter's, so that the answer stays the same all year
	return &answer{status: 200, body: encode(object{
		"uri":        uri,
		"id":         s.company.accountID,
		"mainNumber": s.company.mainNumber,
		"status":     "Confirmed",
		"operator":   object{"uri": uri + "/extension/" + admin.idText(), "id": admin.id, "extensionNumber": admin.number},
		"serviceInfo": object{
			"uri":         uri + "/service-info",
			"brand":       object{"id": "1210", "name": "Simulated"},
			"servicePlan": object{"id": "9001", "name": "Simulated plan"},
		},
		"setupWizardState": "Completed",
		"signupInfo":       object{"tosAccepted": true, "creationTime": timestamp(founded().UnixMilli())},
		"regionalSettings": object{
			"timezone": object{"id": "1", "name": s.options.Location.String(), "bias": strconv.Itoa(offset / 60)},
			"language": object{"id": "1033", "name": "English (United States)", "localeCode": "en-US"},
		},
		"federated": false,
	})}
}

type extensionBody struct {
	URI             string             `json:"uri"`
	ID              int64              `json:"id"`
	ExtensionNumber string             `json:"extensionNumber"`
	Name            string             `json:"name"`
	Type            string             `json:"type"`
	Status          string             `json:"status"`
	Contact         *contact           `json:"contact,omitempty"`
	Permissions     *permissions       `json:"permissions,omitempty"`
	CallQueueInfo   *callQueueSettings `json:"callQueueInfo,omitempty"`
	Hidden          bool               `json:"hidden"`
	CreationTime    string             `json:"creationTime"`
}

type contact struct {
	FirstName     string `json:"firstName"`
	LastName      string `json:"lastName,omitempty"`
	Email         string `json:"email"`
	BusinessPhone string `json:"businessPhone,omitempty"`
}

type permissions struct {
	Admin struct {
		Enabled bool `json:"enabled"`
	} `json:"admin"`
}

type callQueueSettings struct {
	SLAGoal             int `json:"slaGoal"`
	SLAThresholdSeconds int `json:"slaThresholdSeconds"`
}

func (s *Simulator) extensionBody(base string, x *extension) extensionBody {
	b := extensionBody{
		URI: base + "/restapi/v1.0/account/" + s.AccountID() + "/extension/" + x.idText(),
		ID:  x.id, ExtensionNumber: x.number, Name: x.name, Type: x.kind, Status: x.status,
		Contact:      &contact{FirstName: x.first, LastName: x.last, Email: x.email, BusinessPhone: x.phone},
		CreationTime: timestamp(founded().Add(time.Hour).UnixMilli()),
	}
	switch x.kind {
	case "User":
		b.Permissions = &permissions{}
		b.Permissions.Admin.Enabled = x == s.company.admin()
	case "Department":
		b.CallQueueInfo = &callQueueSettings{SLAGoal: 80, SLAThresholdSeconds: 20}
	}
	return b
}

func (s *Simulator) extension(r *request) *answer {
	return &answer{status: 200, body: encode(s.extensionBody(clientURL(r.Request), r.extension))}
}

// extensions lists the company's extensions, in order of creation. Unlike the call log, the list tells its totals.
func (s *Simulator) extensions(r *request) *answer {
	values := r.URL.Query()
	p, refusal := readPaging(values)
	if refusal != nil {
		return refusal
	}
	found, now := []extensionBody{}, s.options.Now().UnixMilli()
	for _, x := range s.company.extensions {
		if !x.gone(now) && matches(values["type"], x.kind) && matches(values["status"], x.status) &&
			matches(values["extensionNumber"], x.number) && matches(values["email"], x.email) {
			found = append(found, s.extensionBody(clientURL(r.Request), x))
		}
	}
	base := clientURL(r.Request)
	return listed(found, p, func(page int) string {
		return base + "/restapi/v1.0/account/" + s.AccountID() + "/extension?" + extensionQuery(values) + p.query(page)
	})
}

// matches tells whether a value is among those that are wanted; nothing wanted is everything.
func matches(wanted []string, value string) bool {
	return len(wanted) == 0 || slices.Contains(wanted, value)
}

// extensionQuery repeats the filters that were given, for the uris of pages.
func extensionQuery(values url.Values) string {
	return echo(values, "type", "status", "extensionNumber", "email")
}
