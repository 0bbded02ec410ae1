package pipeline

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline/trunkline/schema"
	"github.com/trunkline/trunkline/sinks"
)

// TestVerifyPolicies: days under another policy than the configured one are listed and are no findings; rows that hold what their
// policy takes away are a finding of a deep verification that knows the policy and its key.
func TestVerifyPolicies(t *testing.T) {
	lake, p := openLake(t, t.TempDir()), rules(t, "names=drop", "phone_numbers=hmac")
	d := schema.NewDecoder(schema.CallLog())
	if _, err := d.Append([]byte(`{"records":[` + strings.ReplaceAll(privateRecords, "\n", ",") + `]}`)); err != nil {
		t.Fatal(err)
	}
	plain := d.Batch()
	obedient, err := p.Apply(plain)
	if err != nil {
		t.Fatal(err)
	}
	read := sinks.NewRead(calls.Table)
	if err := read.Append(plain); err != nil {
		t.Fatal(err)
	}
	write := func(date, policy string, read *sinks.Read) {
		t.Helper()
		o, err := lake.ReplaceDay(t.Context(), &sinks.Merge{AccountID: "7", Schema: schema.CallLog().Schema(), Read: read, Policy: policy}, day(date))
		if err == nil {
			err = lake.WriteLedger(t.Context(), "7", CallLogStream, sinks.Ledger{day(date): sinks.LedgerDay{How: howList}.WithContent(o)}, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	verified := func(v Verifying) Verification {
		t.Helper()
		v.Now = simulated
		done, err := Verify(t.Context(), lake, v)
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	write("2026-11-18", "", read)
	write("2026-11-19", p.ID(), read) // though the rows are plain
	done := verified(Verifying{Policy: p})
	want := []PolicyDays{{CallLogStream, "7", NoPolicy, []string{"2026-11-18"}, "`trunkline redact --from 2026-11-18 --to 2026-11-19` with the same --privacy brings them under it"}}
	if diff := cmp.Diff(want, done.UnderAnotherPolicy); diff != "" || len(done.Findings) > 0 {
		t.Errorf("%s%v", diff, done.Findings)
	}
	if done = verified(Verifying{Deep: true}); len(done.Findings) > 0 || len(done.UnderAnotherPolicy) != 1 || done.UnderAnotherPolicy[0].Policy != p.ID() {
		t.Errorf("without a policy: %+v", done)
	}
	if done = verified(Verifying{Deep: true, Policy: p, Window: &Window{day("2026-11-19"), day("2026-11-20")}}); len(done.UnderAnotherPolicy) > 0 {
		t.Errorf("of other days: %+v", done.UnderAnotherPolicy)
	}
	if len(done.Findings) != 1 || done.Findings[0].Kind != FindPolicyBroken || done.Findings[0].Day != "2026-11-19" {
		t.Errorf("deep: %+v", done.Findings)
	}
	read = sinks.NewRead(calls.Table)
	if err := read.Append(obedient); err != nil {
		t.Fatal(err)
	}
	write("2026-11-19", p.ID(), read)
	if done = verified(Verifying{Deep: true, Policy: p}); len(done.Findings) > 0 {
		t.Errorf("rows that obey: %+v", done.Findings)
	}
}
