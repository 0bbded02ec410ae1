package pipeline

import (
	"testing"

	"gocloud.dev/blob"

	"github.com/trunkline/trunkline/sinks/storetest"
)

// inStore is a lake below a prefix of a bucket in a real server.
type inStore struct {
	bucketURL string
	prefix    string
}

func newInStore(s storetest.Store) inStore { return inStore{s.URL, storetest.NewPrefix()} }

func (s inStore) open(t *testing.T) *blob.Bucket {
	t.Helper()
	b, err := blob.OpenBucket(t.Context(), storetest.Below(s.bucketURL, s.prefix))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s inStore) copy(t *testing.T) ground {
	t.Helper()
	to := inStore{s.bucketURL, storetest.NewPrefix()}
	a, b := s.open(t), to.open(t)
	defer a.Close()
	defer b.Close()
	eachObject(t, a, "", func(key string, text []byte) {
		if err := b.WriteAll(t.Context(), key, text, nil); err != nil {
			t.Fatal(err)
		}
	})
	return to
}

// TestCrashPointsOnStores is TestCrashPoints on real servers: at every sixth change, on each store at others, and each time in another
// way. What the crashes are of is the run's; of the servers it is asked that they are the ground that memory pretends to be.
func TestCrashPointsOnStores(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s storetest.Store) {
		from := map[string]int{"s3": 0, "gcs": 2, "azure": 4}[s.Name]
		lake := newInStore(s)
		crashPoints(t, lake, history, tableOf, func(n int) []string {
			if (n+from)%6 != 0 {
				return nil
			}
			return []string{[]string{diesBefore, diesAfter, answerLost}[(n+from)/6%3]}
		})
		checkEndOfHistory(t, lake)
	})
}
