package simulator_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	queues  = account + "/call-queues"
	numbers = account + "/phone-number"
)

type queue struct {
	ID, URI, ExtensionNumber, Name, Status string
	ServiceLevelSettings                   struct {
		SLAGoal, SLAThresholdSeconds, AbandonedThresholdSeconds int
		IncludeAbandonedCalls                                   bool
	}
}

func TestCallQueues(t *testing.T) {
	o := small()
	o.Extensions = 120
	b := open(t, o)
	listed := map[string]queue{}
	for _, q := range decodeAll[queue](t, b.all(queues+"?perPage=3")) {
		listed[q.ID] = q
	}
	levels := map[string]bool{}
	want := 0
	for e := range b.Extensions() {
		if e.Type != "Department" {
			b.get(queues+"/"+e.ID).mustBe(t, 404, "CMN-102")
			b.get(queues+"/"+e.ID+"/members").mustBe(t, 404, "CMN-102")
			continue
		}
		want++
		one := decode[queue](t, b.get(queues+"/"+e.ID).body)
		if q := listed[e.ID]; q.Name != e.Name || q.ExtensionNumber != e.Number || !strings.HasSuffix(q.URI, "/extension/"+e.ID) || one.Name != e.Name {
			t.Errorf("%+v, %+v, want %+v", q, one, e)
		}
		levels[fmt.Sprint(one.ServiceLevelSettings)] = true
		if s := one.ServiceLevelSettings; s.SLAGoal < 50 || s.SLAThresholdSeconds == 0 || s.AbandonedThresholdSeconds == 0 {
			t.Errorf("%+v", s)
		}
		var members []string
		for _, m := range decodeAll[struct {
			ID              int64
			ExtensionNumber string
		}](t, b.all(queues+"/"+e.ID+"/members?perPage=2")) {
			members = append(members, strconv.FormatInt(m.ID, 10))
		}
		if diff := cmp.Diff(e.Members, members); diff != "" || len(members) < 3 {
			t.Errorf("%s: %s", e.Name, diff)
		}
		if of := texts(b.page(queues + "?memberExtensionId=" + members[0]).Records); !strings.Contains(strings.Join(of, ""), e.ID) {
			t.Errorf("the queues of %s: %s", members[0], of)
		}
		if settings := decode[struct{ CallQueueInfo struct{ SLAGoal int } }](t, b.get(account+"/extension/"+e.ID).body); settings.CallQueueInfo.SLAGoal != one.ServiceLevelSettings.SLAGoal {
			t.Errorf("%s: as an extension %+v, as a queue %+v", e.Name, settings, one)
		}
	}
	if p := b.page(queues + "?perPage=3"); len(listed) != want || p.Paging["totalElements"] != want || want != 8 || len(levels) < 2 {
		t.Errorf("%d queues, %d listed, %v, levels %v", want, len(listed), p.Paging, levels)
	}
	if p := b.page(queues + "?memberExtensionId=1"); len(p.Records) != 0 {
		t.Errorf("a stranger is in %s", p.Records)
	}
}

type phoneNumber struct {
	ID                                                       int64
	PhoneNumber, PaymentType, Type, UsageType, Status, Label string
	Extension                                                *struct {
		ID              int64
		ExtensionNumber string
	}
}

func TestPhoneNumbers(t *testing.T) {
	b := open(t, small())
	direct, usage := map[string]string{}, map[string]phoneNumber{}
	ids := map[int64]bool{}
	all := decodeAll[phoneNumber](t, b.all(numbers+"?perPage=4"))
	for _, n := range all {
		usage[n.UsageType] = n
		ids[n.ID] = true
		if n.Extension != nil {
			direct[strconv.FormatInt(n.Extension.ID, 10)] = n.PhoneNumber
		}
	}
	want := map[string]string{}
	for e := range b.Extensions() {
		if e.PhoneNumber != "" {
			want[e.ID] = e.PhoneNumber
		}
	}
	if diff := cmp.Diff(want, direct); diff != "" || len(ids) != len(all) || len(all) != len(want)+3 {
		t.Errorf("%d numbers, %d ids: %s", len(all), len(ids), diff)
	}
	main := decode[struct{ MainNumber string }](t, b.get(account).body).MainNumber
	if usage["MainCompanyNumber"].PhoneNumber != main || usage["CompanyFaxNumber"].Type != "FaxOnly" || usage["AdditionalCompanyNumber"].PaymentType != "TollFree" {
		t.Errorf("%+v", usage)
	}
	for query, n := range map[string]int{
		"usageType=DirectNumber": len(want), "usageType=MainCompanyNumber&usageType=CompanyFaxNumber": 2, "paymentType=TollFree": 2,
		"status=Pending": 0, "status=Normal": len(all), "extensionStatus=Disabled": 0, "extensionStatus=Enabled": len(want),
	} {
		if p := b.page(numbers + "?" + query); len(p.Records) != n || p.Paging["totalElements"] != n {
			t.Errorf("%s: %d, want %d", query, len(p.Records), n)
		}
	}
	for _, query := range []string{"page=0", "paymentType=Free", "status=Odd", "extensionStatus=Odd"} {
		b.get(numbers+"?"+query).mustBe(t, 400, "CMN-101")
	}
	if group := b.get(numbers).Header.Get("X-Rate-Limit-Group"); group != "heavy" {
		t.Errorf("group %s", group)
	}
}

// What a user who leaves belonged to forgets him.
func TestQueuesAndNumbersForgetWhoLeft(t *testing.T) {
	checked := 0
	for seed := range int64(6) {
		o := alive()
		o.Seed = seed
		for e := range newSimulator(t, o).Extensions() {
			if e.Removed.IsZero() {
				continue
			}
			b := open(t, o)
			b.clock.advance(e.Removed.Sub(noon()) - time.Second)
			b.token = b.login()
			of := decodeAll[queue](t, b.page(queues+"?memberExtensionId="+e.ID).Records)
			before := len(b.page(numbers + "?perPage=1000").Records)
			b.clock.advance(time.Second)
			for _, q := range of {
				members := texts(b.page(queues + "/" + q.ID + "/members").Records)
				if strings.Contains(strings.Join(members, ""), e.ID) || len(members) < 2 {
					t.Errorf("%s of %s", members, q.Name)
				}
				checked++
			}
			after := b.page(numbers + "?perPage=1000").Records
			if len(after) != before-1 || strings.Contains(strings.Join(texts(after), ""), e.ID) {
				t.Errorf("%d numbers, then %d", before, len(after))
			}
			if p := b.page(queues + "?memberExtensionId=" + e.ID); len(p.Records) != 0 {
				t.Errorf("%s is in %s", e.Name, p.Records)
			}
		}
	}
	if checked == 0 {
		t.Error("nobody who left was in a queue")
	}
}

// One extension tells what the list does not.
func TestExtensionDetails(t *testing.T) {
	b := open(t, small())
	type details struct {
		Site             struct{ ID, Name string }
		Contact          struct{ Department string }
		Departments      []struct{ ID string }
		RegionalSettings struct{ Timezone struct{ Name, Bias string } }
	}
	for e := range b.Extensions() {
		for _, member := range e.Members {
			x := decode[details](t, b.get(account+"/extension/"+member).body)
			in := slices.ContainsFunc(x.Departments, func(d struct{ ID string }) bool { return d.ID == e.ID })
			if !in || x.Contact.Department == "" || x.Site.ID != "main-site" || x.RegionalSettings.Timezone.Name != "America/New_York" || x.RegionalSettings.Timezone.Bias != "-300" {
				t.Errorf("%s of %s: %+v", member, e.Name, x)
			}
		}
	}
}

func TestRestrictedDirectory(t *testing.T) {
	o := small()
	o.Restricted = true
	b := open(t, o)
	for path, permission := range map[string]string{
		numbers: "ReadCompanyPhoneNumbers", queues: "ReadExtensions", queues + "/x": "ReadExtensions", queues + "/x/members": "ReadExtensions",
	} {
		b.get(path).refusedFor(t, "CMN-408", permission)
	}
	o.Restricted, o.WithoutScopes = false, []string{"ReadAccounts"}
	b = open(t, o)
	for _, path := range []string{numbers, queues, queues + "/x", queues + "/x/members"} {
		b.get(path).refusedFor(t, "CMN-401", "ReadAccounts")
	}
}
