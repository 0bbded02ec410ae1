-- audits.call_ids_unique
-- Every call is held once, over all days.
--
-- grain: one call id that is held more than once
-- reads: main.call_log
-- caveats: deleted calls count, too: a tombstone and its call would be two versions of one record.
-- remedy: extract the days shown again; if the calls stay in both, report it
-- columns:
--   account_id: RingCentral account
--   call_id: RingCentral's id of the call record
--   copies: rows that carry it [rows]
--   first_start_date: first day that holds it
--   last_start_date: last day that holds it
select
    account_id,
    id as call_id,
    count(*) as copies,
    min(start_date) as first_start_date,
    max(start_date) as last_start_date
from main.call_log
group by account_id, id
having count(*) > 1;
