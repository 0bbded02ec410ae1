package simulator

import "strconv"

// decorate adds what a call may have of any kind: a recording, categories, the number that was dialled, and what the
// published schema does not know.
func (m *maker) decorate(r *record) {
	if r.Type == "Voice" && (r.Result == "Accepted" || r.Result == "Call connected") {
		m.attachRecording(r)
	}
	if m.chance(0.08) {
		r.MetadataCategories = [][]string{{"Sales"}, {"Support", "Escalated"}, {"Renewal"}}[m.pick(3, 2, 1)]
	}
	if r.Direction == "Inbound" && r.From.PhoneNumber != "" && m.chance(0.05) {
		dialer := *r.From
		dialer.DialerPhoneNumber = r.From.PhoneNumber
		r.From = &dialer
	}
	m.surprise(r)
}

// attachRecording adds a recording to a record and to those of its legs that reached somebody. Under 30 s none is kept,
// and a flag says so.
func (m *maker) attachRecording(r *record) {
	kind := "Automatic"
	switch m.pick(62, 30, 8) {
	case 0:
		return
	case 2:
		kind = "OnDemand"
	}
	if r.DurationMs < 30_000 {
		r.ShortRecording = true
		return
	}
	id := strconv.FormatInt(recordingIDs+m.population.sequence(r.day, r.index)*1000, 10)
	path := m.company.path("/recording/" + id)
	r.Recording = &recording{URI: path, ID: id, Type: kind,
		ContentURI: m.company.media + path[len(m.company.base):] + "/content"}
	for i := range r.Legs {
		if result := r.Legs[i].Result; result == "Accepted" || result == "Call connected" {
			r.Legs[i].Recording = r.Recording
		}
	}
}

// strange are values that no published enum has: the enums are open, and payloads run ahead of the schema.
type strange struct{ action, result, reason, legType, messageStatus string }

func strangeValues() strange {
	return strange{action: "Assistant Call", result: "Screened", reason: "Caller Screened", legType: "AssistantScreen",
		messageStatus: "HeldForReview"}
}

// surprise adds now and then what the published schema does not know.
func (m *maker) surprise(r *record) {
	if m.chance(0.02) {
		r.RoutingHints = &routingHints{Skill: "billing \"& returns\"", Attempts: 1 + m.rng.IntN(4),
			Score: float64(m.rng.IntN(1000)) / 1000, Path: []string{"menu", "größte Warteschlange"}}
	}
	if m.chance(0.02) {
		for i := range r.Legs {
			r.Legs[i].MediaNodeID = 1<<53 + 1 + m.rng.Int64N(1<<40)*2
		}
	}
	if m.chance(0.005) {
		odd := strangeValues()
		last := len(r.Legs) - 1
		r.Action, r.Result, r.Reason = odd.action, odd.result, odd.reason
		r.Legs[last].LegType, r.Legs[last].Action = odd.legType, odd.action
	}
}
