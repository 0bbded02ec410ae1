-- marts.archive_coverage
-- A UTC day of the call log: whether it is safe in the lake, and until when RingCentral has it.
--
-- grain: one account and UTC day, from the first to the last one that the ledger knows
-- key: account_id, local_date
-- unit: day
-- reads: staging.ledger, staging.settings
-- settings: retention_days
-- caveats: local_date is the UTC day here, whatever the time zone of the other marts. Whether a day is at risk or lost is as of the day
--   of the account's last reading, not of today. That RingCentral has forgotten is taken from the setting: it keeps the call log of most
--   accounts for longer. Of a lost day there may be calls all the same, from saved pages or the change feed, see calls. When a
--   day was last read is in staging.ledger (read_at), not here: a reading that changed nothing must change no mart.
-- columns:
--   account_id: RingCentral account
--   local_date: day of the calls, the same as utc_date; the name is that of all marts' partitions [UTC]
--   utc_date: day of the calls [UTC]
--   status: ok (held, and settled or still far from the horizon), missing (not held, and can be read), at_risk (not held, or not settled, and RingCentral forgets it within 14 days), lost (not held, and RingCentral has forgotten it)
--   is_held: whether a reading of the day came to its end, and its answer is believed
--   is_settled: whether the day was read late enough for late edits to be in it
--   is_closed: whether a reading of the day came to its end, its answer doubtful or not
--   doubt: unknown (RingCentral gave nothing of a day that it may have forgotten) or partial (it gave little); null otherwise
--   how: what brought the calls: list, feed, imported or replayed; null in a gap
--   calls: calls that the lake holds of the day, deleted ones included [calls]
--   retention_days: how long RingCentral keeps a call, as set; 0 for ever [days]
--   retained_until: the retention deadline, utc_date and retention_days: day from which RingCentral may have forgotten the calls; null where it never forgets [UTC]
select
    days.account_id,
    days.utc_date as local_date,
    days.utc_date,
    case
        when days.is_held and (days.is_settled or not days.is_near_horizon) then 'ok'
        when days.is_near_horizon then 'at_risk'
        when days.is_past_horizon then 'lost'
        else 'missing'
    end as status,
    days.is_held,
    days.is_settled,
    days.is_closed,
    days.doubt,
    days.how,
    days.calls,
    settings.retention_days,
    days.retained_until
from staging.ledger as days
cross join staging.settings as settings;
