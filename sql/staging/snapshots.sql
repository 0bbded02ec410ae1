-- staging.snapshots
-- Of which tables it is known how things were on a local date, since a snapshot is in force on it.
--
-- grain: one account, local date and table of snapshots
-- key: account_id, local_date, table_name
-- unit: day
-- reads: main.snapshots_in_force
-- caveats: a table that is not here is one of which nothing is known; one that is here without rows of that date was empty.
--   In force are the last snapshot before the date and those of the UTC days that it overlaps; where there is none, the first one
--   after it.
-- columns:
--   account_id: RingCentral account
--   local_date: local date, in the time zone of the marts
--   table_name: account, extensions, call_queues or phone_numbers
select distinct
    account_id,
    local_date,
    table_name
from main.snapshots_in_force;
