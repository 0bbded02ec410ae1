-- staging.ledger
-- What the lake's ledger says of each UTC day of the call log, gaps between the first and the last day included.
--
-- grain: one account and UTC day
-- key: account_id, utc_date
-- unit: day
-- reads: main.ledger
-- caveats: near and past the horizon are as of the day of the account's last reading, not of today: so rows change only if something was
--   read. Marts leave read_at out: a reading that changed nothing must not change them. Days before the first and after the last one of
--   the ledger are not here.
-- columns:
--   account_id: RingCentral account
--   utc_date: day of the calls [UTC]
--   calls: calls that the lake holds of the day, deleted ones included [calls]
--   read_at: when the last reading of the day that came to its end began; null where there was none [UTC]
--   how: what brought the calls: list, feed, imported or replayed; null in a gap
--   doubt: unknown or partial, where RingCentral was asked and may have forgotten
--   is_closed: whether a reading of the day came to its end, its answer doubtful or not
--   is_held: whether such an answer is believed
--   is_settled: whether the day was read late enough for late edits to be in it
--   retained_until: day from which RingCentral may have forgotten the calls; null where it never forgets [UTC]
--   is_near_horizon: whether that day was at most 14 days away, and not reached, when the account was last read
--   is_past_horizon: whether it was reached
select
    account_id,
    utc_date,
    calls,
    read_at,
    how,
    doubt,
    is_closed,
    is_held,
    is_settled,
    retained_until,
    is_near_horizon,
    is_past_horizon
from main.ledger;
