-- intermediate.busy_hours
-- Hours in which calls started or went on.
--
-- grain: one account and hour of a local day
-- key: account_id, hour_start_at
-- unit: day -1
-- reads: intermediate.business_calls, staging.business_hours, staging.calls, staging.holidays, staging.local_hours
-- caveats: counts are of calls that started in the hour; occupied time and peak are of all that went on in it, menus and ringing
--   included, from the day on which they started to the end of the next. Voice calls only. Records are counted, not conversations: a
--   RingOut is two. Calls in progress occupy nothing yet.
-- columns:
--   account_id: RingCentral account
--   local_date: day of the hour, in the time zone of the mart
--   weekday: 1 for Monday to 7 for Sunday
--   local_hour: hour of the clock
--   hour_start_at: when the hour started [UTC]
--   length_ms: how long the hour is [ms]
--   calls: calls that started [calls]
--   inbound: of these, from outside to the company [calls]
--   outbound: of these, from the company to outside [calls]
--   internal: of these, between extensions [calls]
--   answered: calls that started and were answered [calls]
--   inbound_answered: of the inbound ones, answered [calls]
--   inbound_missed: of the inbound ones, missed, abandoned or ended in a voicemail box [calls]
--   occupied_ms: time of all calls within the hour together [ms]
--   peak_concurrency: most calls at one moment; one that ends when another starts does not meet it [calls]
--   is_business_day: whether the day has business hours and is no holiday; null where no business hours are configured
--   after_hours: calls that started outside business hours; null where none are configured [calls]
with hours as (
    select local_date, weekday, local_hour, hour_start_at, hour_start_ms, hour_end_ms
    from staging.local_hours
),
spans as (
    select account_id, local_date as busy_date, call_id, start_ms, end_ms
    from staging.calls
    where not is_fax and end_ms > start_ms

    union all

    select account_id, local_date + 1 as busy_date, call_id, start_ms, end_ms
    from staging.calls
    where not is_fax and end_ms > start_ms
),
overlapping as materialized (
    select
        spans.account_id,
        hours.hour_start_ms,
        greatest(spans.start_ms, hours.hour_start_ms) as from_ms,
        least(spans.end_ms, hours.hour_end_ms) as to_ms
    from spans
    inner join hours
        on hours.local_date = spans.busy_date and hours.hour_start_ms < spans.end_ms and hours.hour_end_ms > spans.start_ms
),
changes as (
    select account_id, hour_start_ms, from_ms as at_ms, 1 as change
    from overlapping

    union all

    select account_id, hour_start_ms, to_ms as at_ms, -1 as change
    from overlapping
),
levels as (
    select
        account_id,
        hour_start_ms,
        sum(change) over (
            partition by account_id, hour_start_ms
            order by at_ms, change
            rows between unbounded preceding and current row
        ) as concurrency
    from changes
),
peaks as (
    select account_id, hour_start_ms, cast(max(concurrency) as bigint) as peak_concurrency
    from levels
    group by account_id, hour_start_ms
),
occupied as (
    select account_id, hour_start_ms, cast(sum(to_ms - from_ms) as bigint) as occupied_ms
    from overlapping
    group by account_id, hour_start_ms
),
started as (
    select
        calls.account_id,
        hours.hour_start_ms,
        count(*) as calls,
        count(case when not calls.is_internal and lower(calls.direction) = 'inbound' then 1 end) as inbound,
        count(case when not calls.is_internal and lower(calls.direction) = 'outbound' then 1 end) as outbound,
        count(case when calls.is_internal then 1 end) as internal,
        count(case when calls.outcome = 'answered' then 1 end) as answered,
        count(case when not calls.is_internal and lower(calls.direction) = 'inbound' and calls.outcome = 'answered' then 1 end) as inbound_answered,
        count(
            case
                when not calls.is_internal and lower(calls.direction) = 'inbound' and calls.outcome in ('missed', 'abandoned', 'voicemail')
                then 1
            end
        ) as inbound_missed,
        count(case when business.is_after_hours then 1 end) as after_hours
    from staging.calls as calls
    inner join intermediate.business_calls as business
        on business.account_id = calls.account_id and business.call_id = calls.call_id
    inner join hours
        on hours.local_date = calls.local_date and calls.start_ms >= hours.hour_start_ms and calls.start_ms < hours.hour_end_ms
    where not calls.is_fax
    group by calls.account_id, hours.hour_start_ms
),
busy as (
    select account_id, hour_start_ms
    from started

    union

    select account_id, hour_start_ms
    from occupied
),
known as (
    select count(*) as stretches
    from staging.business_hours
),
business_days as (
    select distinct weekday
    from staging.business_hours
)
select
    busy.account_id,
    hours.local_date,
    hours.weekday,
    hours.local_hour,
    hours.hour_start_at,
    hours.hour_end_ms - hours.hour_start_ms as length_ms,
    coalesce(started.calls, 0) as calls,
    coalesce(started.inbound, 0) as inbound,
    coalesce(started.outbound, 0) as outbound,
    coalesce(started.internal, 0) as internal,
    coalesce(started.answered, 0) as answered,
    coalesce(started.inbound_answered, 0) as inbound_answered,
    coalesce(started.inbound_missed, 0) as inbound_missed,
    coalesce(occupied.occupied_ms, 0) as occupied_ms,
    coalesce(peaks.peak_concurrency, 0) as peak_concurrency,
    case when known.stretches > 0 then business_days.weekday is not null and holidays.holiday_date is null end as is_business_day,
    case when known.stretches > 0 then coalesce(started.after_hours, 0) end as after_hours
from busy
cross join known
inner join hours
    on hours.hour_start_ms = busy.hour_start_ms
left join started
    on started.account_id = busy.account_id and started.hour_start_ms = busy.hour_start_ms
left join occupied
    on occupied.account_id = busy.account_id and occupied.hour_start_ms = busy.hour_start_ms
left join peaks
    on peaks.account_id = busy.account_id and peaks.hour_start_ms = busy.hour_start_ms
left join business_days
    on business_days.weekday = hours.weekday
left join staging.holidays as holidays
    on holidays.holiday_date = hours.local_date;
