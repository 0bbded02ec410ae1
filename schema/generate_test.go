package schema

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generatePage makes a page of records from the table of fields, with members removed, retyped, repeated and added.
func generatePage(r *rand.Rand, fields []Field) []byte {
	page := fmt.Appendf(nil, `{"uri":"x"`)
	for range 1 + r.IntN(12)/11 {
		var records []string
		for range r.IntN(4) {
			records = append(records, generateObject(r, fields, ""))
		}
		page = fmt.Appendf(page, `,%s:%s[%s]`, quoteName(r, "records"), pad(r), strings.Join(records, pad(r)+","))
	}
	return fmt.Appendf(page, ` ,"paging":{}}`)
}

// generateObject makes the object whose members lie below the given path.
func generateObject(r *rand.Rand, fields []Field, prefix string) string {
	var members []string
	add := func(name, value string) {
		members = append(members, fmt.Sprintf("%s%s%s:%s%s", pad(r), quoteName(r, name), pad(r), pad(r), value))
	}
	done := map[string]bool{}
	for _, f := range fields {
		rest, ok := strings.CutPrefix(f.Path, prefix)
		if !ok {
			continue
		}
		name, below, nested := strings.Cut(rest, ".")
		if done[name] || r.IntN(3) == 0 {
			continue
		}
		done[name] = true
		for range 1 + r.IntN(12)/11 {
			switch {
			case r.IntN(12) == 0:
				add(name, generateAny(r, 0))
			case nested && below != "":
				add(name, generateObject(r, fields, prefix+name+"."))
			default:
				add(name, generateValue(r, f))
			}
		}
	}
	for r.IntN(3) == 0 {
		add([]string{"cnam", "x", "extra", "from.name", "é", "", "legs2", "sessionid"}[r.IntN(8)], generateAny(r, 0))
	}
	r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return "{" + strings.Join(members, ",") + pad(r) + "}"
}

func pad(r *rand.Rand) string {
	return []string{"", "", "", " ", "\n\t", "\r\n"}[r.IntN(6)]
}

// quoteName writes a member's name, sometimes with an escape where none is needed.
func quoteName(r *rand.Rand, name string) string {
	if name != "" && name[0] < 0x80 && r.IntN(20) == 0 {
		return fmt.Sprintf(`"\u%04x%s"`, name[0], name[1:])
	}
	return `"` + name + `"`
}

func generateValue(r *rand.Rand, f Field) string {
	pick := func(values ...string) string { return values[r.IntN(len(values))] }
	switch f.Kind {
	case ID, NumericID:
		return pick(`"8vsAH84JRCeg-DLA"`, `400200000001`, `9223372036854775809`, `""`, `0`, `-1`, `1e3`, `"0012"`, `null`)
	case Integer:
		return pick(`0`, `54`, `-7`, `9223372036854775807`, `-9223372036854775808`, `9223372036854775808`, `5.0`, `5.5`, `1e2`, `120e-1`, `-0`)
	case Boolean:
		return pick(`true`, `false`, `null`)
	case Timestamp:
		return `"` + pick("2026-11-21T10:11:12.345Z", "2016-02-29T23:59:59Z", "2026-11-21T10:11:12.345+0000", "2026-11-21T10:11:12.345678-07:30",
			"2026-11-21T10:11:12.3456789Z", "2026-11-21T10:11:12.345000000Z", "2026-11-21", "2015-02-29T00:00:00Z", "2026-11-21T24:00:00Z", "",
			"0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59.999999Z", "2026-11-21T10:11:60Z", "2026-11-21t10:11:12z") + `"`
	case Money:
		return pick(`0`, `1.26`, `0.1370`, `-2.5`, `99999999999999.9999`, `100000000000000`, `0.00001`, `1e-4`, `1.5E1`, `-0.0`)
	case Array:
		return pick(`["a","b"]`, `[]`, `[ 1 , {"b":1,"a":null} ]`, `"a"`)
	case Structs:
		return generateElements(r, f.Of)
	}
	return pick(`"Accepted"`, `""`, `"+1 (866) 123-4567"`, `"caf\u00e9 \"q\" \\ \/ \n \u0000"`, `"\ud83d\ude00"`, `"\ud800"`, `"日本"`, `"\u2028"`)
}

func generateElements(r *rand.Rand, fields []Field) string {
	var out []string
	for range r.IntN(4) {
		if r.IntN(25) == 0 {
			out = append(out, generateAny(r, 1))
			continue
		}
		out = append(out, generateObject(r, fields, ""))
	}
	return "[" + strings.Join(out, ",") + "]"
}

func generateAny(r *rand.Rand, depth int) string {
	switch n := r.IntN(9); {
	case n == 0 && depth < 3:
		return fmt.Sprintf(`{"b" : %s, "a":%s}`, generateAny(r, depth+1), generateAny(r, depth+1))
	case n == 1 && depth < 3:
		return fmt.Sprintf(`[%s , %s]`, generateAny(r, depth+1), generateAny(r, depth+1))
	case n == 2:
		return "{ }"
	}
	return []string{`null`, `true`, `false`, `1.50`, `"x"`, `12345678901234567890`, `"\ud800\u0041"`, `[]`, `""`}[r.IntN(9)]
}
