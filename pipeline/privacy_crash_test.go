package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline/trunkline/sinks"
)

// mortal is a bucket in memory whose process dies before its n-th change, or, with answers lost, when that one is done.
type mortal struct {
	*memory
	left  int // changes until then; negative: it lives
	lost  bool
	count int
}

func (m *mortal) step(operation string) error {
	if strings.HasPrefix(operation, "write") || strings.HasPrefix(operation, "delete") {
		if m.left == 0 && !(m.lost && strings.HasPrefix(operation, "write")) {
			return errKilled
		}
		m.left, m.count = m.left-1, m.count+1
	}
	return nil
}

func (m *mortal) open(t testing.TB) *sinks.Lake {
	t.Helper()
	bucket := m.memory.open(m.step, func() bool { return m.lost && m.left == -1 })
	lake, err := sinks.Open(t.Context(), bucket, &sinks.LakeOptions{Scratch: t.TempDir(), CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(lake.Close(), bucket.Close()) })
	return lake
}

func (m *memory) clone() *memory { return &memory{objects: maps.Clone(m.objects), writes: m.writes} }

func (m *memory) texts() map[string]string {
	out := map[string]string{}
	for key, o := range m.objects {
		out[key] = string(o.bytes)
	}
	return out
}

// TestRewritingKilledAnywhere: an erasure or a redaction that is killed before any change of the lake, or with its answer
// lost, is ended by repeating it, to the same bytes.
func TestRewritingKilledAnywhere(t *testing.T) {
	c, began := recordedCompany(t, privateRecords), newMemory()
	lake := (&mortal{memory: began, left: -1000}).open(t)
	if _, err := runExtract(t.Context(), c.client(t), lake, reading(&fourDays)); err != nil {
		t.Fatal(err)
	}
	if _, err := Erase(t.Context(), lake, Erasing{Phones: []string{"+14155550199"}, Now: simulated}); err != nil { // the lake has its key
		t.Fatal(err)
	}
	redacting := Redacting{AccountID: OwnAccount, Window: Window{day("2026-11-18"), day("2026-11-19")}, Policy: rules(t, "names=drop", "phone_numbers=hmac"), Now: simulated}
	for name, do := range map[string]func(context.Context, *sinks.Lake) error{
		"erase": func(ctx context.Context, lake *sinks.Lake) error {
			_, err := Erase(ctx, lake, Erasing{Phones: []string{"+14155550123"}, Now: simulated})
			return err
		},
		"redact": func(ctx context.Context, lake *sinks.Lake) error {
			_, err := Redact(ctx, lake, redacting)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			whole := &mortal{memory: began.clone(), left: -1000}
			if err := do(t.Context(), whole.open(t)); err != nil {
				t.Fatal(err)
			}
			if whole.count < 4 {
				t.Fatalf("only %d changes", whole.count)
			}
			for n := range 2 * whole.count {
				dying := &mortal{memory: began.clone(), left: n / 2, lost: n%2 == 1}
				at := fmt.Sprintf("killed at change %d, answer lost: %v", dying.left, dying.lost)
				if err := do(t.Context(), dying.open(t)); err == nil && !dying.lost {
					t.Errorf("%s: it lived", at)
				}
				healthy := (&mortal{memory: dying.memory, left: -1000}).open(t)
				if err := do(t.Context(), healthy); err != nil {
					t.Errorf("%s: %v", at, err)
				}
				if diff := cmp.Diff(whole.texts(), dying.texts()); diff != "" {
					t.Fatalf("%s: %s", at, diff)
				}
				if name == "erase" && bytes.Contains([]byte(fmt.Sprint(dying.texts())), []byte("Ann Quill")) {
					t.Errorf("%s: she is still there", at)
				}
			}
		})
	}
}
