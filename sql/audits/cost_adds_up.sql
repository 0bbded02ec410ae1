-- audits.cost_adds_up
-- marts.cost_daily has the calls and costs of marts.calls_daily.
--
-- grain: one account and local day whose sums differ
-- reads: marts.calls_daily, marts.cost_daily
-- caveats: holds by construction, whatever the data; it fails only if a model is changed wrongly.
-- remedy: report it; a model of costs is wrong, not the data
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the calls started
--   calls: calls in marts.calls_daily less calls in marts.cost_daily [calls]
--   cost_included: likewise of the cost within the plan [account currency]
--   cost_purchased: likewise of the cost beyond the plan [account currency]
with counted as (
    select account_id, local_date, calls, coalesce(cost_included, 0) as cost_included, coalesce(cost_purchased, 0) as cost_purchased
    from marts.calls_daily

    union all

    select
        account_id,
        local_date,
        -calls as calls,
        -coalesce(cost_included, 0) as cost_included,
        -coalesce(cost_purchased, 0) as cost_purchased
    from marts.cost_daily
)
select
    account_id,
    local_date,
    sum(calls) as calls,
    sum(cost_included) as cost_included,
    sum(cost_purchased) as cost_purchased
from counted
group by account_id, local_date
having sum(calls) <> 0 or sum(cost_included) <> 0 or sum(cost_purchased) <> 0;
