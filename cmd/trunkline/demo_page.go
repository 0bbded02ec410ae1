package main

import (
	"fmt"
	"strings"

	"github.com/trunkline/trunkline/sql"
)

// demoPage has a line with a label for each question that whoever leads an office asks of its telephones, answered by a mart.
const demoPage = `
with queues as (
    select coalesce(e.extension_name, q.queue_extension_id) as queue, sum(q.offered) as offered, sum(q.answered) as answered,
        sum(q.answered_in_time) as in_time, sum(q.answered_wait_s) as waits, sum(q.answered - q.wait_unknown) as waited,
        max(q.threshold_s) as threshold_s
    from marts.queue_daily q
    left join staging.extensions e on e.account_id = q.account_id and e.extension_id = q.queue_extension_id
    group by queue order by offered desc, queue limit 5
), inbound as (
    select count(*) as n, count(*) filter (where outcome = 'answered') as answered, count(*) filter (where outcome = 'voicemail') as voicemail,
        count(*) filter (where outcome = 'missed') as missed, count(*) filter (where outcome = 'abandoned') as abandoned,
        count(*) filter (where is_after_hours) as late
    from marts.sessions where not is_internal and direction = 'Inbound' and call_type = 'Voice'
), hours as (
    select local_date, local_hour, calls, peak_concurrency from marts.volume_hourly order by calls desc, hour_start_at limit 1
), missed as (
    select count(is_recovered) as known, count(*) filter (where is_recovered) as recovered, count(called_back_at) as called_back,
        max(within_days) as days
    from marts.missed_recovery
), contacts as (
    select coalesce(max(contact_name), max(contact_e164), contact_digits) as contact, sum(interactions) as n, sum(talk_s) as talk_s
    from marts.crm_contacts group by contact_digits order by n desc, contact_digits limit 3
), messages as (
    select case kind when 'sms' then 'SMS' when 'mms' then 'MMS' else kind end as kind, count(*) filter (where direction = 'Outbound') as sent,
        count(*) filter (where delivery = 'failed') as failed, count(*) filter (where direction = 'Inbound') as received
    from staging.messages where kind in ('sms', 'mms', 'fax') group by kind
)
select 'callers' as label, format('{:,} from outside: {} % answered, {} % to voicemail, {} % missed, {} % gave up; {:,} came after hours',
    n, 100 * answered // n, 100 * voicemail // n, 100 * missed // n, 100 * abandoned // n, late) as line, 1 as place, 0 as rank
from inbound where n > 0
union all
select queue, format('{:,} to the queue: {} % answered, {} % of these within {} s, on average after {} s', cast(offered as bigint),
    cast(100 * answered // offered as bigint), cast(100 * in_time // greatest(answered, 1) as bigint), threshold_s,
    cast(waits // greatest(waited, 1) as bigint)), 2, row_number() over (order by offered desc, queue)
from queues where offered > 0
union all
select 'busiest hour', format('{} from {:02d}:00: {:,} calls, {} at once', strftime(local_date, '%a %d %b'), local_hour, calls, peak_concurrency), 3, 0
from hours
union all
select 'missed callers', format('{:,} with a number: {} % spoken to within {} days, {:,} called back', known, 100 * recovered // known, days, called_back), 4, 0
from missed where known > 0
union all
select 'top contacts', string_agg(format('{}: {:,} calls, {} h', contact, cast(n as bigint), cast(talk_s // 3600 as bigint)), '; ' order by n desc, contact), 5, 0
from contacts having count(*) > 0
union all
select 'messages', string_agg(format('{}: {:,} sent ({:,} failed), {:,} received', kind, sent, failed, received), '; ' order by sent desc, kind), 6, 0
from messages having count(*) > 0
order by place, rank`

// page prints the lines of demoPage.
func (c *demoCmd) page(s *session, engine *sql.Engine) error {
	rows, err := engine.Query(s.ctx, demoPage)
	if err != nil {
		return err
	}
	defer rows.Close()
	var b strings.Builder
	fmt.Fprintf(&b, "\nAll of these days by their marts, in the time of %s; the company is open on weekdays from 9 to 18:\n\n", demoZone)
	for row, err := range rows.All() {
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "  %-14s  %s\n", row[0].Text, row[1].Text)
	}
	_, err = fmt.Fprint(s.stdout, b.String())
	return err
}
