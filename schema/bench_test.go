package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// company makes realistic pages: Detailed records of direct, queued, outbound and fax calls, each with members of
// its own, ids and times that never repeat, and names and addresses that do. About 3.2 kB and 2.2 legs a record.
type company struct {
	*rand.Rand
	b  []byte
	at time.Time
}

const benchAccount = "https://platform.example.com/restapi/v1.0/account/700100200300"

// benchPage is a page of n records; the same seed gives the same bytes.
func benchPage(seed uint64, n int) []byte {
	c := &company{Rand: rand.New(rand.NewPCG(seed, 7)), at: time.Date(2026, 11, 20, 23, 0, 0, 0, time.UTC)}
	c.add(`{"uri":"%s/call-log?view=Detailed&page=1&perPage=%d","records":[`, benchAccount, n)
	for i := range n {
		if i > 0 {
			c.add(",")
		}
		c.at = c.at.Add(-time.Duration(c.IntN(60_000)) * time.Millisecond)
		c.record()
	}
	c.add(`],"paging":{"page":1,"perPage":%d,"pageStart":0,"pageEnd":%d},"navigation":{}}`, n, n-1)
	return c.b
}

func (c *company) add(form string, args ...any) { c.b = fmt.Appendf(c.b, form, args...) }

func (c *company) record() {
	id := fmt.Sprintf("%08x%08x", c.Uint32(), c.Uint32())
	session := fmt.Sprintf("s-a%013xz%011xz%08x0000", c.Uint64()>>12, c.Uint64()>>20, c.Uint32())
	c.add(`{"uri":"%s/call-log/%s?view=Detailed","id":"%s","sessionId":"%d",`, benchAccount, id, id, 800_000_000_000+c.Int64N(1e11))
	kind := c.IntN(20)
	legs := 1
	switch {
	case kind < 7: // direct
		c.segment(session, "Inbound", "Phone Call", kind)
		legs = 2
	case kind < 12: // queued
		c.segment(session, "Inbound", "Phone Call", kind)
		legs = 3 + c.IntN(2)
	case kind < 18: // outbound
		c.segment(session, "Outbound", "VoIP Call", kind)
		legs = 1 + c.IntN(2)
	default: // fax
		c.segment(session, "Inbound", "Received Fax", kind)
		c.add(`,"message":{"uri":"%s/extension/%d/message-store/%d","id":"%d","type":"Fax"}`, benchAccount, c.extension(), c.Uint32(), c.Uint32())
	}
	c.add(`,"lastModifiedTime":"%s","billing":{"costIncluded":0.%03d,"costPurchased":0},"legs":[`, c.when(60_000), c.IntN(1000))
	for i := range legs {
		if i > 0 {
			c.add(",")
		}
		c.add("{")
		c.segment(session, []string{"Inbound", "Outbound"}[i%2], []string{"Phone Call", "FindMe", "VoIP Call"}[i%3], kind)
		c.add(`,"legType":"%s"`, []string{"Accept", "FindMe", "PstnToSip", "CallQueue"}[c.IntN(4)])
		if i == 0 {
			c.add(`,"master":true`)
		}
		c.add("}")
	}
	c.add("]")
	if kind%5 == 0 {
		c.add(`,"routingHints":{"skill":"sales","attempts":%d,"path":["a","b"]}`, c.IntN(9))
	}
	c.add("}")
}

// segment writes the members that records and legs share; which ones depends on the kind of call.
func (c *company) segment(session, direction, action string, kind int) {
	ms := c.IntN(1_000_000)
	c.add(`"telephonySessionId":"%s","partyId":"p-%s-%d",`, session, session[2:], 1+c.IntN(4))
	if kind%3 != 0 {
		c.add(`"sipUuidInfo":"%d-%d",`, c.Uint64(), c.Uint64())
	}
	c.add(`"startTime":"%s","duration":%d,"durationMs":%d,"type":"Voice",`, c.when(20_000), (ms+500)/1000, ms)
	if kind%4 == 0 {
		c.add(`"internalType":"Local",`)
	}
	c.add(`"direction":"%s","action":"%s","result":"%s"`, direction, action, []string{"Accepted", "Missed", "Voicemail", "Call connected"}[c.IntN(4)])
	if c.IntN(3) > 0 {
		c.add(`,"reason":"Accepted","reasonDescription":"The call connected to and was accepted by this number."`)
	}
	c.add(`,"to":{"phoneNumber":"+1404555%04d","name":"%s","extensionId":"%d"`, c.IntN(200), c.name(), c.extension())
	if kind%2 == 0 {
		c.add(`,"device":{"uri":"%s/device/%d","id":"%d"}`, benchAccount, c.extension(), c.extension())
	}
	c.add(`},"from":{"phoneNumber":"+1%010d","name":"%s","location":"%s"}`, c.Int64N(1e10), c.name(),
		[]string{"Washington, DC", "San Mateo, CA", "Zürich"}[c.IntN(3)])
	x := c.extension()
	c.add(`,"extension":{"uri":"%s/extension/%d","id":%d},"transport":"PSTN"`, benchAccount, x, x)
	if kind%7 == 1 {
		c.add(`,"recording":{"uri":"%s/recording/%d","id":"%d","type":"Automatic","contentUri":"%s/recording/%d/content"}`,
			benchAccount, ms, ms, benchAccount, ms)
	}
	if kind%6 == 2 {
		c.add(`,"delegate":{"id":"%d","name":"%s"},"finished":true`, c.extension(), c.name())
	}
}

func (c *company) when(within int) string {
	return c.at.Add(time.Duration(c.IntN(within)) * time.Millisecond).Format("2006-01-02T15:04:05.000Z")
}

func (c *company) extension() int { return 700_100_201_000 + c.IntN(120) }

func (c *company) name() string {
	return []string{"Ada Example", "WIRELESS CALLER", "Grace Q. Sample", "Main Queue", "José Ejemplo", "Support"}[c.IntN(6)]
}

// TestBenchPage holds the benchmark's pages to what they are said to be, and to the law.
func TestBenchPage(t *testing.T) {
	if err := checkLaw(CallLog(), benchPage(1, 50)); err != nil {
		t.Fatal(err)
	}
	page := benchPage(1, 1000)
	size, legs := float64(len(page))/1000, float64(bytes.Count(page, []byte(`"legType"`)))/1000
	if size < 2900 || size > 3500 || legs < 2 || legs > 2.4 {
		t.Errorf("a record has %.0f bytes and %.2f legs, want about 3200 and 2.2", size, legs)
	}
}

// indented is the page as a pretty printer writes it.
func indented(t testing.TB, page []byte) []byte {
	var out bytes.Buffer
	if err := json.Indent(&out, page, "", "  "); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// BenchmarkDecode: pages as they come, pretty-printed pages, and pages handed over as record batches.
func BenchmarkDecode(b *testing.B) {
	page := benchPage(1, 1000)
	b.Run("compact", func(b *testing.B) { benchDecode(b, page, (*Decoder).Reset) })
	b.Run("indented", func(b *testing.B) { benchDecode(b, indented(b, page), (*Decoder).Reset) })
	b.Run("batch", func(b *testing.B) { benchDecode(b, page, func(d *Decoder) { d.Batch().Release() }) })
}

func benchDecode(b *testing.B, page []byte, end func(*Decoder)) {
	d := NewDecoder(CallLog())
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Append(page); err != nil {
			b.Fatal(err)
		}
		end(d)
	}
}

// BenchmarkEncodingJSON is what the decoder is measured against: the standard library into an untyped value.
func BenchmarkEncodingJSON(b *testing.B) {
	page := benchPage(1, 1000)
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		var v any
		if err := json.Unmarshal(page, &v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	d := NewDecoder(CallLog())
	page := benchPage(1, 1000)
	if _, err := d.Append(page); err != nil {
		b.Fatal(err)
	}
	batch := d.Batch()
	enc, err := NewEncoder(CallLog(), batch)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		dst = dst[:0]
		for row := range int(batch.NumRows()) {
			dst = enc.Append(dst, row)
		}
	}
}
