package simulator

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// query is the parameters of a call log list, checked.
type query struct {
	paging
	view               string
	from, to           int64 // unix milliseconds, both inclusive
	types, directions  []string
	transports         []string // of an extension's log only
	categories         []string
	extensionNumber    string
	phoneNumber        string // digits
	sessionID          string // if set, the window does not apply
	telephonySessionID string
	recording          string // Automatic, OnDemand, All, or empty for calls with and without
	showBlocked        bool
	showDeleted        bool
	back               int    // how many records of the pages before this page repeats: a fault
	echo               string // the query of this page's uri, without page and perPage
}

// readQuery checks the parameters of a list request; own tells that it is the log of one extension. Parameters that
// an operation does not have are passed over.
func readQuery(values url.Values, own bool, now time.Time) (*query, *answer) {
	p, refusal := readPaging(values)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := checkChoices(values, own); refusal != nil {
		return nil, refusal
	}
	if refusal := checkCombinations(values); refusal != nil {
		return nil, refusal
	}
	q := &query{
		paging: p, view: orDefault(values.Get("view"), "Simple"),
		types: values["type"], directions: values["direction"], categories: values["metadataCategory"],
		extensionNumber: values.Get("extensionNumber"), phoneNumber: digits(values.Get("phoneNumber")),
		sessionID: values.Get("sessionId"), telephonySessionID: values.Get("telephonySessionId"),
		recording: values.Get("recordingType"), showBlocked: true,
		showDeleted: values.Get("showDeleted") == "true",
	}
	if own {
		q.transports, q.showBlocked = values["transport"], values.Get("showBlocked") != "false"
	}
	// The deprecated withRecording counts only without recordingType.
	if q.recording == "" && values.Get("withRecording") == "true" {
		q.recording = "All"
	}
	return q, q.readWindow(values, own, now)
}

// checkChoices refuses values outside a closed set.
func checkChoices(values url.Values, own bool) *answer {
	for _, choice := range []struct {
		name    string
		allowed []string
		ownOnly bool
	}{
		{"view", []string{"Simple", "Detailed"}, false},
		{"type", []string{"Voice", "Fax"}, false},
		{"direction", []string{"Inbound", "Outbound"}, false},
		{"recordingType", []string{"Automatic", "OnDemand", "All"}, false},
		{"withRecording", []string{"true", "false"}, false},
		{"showDeleted", []string{"true", "false"}, false},
		{"showBlocked", []string{"true", "false"}, true},
		{"transport", []string{"PSTN", "VoIP"}, true},
	} {
		for _, value := range values[choice.name] {
			if !slices.Contains(choice.allowed, value) && (own || !choice.ownOnly) {
				return invalid(choice.name, value)
			}
		}
	}
	return nil
}

// checkCombinations: sessionId stands alone, but for the view and the page; a short number excludes a phone number.
func checkCombinations(values url.Values) *answer {
	if values.Get("sessionId") != "" {
		for _, name := range []string{"dateFrom", "dateTo", "type", "direction", "extensionNumber", "phoneNumber",
			"telephonySessionId", "recordingType", "withRecording", "metadataCategory", "showBlocked", "showDeleted",
			"transport"} {
			if values.Has(name) {
				return refuse(400, "CLG-110", "Parameter [sessionId] is not allowed along with parameter ["+name+"]",
					parameter{ParameterName: "sessionId"})
			}
		}
	}
	if values.Get("extensionNumber") != "" && values.Get("phoneNumber") != "" {
		return invalid("extensionNumber", values.Get("extensionNumber"))
	}
	return nil
}

// window is from when to when a list goes, in unix milliseconds, both inclusive, and how a page's uri says that.
type window struct {
	from, to int64
	echo     string
}

// readSpan reads dateFrom and dateTo. Without dateTo the window ends now and the uri has no dateTo either; without
// dateFrom it begins 24 h before its end, on the next whole minute, and the uri says so.
func readSpan(values url.Values, now time.Time) (w window, refusal *answer) {
	to := now
	for _, name := range []string{"dateFrom", "dateTo"} {
		if text := values.Get(name); text != "" {
			if _, ok := parseTime(text); !ok {
				return w, invalid(name, text)
			}
		}
	}
	if t, ok := parseTime(values.Get("dateTo")); ok {
		to = t
	}
	from, ok := parseTime(values.Get("dateFrom"))
	if !ok {
		from = to.Add(-24*time.Hour + time.Minute - time.Nanosecond).Truncate(time.Minute)
	}
	w.from, w.to = ceilMilli(from), to.UnixMilli()
	w.echo = "dateFrom=" + timestamp(w.from) + "&"
	if values.Get("dateTo") != "" {
		w.echo += "dateTo=" + timestamp(w.to) + "&"
	}
	return w, nil
}

// readWindow reads the window and composes the uri's query.
func (q *query) readWindow(values url.Values, own bool, now time.Time) *answer {
	w, refusal := readSpan(values, now)
	if refusal != nil {
		return refusal
	}
	q.from, q.to = w.from, w.to
	q.echo = "view=" + q.view + "&"
	if own && !values.Has("showBlocked") {
		q.echo += "showBlocked=true&"
	}
	q.echo += echo(values, "showBlocked", "type", "direction", "transport", "extensionNumber", "phoneNumber",
		"sessionId", "telephonySessionId", "recordingType", "withRecording", "metadataCategory", "showDeleted")
	if q.sessionID == "" {
		q.echo += w.echo
	}
	return nil
}

// accepts tells whether a record passes every filter but the window.
func (q *query) accepts(r *record, c *company) bool {
	return matches(q.types, r.Type) && matches(q.directions, r.Direction) && matches(q.transports, r.Transport) &&
		(q.showBlocked || r.Result != "Blocked") &&
		(q.telephonySessionID == "" || q.telephonySessionID == r.TelephonySessionID) &&
		(q.phoneNumber == "" || slices.Contains(r.phoneNumbers(), q.phoneNumber)) &&
		(q.extensionNumber == "" || slices.Contains(r.extensionNumbers(c), q.extensionNumber)) &&
		(q.recording == "" || r.Recording != nil && (q.recording == "All" || q.recording == r.Recording.Type)) &&
		(len(q.categories) == 0 || slices.ContainsFunc(r.MetadataCategories, func(category string) bool {
			return slices.Contains(q.categories, category)
		}))
}

// digits keeps a phone number's digits; RingCentral wants it without the plus sign.
func digits(number string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
}

// timestamp writes unix milliseconds as RingCentral does.
func timestamp(milli int64) string {
	return time.UnixMilli(milli).UTC().Format("2006-01-02T15:04:05.000Z")
}

// parseTime reads the forms that RingCentral accepts: a year, a month, a day, with minutes, seconds or a fraction, in
// any offset, UTC if there is none.
func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{
		"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05",
		"2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02", "2006-01", "2006",
	} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
