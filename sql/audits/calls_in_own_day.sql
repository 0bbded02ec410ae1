-- audits.calls_in_own_day
-- Every call lies in the partition of the UTC day on which it started.
--
-- grain: one call that lies in another day's partition, or has no start
-- reads: main.call_log
-- caveats: none
-- remedy: extract the days shown again; if a call stays where it is, report it
-- columns:
--   account_id: RingCentral account
--   start_date: day of the partition
--   call_id: RingCentral's id of the call record
--   start_at: when the call started [UTC]
select
    account_id,
    start_date,
    id as call_id,
    start_time as start_at
from main.call_log
where start_time is null or cast(timezone('UTC', start_time) as date) <> start_date;
