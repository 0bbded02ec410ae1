-- intermediate.queue_calls
-- Calls that waited in a queue, how long and to what end.
--
-- grain: one call that was offered to a queue
-- key: account_id, call_id
-- unit: day
-- reads: intermediate.business_calls, intermediate.call_answers, staging.calls, staging.local_hours, staging.queue_days, staging.settings
-- settings: service_level_s, short_abandon_s
-- caveats: how long the call waited is inferred, and so is what a queue is where no snapshot says it, see intermediate.call_answers; menus
--   before the queue are no waiting. The is_rc columns mean nothing where the queue's own settings are not known. Calls between extensions are not here. A call belongs to the hour in which it started.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the call started, in the time zone of the mart
--   local_hour: hour of the clock in which it started
--   hour_start_at: when that hour started [UTC]
--   call_id: RingCentral's id of the call record
--   queue_extension_id: the queue
--   outcome: answered, voicemail, abandoned, in_progress, or other for all else
--   answering_extension_id: who took it, null where nobody did
--   wait_s: from the first ring to the answer, or to the caller's hanging up; null where not known [s]
--   handle_s: from the answer to the end of the call; null where not answered or not known [s]
--   is_after_hours: whether it started outside business hours; null where none are configured
--   is_in_time: whether it was answered within the service level
--   is_abandoned_in_time: whether the caller hung up within the service level
--   is_abandoned_short: whether the caller hung up within the short-abandon threshold
--   is_rc_in_time: whether it was answered within the queue's own threshold
--   is_rc_counted: whether it is answered, voicemail, or abandoned where the queue includes these, and not before its abandon threshold
with waits as (
    select
        calls.account_id,
        calls.local_date,
        calls.call_id,
        calls.start_ms,
        answers.queue_extension_id,
        case when calls.outcome in ('answered', 'voicemail', 'abandoned', 'in_progress') then calls.outcome else 'other' end as outcome,
        answers.answering_extension_id,
        answers.wait_ms,
        calls.end_ms - answers.answered_ms as handle_ms
    from intermediate.call_answers as answers
    inner join staging.calls as calls
        on calls.account_id = answers.account_id and calls.call_id = answers.call_id
    where answers.queue_extension_id is not null
)
select
    waits.account_id,
    waits.local_date,
    hours.local_hour,
    hours.hour_start_at,
    waits.call_id,
    waits.queue_extension_id,
    waits.outcome,
    waits.answering_extension_id,
    cast((waits.wait_ms + 500 - mod(waits.wait_ms + 500, 1000)) / 1000 as bigint) as wait_s,
    cast((waits.handle_ms + 500 - mod(waits.handle_ms + 500, 1000)) / 1000 as bigint) as handle_s,
    business.is_after_hours,
    coalesce(waits.outcome = 'answered' and waits.wait_ms <= 1000 * settings.service_level_s, false) as is_in_time,
    coalesce(waits.outcome = 'abandoned' and waits.wait_ms <= 1000 * settings.service_level_s, false) as is_abandoned_in_time,
    coalesce(waits.outcome = 'abandoned' and waits.wait_ms <= 1000 * settings.short_abandon_s, false) as is_abandoned_short,
    coalesce(waits.outcome = 'answered' and waits.wait_ms <= 1000 * queues.sla_threshold_s, false) as is_rc_in_time,
    waits.outcome in ('answered', 'voicemail')
        or (
            waits.outcome = 'abandoned' and coalesce(queues.includes_abandoned, false)
            and not coalesce(waits.wait_ms < 1000 * queues.abandoned_threshold_s, false)
        ) as is_rc_counted
from waits
inner join intermediate.business_calls as business
    on business.account_id = waits.account_id and business.call_id = waits.call_id
inner join staging.local_hours as hours
    on hours.local_date = waits.local_date and waits.start_ms >= hours.hour_start_ms and waits.start_ms < hours.hour_end_ms
left join staging.queue_days as queues
    on queues.account_id = waits.account_id and queues.local_date = waits.local_date and queues.queue_id = waits.queue_extension_id
cross join staging.settings as settings;
