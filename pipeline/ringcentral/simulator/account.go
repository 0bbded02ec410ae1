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
	uri := s.options.BaseURL + s.accountPath()
	admin := s.company.admin()
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
		"regionalSettings": s.regionalSettings(),
		"federated":        false,
	})}
}

// regionalSettings are the same for the company and for each of its extensions.
func (s *Simulator) regionalSettings() map[string]any {
	type object = map[string]any
	_, offset := founded().In(s.options.Location).Zone() // winter's, so that the answer stays the same all year
	return object{
		"timezone": object{"id": "1", "name": s.options.Location.String(), "bias": strconv.Itoa(offset / 60)},
		"language": object{"id": "1033", "name": "English (United States)", "localeCode": "en-US"},
	}
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
	Site            siteBody           `json:"site"`
	CreationTime    string             `json:"creationTime"`
}

type contact struct {
	FirstName     string `json:"firstName"`
	LastName      string `json:"lastName,omitempty"`
	Email         string `json:"email"`
	BusinessPhone string `json:"businessPhone,omitempty"`
	Department    string `json:"department,omitempty"`
}

// department is the text in a user's contact: the name of the first queue that the user belongs to.
func (c *company) department(x *extension) string {
	for _, queue := range c.queues {
		if slices.Contains(queue.members, x) {
			return queue.name
		}
	}
	return ""
}

type permissions struct {
	Admin struct {
		Enabled bool `json:"enabled"`
	} `json:"admin"`
}

func (s *Simulator) extensionBody(base string, x *extension) extensionBody {
	b := extensionBody{
		URI: s.extensionURI(base, x), ID: x.id, ExtensionNumber: x.number, Name: x.name, Type: x.kind, Status: x.status,
		Contact:      &contact{FirstName: x.first, LastName: x.last, Email: x.email, BusinessPhone: x.phone},
		CreationTime: timestamp(founded().Add(time.Hour).UnixMilli()), Site: mainSite(),
	}
	switch x.kind {
	case "User":
		b.Permissions = &permissions{}
		b.Permissions.Admin.Enabled = x == s.company.admin()
		b.Contact.Department = s.company.department(x)
	case "Department":
		settings := s.company.serviceLevel(x)
		b.CallQueueInfo = &settings
	}
	return b
}

// extension answers with one, which tells more than the list: its zone, and the queues that it belongs to.
func (s *Simulator) extension(r *request) *answer {
	type department struct {
		ID              string `json:"id"`
		URI             string `json:"uri"`
		ExtensionNumber string `json:"extensionNumber"`
	}
	base := s.options.BaseURL
	body := struct {
		extensionBody
		RegionalSettings any          `json:"regionalSettings"`
		Departments      []department `json:"departments,omitempty"`
	}{extensionBody: s.extensionBody(base, r.extension), RegionalSettings: s.regionalSettings()}
	for _, queue := range s.company.queues {
		if slices.Contains(queue.members, r.extension) {
			body.Departments = append(body.Departments, department{queue.idText(), s.extensionURI(base, queue), queue.number})
		}
	}
	return &answer{status: 200, body: encode(body)}
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
			found = append(found, s.extensionBody(s.options.BaseURL, x))
		}
	}
	base := clientURL(r.Request)
	return listed(found, p, func(page int) string {
		return base + s.accountPath() + "/extension?" + extensionQuery(values) + p.query(page)
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
