-- staging.settled_days
-- Days whose calls are not expected to change any more.
--
-- grain: one account and UTC day that was read after its lookback
-- key: account_id, start_date
-- unit: day
-- reads: settings.settled_days
-- caveats: what the ledger says at the moment of a query; no mart reads it, since a reading that brings nothing new must change none.
--   Imported days are not settled, since RingCentral was not asked for them.
-- columns:
--   account_id: RingCentral account
--   start_date: the day, as in staging.calls [UTC]
select account_id, start_date
from settings.settled_days;
