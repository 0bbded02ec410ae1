-- staging.local_hours
-- Hours of the clock of the time zone, around the days that the lake holds.
--
-- grain: one hour of a local day; the hour that comes twice when summer time ends is two rows, the one that is left out is none
-- key: hour_start_at
-- unit: day
-- reads: main.call_log, main.extension_call_log
-- caveats: follows the variable timezone, as staging.calls does. Where a zone moves by less than an hour, the hours beside the
--   move are shorter. Offsets are multiples of 15 minutes, as all zones have had since 1972. The first and last local days of
--   every stretch are not whole; no call lies in them.
-- columns:
--   local_date: day of the hour
--   weekday: 1 for Monday to 7 for Sunday
--   local_hour: hour of the clock, 0 to 23
--   hour_start_at: when it starts [UTC]
--   hour_start_ms: when it starts, as milliseconds since 1970 [ms]
--   hour_end_ms: when it ends, likewise [ms]
with dates as (
    select start_date from main.call_log
    union
    select start_date from main.extension_call_log
),
near_dates as (
    select start_date + unnest([-2, -1, 0, 1, 2, 3, 4]) as near_date
    from dates
),
distinct_dates as (
    select distinct near_date
    from near_dates
),
ticks as (
    select timezone('UTC', cast(near_date as timestamp) + to_minutes(15 * unnest(range(96)))) as tick_at
    from distinct_dates
),
local_ticks as (
    select
        epoch_ms(tick_at) as tick_ms,
        timezone(coalesce(getvariable('timezone'), 'UTC'), tick_at) as local_at
    from ticks
),
hours as (
    select
        cast(local_at as date) as local_date,
        hour(local_at) as local_hour,
        epoch_ms(local_at) - tick_ms as offset_ms,
        min(tick_ms) as hour_start_ms,
        max(tick_ms) + 900000 as hour_end_ms
    from local_ticks
    group by all
)
select
    local_date,
    cast(isodow(local_date) as bigint) as weekday,
    local_hour,
    timezone('UTC', make_timestamp_ms(hour_start_ms)) as hour_start_at,
    hour_start_ms,
    hour_end_ms
from hours;
