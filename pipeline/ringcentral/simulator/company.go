package simulator

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// company is who calls: the account's extensions, and the outside numbers that call again and again. It depends on the
// seed and the number of extensions; if the population is alive, one or two users leave.
type company struct {
	base, media string // of uris inside records
	accountID   int64
	mainNumber  string
	extensions  []*extension // users, then queues, then the menu
	users       []*extension
	queues      []*extension
	byID        map[string]*extension
	outside     []*party // the most frequent first
	abroad      []*party
}

// extension of any type. The parties are made once and shared by all records.
type extension struct {
	id                  int64
	number, name        string
	first, last, email  string
	kind, status, phone string
	members             []*extension // of a queue: three at least
	left                int64        // when it was deleted, unix milliseconds; zero means never
	successor           *extension   // who takes the calls of one who left

	ref     *reference
	outward *party // as an outside number sees it
	inward  *party // as a colleague sees it
	calling *party // on the legs that its phone makes
}

func (x *extension) idText() string { return strconv.FormatInt(x.id, 10) }

// admin is the user that clients act as; its extension id is the account's, as in many real accounts.
func (c *company) admin() *extension { return c.extensions[0] }

func (c *company) byNumericID(id int64) *extension { return c.byID[strconv.FormatInt(id, 10)] }

// newCompany with one extension has the administrator alone: enough to serve recorded records. From five on there
// are at least three users, a queue and a menu.
func newCompany(o Population, extensions int, base string) *company {
	sum := sha256.Sum256(fmt.Appendf(nil, "company of seed %d", o.Seed))
	rng := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])))
	c := &company{
		base:       base,
		media:      strings.Replace(base, "//platform.", "//media.", 1),
		accountID:  (401_000_000+rng.Int64N(90_000_000))*1000 + 8,
		mainNumber: fmt.Sprintf("+1888555%04d", 100+rng.IntN(100)),
		byID:       map[string]*extension{},
	}
	queues, menus := 0, 0
	if extensions > 1 {
		queues, menus = min(max(extensions/12, 1), 8), 1
	}
	id := c.accountID
	for i := range extensions {
		x := &extension{id: id, number: strconv.Itoa(101 + i), status: "Enabled"}
		switch {
		case i >= extensions-menus:
			x.setFunction("IvrMenu", "Main menu")
		case i >= extensions-menus-queues:
			x.setFunction("Department", queueName(i-(extensions-menus-queues)))
			c.queues = append(c.queues, x)
		default:
			x.setUser(rng, i)
			c.users = append(c.users, x)
		}
		c.add(x)
		id += (1 + rng.Int64N(400)) * 1000
	}
	for _, queue := range c.queues {
		size := 3 + rng.IntN(6)
		for _, i := range rng.Perm(len(c.users)) {
			if c.users[i].status == "Enabled" && len(queue.members) < size {
				queue.members = append(queue.members, c.users[i])
			}
		}
	}
	c.addOutside(rng)
	if o.Alive && extensions > 1 {
		c.addLeavers(o.Seed)
	}
	return c
}

// addLeavers lets one or two users go, at instants of which any may lie in the past or in the future. It draws from a
// generator of its own, so that everything else in the company is as it would be without. Not the first two: clients act
// as these. And no queue loses two members, so that two are left to ring.
func (c *company) addLeavers(seed int64) {
	rng := rand.New(rand.NewPCG(mix(uint64(seed)), 0x1ea7e))
	leavers := 0
	for _, i := range rng.Perm(len(c.users)) {
		x := c.users[i]
		shared := slices.ContainsFunc(c.queues, func(queue *extension) bool {
			return slices.Contains(queue.members, x) && slices.ContainsFunc(queue.members, (*extension).leaves)
		})
		if i < 2 || x.status != "Enabled" || shared {
			continue
		}
		x.successor = c.users[i%2]
		day := dayOf(founded().UnixMilli()) + 365 + rng.IntN(15*365)
		x.left = int64(day)*dayLength + 9*hour + rng.Int64N(9*hour)
		if leavers++; leavers == 2 {
			break
		}
	}
}

func (x *extension) leaves() bool { return x.left != 0 }

// gone tells whether the extension is deleted at an instant.
func (x *extension) gone(now int64) bool { return x.leaves() && x.left <= now }

// leavesBy tells whether the extension is deleted on a day or before; it takes part in no call of that day.
func (x *extension) leavesBy(day int) bool { return x.leaves() && dayOf(x.left) <= day }

// membersOn are the members of a queue who take part in a day's calls.
func (x *extension) membersOn(day int) []*extension {
	leavesBy := func(member *extension) bool { return member.leavesBy(day) }
	if !slices.ContainsFunc(x.members, leavesBy) {
		return x.members
	}
	return slices.DeleteFunc(slices.Clone(x.members), leavesBy)
}

func (x *extension) setFunction(kind, name string) {
	x.kind, x.name, x.first = kind, name, name
	x.email = strings.ToLower(strings.ReplaceAll(name, " ", ".")) + "@example.com"
}

func (x *extension) setUser(rng *rand.Rand, i int) {
	first := strings.Fields("Amara Bruno Chloe Dmitri Elena Farid Greta Hugo Imani Jonas Keiko Liam Mina Noor Oscar " +
		"Priya Quentin Rosa Samir Tessa Uma Viktor Wanda Xavier Yara Zane")
	last := strings.Fields("Abbott Barros Castellan Duarte Eklund Fontaine Grady Holt Ivers Jansen Kowal Lindqvist " +
		"Moreau Nakata Okafor Petrov Quill Rahman Sorensen Tanaka Ueda Vargas Whitlock Xu Yilmaz Zeller")
	x.kind = "User"
	x.first, x.last = first[rng.IntN(len(first))], last[rng.IntN(len(last))]
	x.name = x.first + " " + x.last
	x.email = strings.ToLower(x.first+"."+x.last) + "." + x.number + "@example.com"
	x.phone = fmt.Sprintf("+1646555%04d", 1000+i)
	if i%20 == 19 {
		x.status = "Disabled"
	}
}

func queueName(i int) string {
	names := []string{"Sales", "Support", "Billing", "Shipping", "Returns", "Partners", "Renewals", "Reception"}
	return names[i]
}

func (c *company) add(x *extension) {
	uri := c.path("/extension/" + x.idText())
	x.ref = &reference{URI: uri, ID: x.id}
	x.outward = &party{PhoneNumber: x.phone, Name: x.name, ExtensionID: x.idText()}
	if x.phone == "" {
		x.outward.PhoneNumber = c.mainNumber
	}
	x.inward = &party{ExtensionNumber: x.number, ExtensionID: x.idText(), Name: x.name}
	phone := strconv.FormatInt(800_000_000_000+x.id%100_000_000_000, 10)
	x.calling = &party{PhoneNumber: x.outward.PhoneNumber, ExtensionID: x.idText(), Name: x.name,
		Device: &device{URI: uri + "/device/" + phone, ID: phone}}
	c.extensions = append(c.extensions, x)
	c.byID[x.idText()] = x
}

// path is a uri inside records.
func (c *company) path(rest string) string {
	return c.base + "/restapi/v1.0/account/" + strconv.FormatInt(c.accountID, 10) + rest
}

// addOutside makes the outside numbers. All are of ranges that are reserved for fiction: 555-01xx in North America,
// 020 7946 0xxx in London. Some are masked, as RingCentral masks them, and some callers withhold theirs.
func (c *company) addOutside(rng *rand.Rand) {
	places := []struct{ area, location string }{
		{"212", "New York, NY"}, {"312", "Chicago, IL"}, {"415", "San Francisco, CA"}, {"617", "Boston, MA"},
		{"206", "Seattle, WA"}, {"303", "Denver, CO"}, {"404", "Atlanta, GA"}, {"512", "Austin, TX"},
		{"702", "Las Vegas, NV"}, {"305", "Miami, FL"}, {"970", ", CO"}, {"503", "Portland, OR"},
	}
	names := []string{"", "WIRELESS CALLER", "", "CHICAGO      IL", "Ashgrove Dental", "", "TOLL FREE CALL",
		"Birchwood Foods", "SAN FRANCSCO CA", "", "Cobalt Freight", "J PARKER"}
	for i, n := range rng.Perm(len(places) * 100) {
		place := places[n%len(places)]
		p := &party{
			PhoneNumber: fmt.Sprintf("+1%s555%04d", place.area, 100+n/len(places)),
			Name:        names[rng.IntN(len(names))],
			Location:    place.location,
		}
		switch {
		case i%29 == 7:
			p.PhoneNumber = p.PhoneNumber[:8] + "XXXX"
		case i%41 == 3:
			*p = party{Name: "Anonymous"}
		case i%31 == 11:
			p.VerificationLevel = string(rune('A' + i%3))
		}
		c.outside = append(c.outside, p)
	}
	for i := range 20 {
		c.abroad = append(c.abroad, &party{PhoneNumber: fmt.Sprintf("+442079460%03d", i), Location: "London"})
	}
}
