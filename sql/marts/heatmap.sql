-- marts.heatmap
-- Hours of the clock of a local day, quiet ones too: cells to be averaged by weekday and hour.
--
-- grain: one account, local day on which a call started, and hour of the clock
-- key: account_id, local_date, local_hour
-- unit: day -1
-- reads: intermediate.busy_hours, staging.calls, staging.local_hours
-- caveats: as marts.volume_hourly, but every hour of the day has a row, so that an average over days is right, and an hour that comes
--   twice where summer time ends is one row of two hours; the hour that is left out where it begins has none. For erlangs of
--   many days divide the sum of occupied_s by the sum of length_s.
-- columns:
--   account_id: RingCentral account
--   local_date: day of the hour, in the time zone of the mart
--   weekday: 1 for Monday to 7 for Sunday
--   local_hour: hour of the clock, 0 to 23
--   length_s: how long the hour is [s]
--   calls: voice calls that started [calls]
--   inbound: of these, from outside to the company [calls]
--   inbound_answered: of the inbound ones, answered [calls]
--   inbound_missed: of the inbound ones, missed, abandoned or ended in a voicemail box [calls]
--   outbound: calls from the company to outside [calls]
--   occupied_s: time of all calls within the hour together [s]
--   erlangs: occupied time by the length of the hour: calls at a time on average; does not add up [erlangs]
--   peak_concurrency: most calls at one moment; does not add up [calls]
with days as (
    select distinct account_id, local_date
    from staging.calls
),
cells as (
    select
        days.account_id,
        hours.local_date,
        hours.weekday,
        hours.local_hour,
        cast(sum(hours.hour_end_ms - hours.hour_start_ms) as bigint) as length_ms,
        cast(coalesce(sum(busy.calls), 0) as bigint) as calls,
        cast(coalesce(sum(busy.inbound), 0) as bigint) as inbound,
        cast(coalesce(sum(busy.inbound_answered), 0) as bigint) as inbound_answered,
        cast(coalesce(sum(busy.inbound_missed), 0) as bigint) as inbound_missed,
        cast(coalesce(sum(busy.outbound), 0) as bigint) as outbound,
        cast(coalesce(sum(busy.occupied_ms), 0) as bigint) as occupied_ms,
        coalesce(max(busy.peak_concurrency), 0) as peak_concurrency
    from days
    inner join staging.local_hours as hours
        on hours.local_date = days.local_date
    left join intermediate.busy_hours as busy
        on busy.account_id = days.account_id and busy.hour_start_at = hours.hour_start_at
    group by days.account_id, hours.local_date, hours.weekday, hours.local_hour
)
select
    account_id,
    local_date,
    weekday,
    local_hour,
    cast((length_ms + 500 - mod(length_ms + 500, 1000)) / 1000 as bigint) as length_s,
    calls,
    inbound,
    inbound_answered,
    inbound_missed,
    outbound,
    cast((occupied_ms + 500 - mod(occupied_ms + 500, 1000)) / 1000 as bigint) as occupied_s,
    cast(cast((20000 * occupied_ms + length_ms - mod(20000 * occupied_ms + length_ms, (2 * length_ms))) / (2 * length_ms) as bigint) * 0.0001 as decimal(18, 4)) as erlangs,
    peak_concurrency
from cells;
