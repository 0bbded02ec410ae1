package sinks
import ("testing";"bytes")
func TestSizes(t *testing.T) {
	for _, n := range []int{1, 50, 500, 2000} {
		b := callBatch(1, n)
		var a bytes.Buffer
		writeByArrow(&a, b)
		t.Log(n, len(parquetBytes(t, b, rowGroupRows)), a.Len())
	}
}
