package simulator

import (
	"net/url"
	"slices"
	"strconv"
)

// numberBody is one of the account's phone numbers, as the specification's CompanyPhoneNumberInfo has it.
type numberBody struct {
	URI         string `json:"uri"`
	ID          int64  `json:"id"`
	PhoneNumber string `json:"phoneNumber"`
	PaymentType string `json:"paymentType"`
	Type        string `json:"type"`
	UsageType   string `json:"usageType"`
	owner       *extension
	Assigned    *assignee `json:"extension,omitempty"`
	Label       string    `json:"label,omitempty"`
	Location    string    `json:"location,omitempty"`
	Status      string    `json:"status"`
	Primary     bool      `json:"primary,omitempty"`
}

// assignee is the extension that a number belongs to.
type assignee struct {
	URI             string `json:"uri"`
	ID              int64  `json:"id"`
	ExtensionNumber string `json:"extensionNumber"`
	Name            string `json:"name"`
}

// phoneNumbers are the numbers that the account has at an instant: those of the company, and one for each user. Who
// leaves takes the number along.
func (c *company) phoneNumbers(now int64) []numberBody {
	all := []numberBody{
		{PhoneNumber: c.mainNumber, PaymentType: "TollFree", Type: "VoiceFax", UsageType: "MainCompanyNumber", Primary: true},
		{PhoneNumber: c.otherNumber("+1877"), PaymentType: "TollFree", Type: "VoiceOnly", UsageType: "AdditionalCompanyNumber", Label: "Orders"},
		{PhoneNumber: c.otherNumber("+1646"), PaymentType: "Local", Type: "FaxOnly", UsageType: "CompanyFaxNumber", Location: "New York, NY"},
	}
	for _, x := range c.users {
		if !x.gone(now) {
			all = append(all, numberBody{PhoneNumber: x.phone, PaymentType: "Local", Type: "VoiceFax", UsageType: "DirectNumber",
				Location: "New York, NY", owner: x})
		}
	}
	return all
}

// otherNumber is the main number with another beginning; no user's has its digits, which begin with 01.
func (c *company) otherNumber(beginning string) string {
	return beginning + c.mainNumber[len("+1888"):]
}

// numbers lists the phone numbers of the account.
func (s *Simulator) numbers(r *request) *answer {
	values := r.URL.Query()
	p, refusal := readPaging(values)
	if refusal != nil {
		return refusal
	}
	if refusal := checkNumberChoices(values); refusal != nil {
		return refusal
	}
	base, found := clientURL(r.Request), []numberBody{}
	for _, n := range s.company.phoneNumbers(s.options.Now().UnixMilli()) {
		status := values["extensionStatus"]
		if !matches(values["usageType"], n.UsageType) || !matches(values["paymentType"], n.PaymentType) ||
			!matches(values["status"], "Normal") || len(status) > 0 && (n.owner == nil || !matches(status, n.owner.status)) {
			continue
		}
		found = append(found, s.numberBody(s.options.BaseURL, n))
	}
	path := base + s.accountPath() + "/phone-number?" + echo(values, "usageType", "paymentType", "status", "extensionStatus")
	return listed(found, p, func(page int) string { return path + p.query(page) })
}

// checkNumberChoices refuses what the specification's closed sets do not have. Usage types are many and grow.
func checkNumberChoices(values url.Values) *answer {
	for name, allowed := range map[string][]string{
		"paymentType": {"External", "TollFree", "Local", "BusinessMobileNumberProvider", "ExternalNumberProvider",
			"ExternalNumberProviderTollFree", "Mobile"},
		"status":          {"Normal", "Pending", "PortedIn", "Temporary", "Unknown"},
		"extensionStatus": {"Enabled", "Disabled", "Frozen", "NotActivated", "Unassigned"},
	} {
		for _, value := range values[name] {
			if !slices.Contains(allowed, value) {
				return invalid(name, value)
			}
		}
	}
	return nil
}

// numberBody completes a number for a client; its id follows from its digits and does not show them.
func (s *Simulator) numberBody(base string, n numberBody) numberBody {
	id, err := strconv.ParseInt(digits(n.PhoneNumber), 10, 64)
	if err != nil {
		panic("simulator: its own number " + n.PhoneNumber + " has other than digits")
	}
	n.ID, n.Status = id%1_000_003*7_919_000+4, "Normal"
	n.URI = base + s.accountPath() + "/phone-number/" + strconv.FormatInt(n.ID, 10)
	if x := n.owner; x != nil {
		n.Assigned = &assignee{s.extensionURI(base, x), x.id, x.number, x.name}
	}
	return n
}
