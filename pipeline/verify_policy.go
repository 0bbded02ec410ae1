package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/sinks"
)

// PolicyDays is days of one account that are under one privacy policy, and what brings them under the configured one.
type PolicyDays struct {
	Stream    string   `json:"stream"`
	AccountID string   `json:"account"`
	Policy    string   `json:"policy"` // its id, or NoPolicy
	Days      []string `json:"days"`   // ranges, "from to to", the end not included
	Remedy    string   `json:"remedy"`
}

// listPolicies lists the account's days that are under another policy than the configured one.
func (a *accountCheck) listPolicies() {
	under := map[string][]arrow.Date32{}
	for _, day := range UnderAnotherPolicy(a.ledger, a.policy.ID()) {
		if a.wantsDay(day) {
			id := a.ledger[day].Policy
			under[id] = append(under[id], day)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(under)) {
		days := under[id]
		remedy := "what a policy took away does not come back; with the same --privacy as then these days are under the configured one"
		if a.policy != nil {
			remedy = fmt.Sprintf("`trunkline redact --from %s --to %s` with the same --privacy brings them under it",
				days[0].FormattedString(), (days[len(days)-1] + 1).FormattedString())
		}
		a.done.UnderAnotherPolicy = append(a.done.UnderAnotherPolicy,
			PolicyDays{Stream: a.stream.Name, AccountID: a.id, Policy: cmp.Or(id, NoPolicy), Days: Ranges(days), Remedy: remedy})
	}
}

// obeys applies the configured policy to the rows of a day that is said to be under it: what obeys it stays as it is. Only a deep
// verification does, and only with the policy's key.
func (a *accountCheck) obeys(d arrow.Date32, object sinks.Examined, note noting) error {
	if !a.Deep || a.policy == nil || a.policy.Ready() != nil || object.Policy != a.policy.ID() {
		return nil
	}
	applied, err := a.policy.Apply(object.Rows)
	if err != nil {
		return err
	}
	same, err := sinks.SameRows(object.Rows, applied)
	if err == nil && !same {
		w := Window{From: d, To: d + 1}
		note(FindPolicyBroken, fmt.Sprintf("`trunkline redact --from %s --to %s` with the same --privacy", w.From.FormattedString(), w.To.FormattedString()),
			"the rows hold what the policy %s takes away", object.Policy)
	}
	return err
}
