package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sql"
)

// transform brings the marts of the lake up to date; their audits must be green.
func (w *world) transform() error {
	bucket := w.store.open(func(string) error { return nil }, func() bool { return false })
	defer bucket.Close()
	lake, err := sinks.Open(w.t.Context(), bucket, &sinks.LakeOptions{Scratch: w.scratch})
	if err != nil {
		w.t.Fatal(err)
	}
	defer lake.Close()
	engine, err := sql.Open(w.t.Context(), &sql.Options{Timezone: "UTC", TempDir: w.scratch})
	if err != nil {
		w.t.Fatal(err)
	}
	defer engine.Close()
	_, err = Transform(w.t.Context(), lake, engine, time.UTC)
	return err
}

// martsBetween builds marts while the history goes on. After a kill the lake may hold a day that its ledger does not know yet: until the
// next run has put that right, no mart is built of it.
func (w *world) martsBetween() []string {
	err := w.transform()
	w.note("marts: %v", err)
	if err != nil && !errors.Is(err, sinks.ErrConflict) {
		return []string{fmt.Sprintf("marts between runs: %v", err)}
	}
	return nil
}

// checkMarts: the marts can be built. Those that came about in many builds, with the runs, are what one build of them all gives.
func (w *world) checkMarts(many bool) []string {
	if err := w.transform(); err != nil {
		return []string{err.Error()}
	}
	if !many {
		return nil
	}
	return w.compareMarts()
}

func (w *world) compareMarts() []string {
	many := w.marts()
	maps.DeleteFunc(w.store.objects, func(key string, _ object) bool {
		return strings.HasPrefix(key, "marts/") || strings.HasPrefix(key, "_trunkline/marts/")
	})
	if err := w.transform(); err != nil {
		return []string{err.Error()}
	}
	one := w.marts()
	var wrong []string
	for _, key := range slices.Sorted(maps.Keys(one)) {
		if _, there := many[key]; !there || !bytes.Equal(one[key], many[key]) {
			wrong = append(wrong, fmt.Sprintf("%s: one build of all marts gives other bytes than they had (there: %t)", key, there))
		}
	}
	for key := range many {
		if _, there := one[key]; !there {
			wrong = append(wrong, key+" is left over: one build of all marts does not have it")
		}
	}
	return wrong
}

// marts are the objects of the marts.
func (w *world) marts() map[string][]byte {
	found := map[string][]byte{}
	for key, o := range w.store.objects {
		if strings.HasPrefix(key, "marts/") {
			found[key] = o.bytes
		}
	}
	return found
}
