package pipeline

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/memblob"

	"github.com/trunkline/trunkline/sinks"
	"github.com/trunkline/trunkline/sinks/storetest"
)

// eachBucket runs a test over an empty bucket in memory and in each store that is there.
func eachBucket(t *testing.T, test func(t *testing.T, b *blob.Bucket)) {
	run := func(t *testing.T, url string) {
		b, err := blob.OpenBucket(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		test(t, b)
	}
	t.Run("mem", func(t *testing.T) { run(t, "mem://") })
	storetest.Each(t, func(t *testing.T, s storetest.Store) { run(t, storetest.Below(s.URL, storetest.NewPrefix())) })
}

func openLakeIn(t *testing.T, b *blob.Bucket) *sinks.Lake {
	t.Helper()
	lake, err := sinks.Open(t.Context(), b, &sinks.LakeOptions{Scratch: t.TempDir(), CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lake.Close() })
	return lake
}

// TestPrivacyOnStores redacts and erases in every kind of store: what is taken away is in no byte of any object of the bucket
// afterwards, and the lake is as a deep verification wants it, with as many rows as before.
func TestPrivacyOnStores(t *testing.T) {
	eachBucket(t, func(t *testing.T, b *blob.Bucket) {
		lake, c, odd := openLakeIn(t, b), newCompany(t, 3, 60, nil), recordedCompany(t, privateRecords)
		for _, one := range []*company{c, odd} {
			if _, err := runExtract(t.Context(), one.client(t), lake, reading(&fourDays)); err != nil {
				t.Fatal(err)
			}
		}
		runTransform(t, lake, "UTC")
		number := busiestCaller(t, lake, c.AccountID())
		rows := deeplyVerified(t, lake)
		names := []string{"Ann Quill", "Bob Rook"}
		numbers := append(spellings(strings.TrimPrefix(number, "+1")), spellings("4155550123")...)
		if found := whichHave(opened(t, b), numbers...); len(found) < 6 {
			t.Fatalf("nobody to erase: %v", found)
		}

		p := rules(t, "phone_numbers=hmac", "names=drop")
		done, err := Redact(t.Context(), lake, Redacting{AccountID: odd.AccountID(), Window: fourDays, Policy: p, Now: simulated})
		if err != nil || len(done.Changed) != 2 || done.Removed != 1 || done.Rejected != 1 {
			t.Fatalf("redacted: %v %+v", err, done)
		}
		runTransform(t, lake, "UTC")
		if found := whichHave(opened(t, b), names...); len(found) > 0 {
			t.Errorf("after redacting: %v", found)
		}
		done, err = Erase(t.Context(), lake, Erasing{Phones: []string{number}, Policy: p, Now: simulated})
		if err != nil || done.Rows == 0 || done.Archived == 0 || len(done.Left) > 0 {
			t.Fatalf("erased: %v %+v", err, done)
		}
		runTransform(t, lake, "UTC")
		if found := whichHave(opened(t, b), append(numbers, names...)...); len(found) > 0 {
			t.Errorf("after erasing: %v", found)
		}
		if after := deeplyVerified(t, lake); after != rows {
			t.Errorf("%d rows, %d before", after, rows)
		}
	})
}

// opened is all objects of a bucket: their keys, their bytes, and what is compressed in them.
func opened(t *testing.T, b *blob.Bucket) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	eachObject(t, b, "", func(key string, text []byte) { out[key] = append([]byte(key+"\n"), laidOpen(t, key, text)...) })
	return out
}

// deeplyVerified finds nothing wrong, and counts the rows.
func deeplyVerified(t *testing.T, lake *sinks.Lake) int64 {
	t.Helper()
	done, err := Verify(t.Context(), lake, Verifying{Deep: true, Now: simulated})
	if err != nil || done.Rows == 0 {
		t.Fatalf("%v, %d rows", err, done.Rows)
	}
	for _, f := range done.Findings {
		t.Errorf("%+v", f)
	}
	return done.Rows
}

// TestLookedAtOnStores is what lies behind the commands doctor and verify: every kind of store passes what is tried with it, a deep
// verification finds nothing in a lake that was written there, and names the object of which one byte was changed.
func TestLookedAtOnStores(t *testing.T) {
	eachBucket(t, func(t *testing.T, b *blob.Bucket) {
		lake, c := openLakeIn(t, b), newCompany(t, 1, 20, nil)
		if _, err := runExtract(t.Context(), c.client(t), lake, reading(&fourDays)); err != nil {
			t.Fatal(err)
		}
		runTransform(t, lake, "UTC")
		for _, p := range slices.Concat(lake.ProbeAccess(t.Context()), lake.ProbeConditions(t.Context())) {
			if p.Err != nil {
				t.Errorf("%s: %v", p.What, p.Err)
			}
		}
		deeplyVerified(t, lake)
		for _, key := range []string{
			sinks.PartitionKey(CallLogStream, c.AccountID(), fourDays.From+1),
			sinks.MartObject("calls_daily", sinks.MartPath(c.AccountID(), "2026-11-18")),
		} {
			text, err := b.ReadAll(t.Context(), key)
			if err == nil {
				text[len(text)/2] ^= 1
				err = b.WriteAll(t.Context(), key, text, nil)
			}
			done, err2 := Verify(t.Context(), lake, Verifying{Now: simulated})
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(done.Findings, func(f Finding) bool { return f.Key == key }) {
				t.Errorf("%s is not among %+v", key, done.Findings)
			}
		}
	})
}
