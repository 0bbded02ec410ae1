-- audits.queue_hours_add_up
-- The hours of a queue add up to its local day.
--
-- grain: one account, local day and queue whose sums differ
-- reads: marts.queue_daily, marts.queue_hourly
-- caveats: holds by construction, whatever the data; it fails only if a model is changed wrongly.
-- remedy: report it; a model of queues is wrong, not the data
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the calls started
--   queue_extension_id: the queue
--   daily: calls offered in marts.queue_daily [calls]
--   hourly: calls offered in marts.queue_hourly [calls]
with counted as (
    select account_id, local_date, queue_extension_id, offered as daily, 0 as hourly, answered_in_time as in_time, coalesce(after_hours, 0) as late
    from marts.queue_daily

    union all

    select account_id, local_date, queue_extension_id, 0 as daily, offered as hourly, -answered_in_time as in_time, -coalesce(after_hours, 0) as late
    from marts.queue_hourly
)
select account_id, local_date, queue_extension_id, sum(daily) as daily, sum(hourly) as hourly
from counted
group by account_id, local_date, queue_extension_id
having sum(daily) <> sum(hourly) or sum(in_time) <> 0 or sum(late) <> 0;
