package sql

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOutcomes holds the outcome of every result that RingCentral's API has been seen to send, old spellings included, in the
// case it was sent and in another.
func TestOutcomes(t *testing.T) {
	voice := map[string][]string{
		"answered":    {"Accepted", "Call accepted", "Call connected", "Connected", "Answered Elsewhere"},
		"missed":      {"Missed", "No Answer", "Answered Not Accepted", "Declined", "Rejected", "Reply", "Callback requested"},
		"voicemail":   {"Voicemail", "Sent to Voicemail"},
		"abandoned":   {"Abandoned", "Hang Up", "Hang up"},
		"busy":        {"Busy"},
		"in_progress": {"In Progress", "ResultInProgress", "Ringing Elsewhere"},
		"blocked": {"Blocked", "Not Allowed", "Restricted Number", "International Disabled", "International Restricted",
			"International Restriction", "No Calling Credit", "Suspended account", "Suspended Account", "Suspended"},
		"failed": {"Call Failed", "Call Failure", "Internal Error", "Carrier is not active", "EDGE trunk misconfigured",
			"IP Phone Offline", "IP Phone offline", "Wrong Number", "Stopped"},
		"fax_ok": {"Sent", "Received", "Fax on Demand"},
		"fax_failed": {"Fax Not Sent", "Fax Partially Sent", "Partially Sent", "Partial Receive", "Fax Poor Line", "Poor Line Quality",
			"Fax Receipt Error", "Fax Send Error", "Send Error", "Receive Error", "No fax machine"},
		"unknown": {"911", "933", "Phone Login", "Unknown", "ResultEmpty", "Disconnected", "Account", "", "A Result Of Tomorrow"},
	}
	want := map[string]string{}
	var lines []string
	for outcome, results := range voice {
		ofFax := outcome
		switch outcome {
		case "missed", "abandoned", "busy", "blocked", "failed":
			ofFax = "fax_failed"
		}
		for _, result := range results {
			for i, spelling := range []string{result, strings.ToUpper(result)} {
				for callType, expected := range map[string]string{"Voice": outcome, "fax": ofFax} {
					id := fmt.Sprint(callType, " ", result, " ", i)
					want[id] = expected
					line, err := json.Marshal(map[string]string{"account_id": "100", "id": id, "type": callType, "result": spelling,
						"start_time": "2026-11-20 09:00:00+00"})
					if err != nil {
						t.Fatal(err)
					}
					lines = append(lines, string(line))
				}
			}
		}
	}
	e := loaded(t, newLake(t, strings.Join(lines, "\n")), nil)
	got := map[string]string{}
	for _, row := range queryRows(t, e, "select call_id, outcome from staging.calls") {
		got[row[0]] = row[1]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
