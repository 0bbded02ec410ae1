package simulator

// Strange returns, per schema of the published specification, the enum value that only the simulator knows.
func Strange() map[string]string {
	odd := strangeValues()
	return map[string]string{"CallActionEnum": odd.action, "CallResultEnum": odd.result,
		"CallResultReasonEnum": odd.reason, "CallLegTypeEnum": odd.legType}
}
