package pipeline

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
)

// memoryChild makes the test binary an extraction of so many days, which prints its peak.
const memoryChild = "TRUNKLINE_TEST_MEMORY_DAYS"

// TestMemoryDoesNotGrowWithHistory: what a backfill of a hundred days holds in memory at its worst is within a tenth of what one of ten
// days does. Each runs in a process of its own, so that the company's memory does not count; measured is what is live after a collection,
// at the end of each day.
func TestMemoryDoesNotGrowWithHistory(t *testing.T) {
	if days := os.Getenv(memoryChild); days != "" {
		extractInChild(t, days)
		return
	}
	if underRace {
		t.Skip("the race detector's own memory would be measured; the gate measures without it")
	}
	c := newCompany(t, 1, 300, nil)
	peak := map[int]float64{}
	for _, days := range []int{10, 100} {
		id, secret, jwt := c.Credentials()
		child := exec.Command(os.Args[0], "-test.run=^TestMemoryDoesNotGrowWithHistory$", "-test.v")
		child.Env = append(os.Environ(), fmt.Sprint(memoryChild, "=", days), "TEST_URL="+c.url, "TEST_ID="+id, "TEST_SECRET="+secret, "TEST_JWT="+jwt)
		out, err := child.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		_, text, _ := strings.Cut(string(out), "peak ")
		var bytes float64
		if _, err := fmt.Sscan(text, &bytes); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		peak[days] = bytes
	}
	t.Logf("peak of 10 days %.1f MB, of 100 days %.1f MB", peak[10]/1e6, peak[100]/1e6)
	const ledger = 90 * 2 << 10 // of the ninety days more, a line each in three tables
	if peak[100] > 1.1*peak[10]+ledger {
		t.Errorf("100 days hold %.0f bytes, 10 days %.0f", peak[100], peak[10])
	}
}

func extractInChild(t *testing.T, days string) {
	var n int
	if _, err := fmt.Sscan(days, &n); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client, err := ringcentral.New(ringcentral.Credentials{ServerURL: os.Getenv("TEST_URL"), ClientID: os.Getenv("TEST_ID"),
		ClientSecret: os.Getenv("TEST_SECRET"), JWT: os.Getenv("TEST_JWT")}, &ringcentral.Options{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	x := reading(&Window{From: dayOf(simulated) - 100, To: dayOf(simulated) - 100 + arrow.Date32(n)})
	x.CallsPerDay, x.PerPage = 300, 50 // so that a working day is a unit of its own, and units are of one size
	var peak uint64
	for event, err := range Extract(t.Context(), client, openLake(t, t.TempDir()), x) {
		if err != nil || event.Failed != nil {
			t.Fatal(err, event.Failed)
		}
		if event.Day == nil {
			continue
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what is pooled goes with the second one
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapAlloc)
	}
	fmt.Printf("\npeak %d\n", peak)
}
