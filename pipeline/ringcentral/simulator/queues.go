package simulator

import (
	"slices"
	"strconv"
)

// queueBody is a call queue in their list. Unlike in the list of extensions, its id is text.
type queueBody struct {
	URI             string   `json:"uri"`
	ID              string   `json:"id"`
	ExtensionNumber string   `json:"extensionNumber"`
	Name            string   `json:"name"`
	Status          string   `json:"status"`
	Site            siteBody `json:"site"`
}

type queueDetails struct {
	queueBody
	ServiceLevelSettings callQueueSettings `json:"serviceLevelSettings"`
	EditableMemberStatus bool              `json:"editableMemberStatus"`
	AlertTimer           int               `json:"alertTimer"` // seconds
}

// memberBody is a member of a queue. Its id is a number.
type memberBody struct {
	URI             string `json:"uri"`
	ID              int64  `json:"id"`
	ExtensionNumber string `json:"extensionNumber"`
}

type siteBody struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// mainSite is the only site; the id is that of published payloads.
func mainSite() siteBody { return siteBody{ID: "main-site", Name: "Main Site"} }

type callQueueSettings struct {
	SLAGoal                   int  `json:"slaGoal"`             // per cent
	SLAThresholdSeconds       int  `json:"slaThresholdSeconds"` // to be answered within
	IncludeAbandonedCalls     bool `json:"includeAbandonedCalls"`
	AbandonedThresholdSeconds int  `json:"abandonedThresholdSeconds"`
}

// serviceLevel is what a queue aims at; queues differ.
func (c *company) serviceLevel(queue *extension) callQueueSettings {
	i := slices.Index(c.queues, queue)
	return callQueueSettings{SLAGoal: 80 + i%3*5, SLAThresholdSeconds: 20 + i%2*10, IncludeAbandonedCalls: i%2 == 0,
		AbandonedThresholdSeconds: 5 + i%4*5}
}

func (s *Simulator) queueBody(base string, x *extension) queueBody {
	return queueBody{URI: s.extensionURI(base, x), ID: x.idText(), ExtensionNumber: x.number, Name: x.name,
		Status: x.status, Site: mainSite()}
}

// queues lists the call queues, all or those that an extension is a member of.
func (s *Simulator) queues(r *request) *answer {
	values := r.URL.Query()
	p, refusal := readPaging(values)
	if refusal != nil {
		return refusal
	}
	base, member, now := clientURL(r.Request), values.Get("memberExtensionId"), s.options.Now().UnixMilli()
	found := []queueBody{}
	for _, queue := range s.company.queues {
		has := func(x *extension) bool { return x.idText() == member && !x.gone(now) }
		if member == "" || slices.ContainsFunc(queue.members, has) {
			found = append(found, s.queueBody(s.options.BaseURL, queue))
		}
	}
	path := base + s.accountPath() + "/call-queues?" + echo(values, "memberExtensionId")
	return listed(found, p, func(page int) string { return path + p.query(page) })
}

// queue finds the call queue that a path names, or nil.
func (s *Simulator) queue(r *request) *extension {
	x := s.company.byID[r.PathValue("queue")]
	if x == nil || x.kind != "Department" {
		return nil
	}
	return x
}

func (s *Simulator) queueDetails(r *request) *answer {
	x := s.queue(r)
	if x == nil {
		return notFound("groupId")
	}
	return &answer{status: 200, body: encode(queueDetails{queueBody: s.queueBody(s.options.BaseURL, x),
		ServiceLevelSettings: s.company.serviceLevel(x), EditableMemberStatus: true, AlertTimer: 30})}
}

// members lists those who belong to a queue now.
func (s *Simulator) members(r *request) *answer {
	x := s.queue(r)
	if x == nil {
		return notFound("groupId")
	}
	p, refusal := readPaging(r.URL.Query())
	if refusal != nil {
		return refusal
	}
	base, found, now := clientURL(r.Request), []memberBody{}, s.options.Now().UnixMilli()
	for _, member := range x.members {
		if !member.gone(now) {
			found = append(found, memberBody{s.extensionURI(s.options.BaseURL, member), member.id, member.number})
		}
	}
	path := base + s.accountPath() + "/call-queues/" + x.idText() + "/members?"
	return listed(found, p, func(page int) string { return path + p.query(page) })
}

func (s *Simulator) accountPath() string { return "/restapi/v1.0/account/" + s.AccountID() }

func (s *Simulator) extensionURI(base string, x *extension) string {
	return base + s.accountPath() + "/extension/" + strconv.FormatInt(x.id, 10)
}
