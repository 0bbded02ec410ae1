-- marts.volume_hourly
-- Hours of a local day: how many calls started, how much of the hour calls took, and the most at one moment.
--
-- grain: one account and hour of a local day in which a voice call started or went on
-- key: account_id, local_date, hour_start_at
-- unit: day -1
-- reads: intermediate.busy_hours
-- caveats: counts are of calls that started in the hour; occupied time, erlangs and peak are of all that went on in it. Where summer time
--   ends an hour of the clock comes twice, where it begins one is left out. Records are counted, not conversations: a RingOut is two
--   calls at a time. Occupied time includes menus, ringing and hold. Peaks and erlangs do not add up. An hour in which nothing went
--   on has no row, nor has a day on which no call started.
-- columns:
--   account_id: RingCentral account
--   local_date: day of the hour, in the time zone of the mart
--   local_hour: hour of the clock, 0 to 23
--   hour_start_at: when the hour started [UTC]
--   length_s: how long the hour is [s]
--   calls: voice calls that started [calls]
--   inbound: of these, from outside to the company [calls]
--   outbound: of these, from the company to outside [calls]
--   internal: of these, between extensions [calls]
--   answered: calls that started and were answered [calls]
--   inbound_answered: of the inbound ones, answered [calls]
--   inbound_missed: of the inbound ones, missed, abandoned or ended in a voicemail box [calls]
--   occupied_s: time of all calls within the hour together [s]
--   erlangs: occupied time by the length of the hour: calls at a time on average; does not add up [erlangs]
--   peak_concurrency: most calls at one moment; does not add up [calls]
select
    account_id,
    local_date,
    local_hour,
    hour_start_at,
    cast((length_ms + 500 - mod(length_ms + 500, 1000)) / 1000 as bigint) as length_s,
    calls,
    inbound,
    outbound,
    internal,
    answered,
    inbound_answered,
    inbound_missed,
    cast((occupied_ms + 500 - mod(occupied_ms + 500, 1000)) / 1000 as bigint) as occupied_s,
    cast(cast((20000 * occupied_ms + length_ms - mod(20000 * occupied_ms + length_ms, (2 * length_ms))) / (2 * length_ms) as bigint) * 0.0001 as decimal(18, 4)) as erlangs,
    peak_concurrency
from intermediate.busy_hours;
