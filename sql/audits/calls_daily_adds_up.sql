-- audits.calls_daily_adds_up
-- Every call is in marts.calls_daily once, under exactly one outcome.
--
-- grain: one account and local day whose sums differ
-- reads: marts.calls_daily, staging.calls
-- caveats: holds by construction, whatever the data; it fails only if a model is changed wrongly.
-- remedy: report it; the model calls_daily is wrong, not the data
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the calls started
--   staged: calls in staging.calls [calls]
--   calls: calls in marts.calls_daily [calls]
--   outcomes: sum of the outcomes in marts.calls_daily [calls]
with staged as (
    select account_id, local_date, count(*) as staged
    from staging.calls
    group by account_id, local_date
),
marted as (
    select
        account_id,
        local_date,
        sum(calls) as calls,
        sum(
            answered + missed + voicemail + abandoned + busy + blocked + failed + fax_ok + fax_failed + in_progress + unknown
        ) as outcomes
    from marts.calls_daily
    group by account_id, local_date
)
select
    coalesce(staged.account_id, marted.account_id) as account_id,
    coalesce(staged.local_date, marted.local_date) as local_date,
    coalesce(staged.staged, 0) as staged,
    coalesce(marted.calls, 0) as calls,
    coalesce(marted.outcomes, 0) as outcomes
from staged
full outer join marted
    on marted.account_id = staged.account_id and marted.local_date = staged.local_date
where coalesce(staged.staged, 0) <> coalesce(marted.calls, 0)
    or coalesce(marted.calls, 0) <> coalesce(marted.outcomes, 0);
