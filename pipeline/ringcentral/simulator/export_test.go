package simulator

import "time"

// Generate makes the days from an instant on without encoding them, and counts their records.
func (s *Simulator) Generate(from time.Time) (records int) {
	now := s.options.Now().UnixMilli()
	for day := dayOf(from.UnixMilli()); day <= dayOf(now); day++ {
		records += len(s.calls.on(day, now))
	}
	return records
}

// Strange returns, per schema of the published specification, the enum value that only the simulator knows.
func Strange() map[string]string {
	odd := strangeValues()
	return map[string]string{"CallActionEnum": odd.action, "CallResultEnum": odd.result,
		"CallResultReasonEnum": odd.reason, "CallLegTypeEnum": odd.legType,
		"MessageStatusEnum": odd.messageStatus}
}
