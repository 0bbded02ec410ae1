-- marts.queue_hourly
-- An hour of one queue: calls offered, answered and lost, waits, and service levels.
--
-- grain: one account, hour of a local day and queue
-- key: account_id, local_date, hour_start_at, queue_extension_id
-- unit: day
-- reads: intermediate.queue_calls, staging.queue_days, staging.settings
-- settings: service_level_s, short_abandon_s
-- caveats: waits are inferred from the call log, and so are queues where no snapshot says what is one, see intermediate.call_answers;
--   RingCentral's own reports have them from elsewhere and will differ. A call belongs to the hour in which it started. Its portal
--   counts abandoned calls with voicemail, its Analytics API without: both are here. sl_rc follows what RingCentral says of its service
--   level: by each queue's own settings, as they were in force on the day, of answered calls and voicemail (which is never in time),
--   with abandoned calls where the queue includes them, unless they waited less than its abandon threshold; an abandoned call whose wait
--   is not known counts. Ratios do not add up: sum the counts and divide. They are rounded half up at the fourth place, and null
--   where the divisor is 0.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the calls started, in the time zone of the mart
--   local_hour: hour of the clock; comes twice where summer time ends
--   hour_start_at: when the hour started [UTC]
--   queue_extension_id: the queue
--   offered: calls to the queue that are over; answered and not answered ones [calls]
--   answered: calls that somebody took [calls]
--   not_answered: calls that nobody took, voicemail included: what the portal calls abandoned [calls]
--   abandoned: of these, calls whose caller hung up [calls]
--   voicemail: of these, calls that reached the voicemail box [calls]
--   other: of these, all else: missed, busy, failed, of unknown outcome [calls]
--   in_progress: calls that were not over when last read; in no other count [calls]
--   after_hours: of the offered calls, those that started outside business hours; null where no business hours are configured [calls]
--   answered_in_time: calls answered within threshold_s; without those whose wait is not known [calls]
--   abandoned_in_time: calls whose caller hung up within threshold_s [calls]
--   abandoned_short: calls whose caller hung up within short_abandon_s [calls]
--   wait_unknown: answered calls whose wait is not known [calls]
--   answering_extensions: different extensions that took calls; does not add up [extensions]
--   answered_wait_s: waits of the answered calls together; divided by answered - wait_unknown the average speed of answer [s]
--   wait_p50_s: half of the answered calls waited at most so long; does not add up [s]
--   wait_p90_s: nine tenths of the answered calls waited at most so long; does not add up [s]
--   wait_max_s: longest wait of an answered or abandoned call; does not add up [s]
--   handle_s: from answer to end, of the answered calls together, without work after the call [s]
--   threshold_s: the service level in force; does not add up [s]
--   short_abandon_s: the short-abandon threshold in force; does not add up [s]
--   sla_goal_pct: the queue's own aim: share of calls that are to be answered in time; null where not known; does not add up [%]
--   sla_threshold_s: its own service level; null where not known; does not add up [s]
--   includes_abandoned: whether its own service level counts abandoned calls; null where not known
--   abandoned_threshold_s: wait below which it does not count an abandoned call; null where not known; does not add up [s]
--   rc_in_time: calls answered within sla_threshold_s; null where the settings are not known [calls]
--   rc_counted: calls that its own service level counts: answered, voicemail, and abandoned ones where it includes these; null where the settings are not known [calls]
--   sl_answered: answered_in_time / answered
--   sl_offered: answered_in_time / offered
--   sl_abn_ok: (answered_in_time + abandoned_in_time) / offered
--   sl_excl_short: answered_in_time / (offered - abandoned_short)
--   sl_rc: rc_in_time / rc_counted: RingCentral's own service level, by the settings in force on the day
with counted as (
    select
        calls.account_id,
        calls.local_date,
        calls.local_hour,
        calls.hour_start_at,
        calls.queue_extension_id,
        count(case when calls.outcome <> 'in_progress' then 1 end) as offered,
        count(case when calls.outcome = 'answered' then 1 end) as answered,
        count(case when calls.outcome = 'abandoned' then 1 end) as abandoned,
        count(case when calls.outcome = 'voicemail' then 1 end) as voicemail,
        count(case when calls.outcome = 'other' then 1 end) as other,
        count(case when calls.outcome = 'in_progress' then 1 end) as in_progress,
        case
            when count(calls.is_after_hours) > 0 then count(case when calls.is_after_hours and calls.outcome <> 'in_progress' then 1 end)
        end as after_hours,
        count(case when calls.is_in_time then 1 end) as answered_in_time,
        count(case when calls.is_abandoned_in_time then 1 end) as abandoned_in_time,
        count(case when calls.is_abandoned_short then 1 end) as abandoned_short,
        count(case when calls.is_rc_in_time then 1 end) as rc_in_time,
        count(case when calls.is_rc_counted then 1 end) as rc_counted,
        count(case when calls.outcome = 'answered' and calls.wait_s is null then 1 end) as wait_unknown,
        count(distinct calls.answering_extension_id) as answering_extensions,
        cast(coalesce(sum(case when calls.outcome = 'answered' then calls.wait_s end), 0) as bigint) as answered_wait_s,
        percentile_disc(0.5) within group (order by case when calls.outcome = 'answered' then calls.wait_s end) as wait_p50_s,
        percentile_disc(0.9) within group (order by case when calls.outcome = 'answered' then calls.wait_s end) as wait_p90_s,
        max(case when calls.outcome in ('answered', 'abandoned') then calls.wait_s end) as wait_max_s,
        cast(coalesce(sum(calls.handle_s), 0) as bigint) as handle_s
    from intermediate.queue_calls as calls
    group by calls.account_id, calls.local_date, calls.local_hour, calls.hour_start_at, calls.queue_extension_id
),
known as (
    select
        account_id,
        local_date,
        queue_id,
        sla_goal_pct,
        sla_threshold_s,
        includes_abandoned,
        abandoned_threshold_s,
        coalesce(sla_threshold_s is not null and (not includes_abandoned or abandoned_threshold_s is not null), false) as is_whole
    from staging.queue_days
)
select
    counted.account_id,
    counted.local_date,
    local_hour,
    hour_start_at,
    queue_extension_id,
    offered,
    answered,
    offered - answered as not_answered,
    abandoned,
    voicemail,
    other,
    in_progress,
    after_hours,
    answered_in_time,
    abandoned_in_time,
    abandoned_short,
    wait_unknown,
    answering_extensions,
    answered_wait_s,
    wait_p50_s,
    wait_p90_s,
    wait_max_s,
    handle_s,
    settings.service_level_s as threshold_s,
    settings.short_abandon_s,
    known.sla_goal_pct,
    known.sla_threshold_s,
    known.includes_abandoned,
    known.abandoned_threshold_s,
    case when known.is_whole then rc_in_time end as rc_in_time,
    case when known.is_whole then rc_counted end as rc_counted,
    case
        when answered > 0
        then cast(cast((20000 * (answered_in_time) + answered - mod(20000 * (answered_in_time) + answered, (2 * (answered)))) / (2 * (answered)) as bigint) * 0.0001 as decimal(18, 4))
    end as sl_answered,
    case
        when offered > 0
        then cast(cast((20000 * (answered_in_time) + offered - mod(20000 * (answered_in_time) + offered, (2 * (offered)))) / (2 * (offered)) as bigint) * 0.0001 as decimal(18, 4))
    end as sl_offered,
    case
        when offered > 0
        then cast(cast((20000 * (answered_in_time + abandoned_in_time) + offered - mod(20000 * (answered_in_time + abandoned_in_time) + offered, (2 * (offered)))) / (2 * (offered)) as bigint) * 0.0001 as decimal(18, 4))
    end as sl_abn_ok,
    case
        when (offered - abandoned_short) > 0
        then cast(cast((20000 * (answered_in_time) + (offered - abandoned_short) - mod(20000 * (answered_in_time) + (offered - abandoned_short), (2 * ((offered - abandoned_short))))) / (2 * ((offered - abandoned_short))) as bigint) * 0.0001 as decimal(18, 4))
    end as sl_excl_short,
    case
        when known.is_whole and rc_counted > 0
        then cast(cast((20000 * rc_in_time + rc_counted - mod(20000 * rc_in_time + rc_counted, (2 * rc_counted))) / (2 * rc_counted) as bigint) * 0.0001 as decimal(18, 4))
    end as sl_rc
from counted
left join known
    on known.account_id = counted.account_id and known.local_date = counted.local_date and known.queue_id = counted.queue_extension_id
cross join staging.settings as settings;
