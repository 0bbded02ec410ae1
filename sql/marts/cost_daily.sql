-- marts.cost_daily
-- What the calls of a local day cost, in RingCentral's own figures and by its own billing class.
--
-- grain: one account, local day, type, billing class and direction of call
-- key: account_id, local_date, call_type, internal_type, direction
-- unit: day
-- reads: staging.calls
-- caveats: sums of what was sent for the records, not for their legs, and not calibrated: RingCentral's text calls the figures "cost
--   per minute", published records look like totals. Compare a month with an invoice before relying on them.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the calls started, in the time zone of the mart
--   call_type: Voice or Fax, as sent; Unknown where missing
--   internal_type: RingCentral's billing class (Local, TollFreeNumber, ...), as sent; Unknown where missing
--   direction: Inbound or Outbound, as sent; Unknown where missing
--   calls: all calls [calls]
--   calls_without_cost: of these, calls without a cost of either kind [calls]
--   duration_s: length of all calls, with ringing and menus [s]
--   cost_included: cost within the plan; null where no call has one [account currency]
--   cost_purchased: cost beyond the plan; null where no call has one [account currency]
with calls as (
    select
        account_id,
        local_date,
        coalesce(call_type, 'Unknown') as call_type,
        coalesce(internal_type, 'Unknown') as internal_type,
        coalesce(direction, 'Unknown') as direction,
        duration_s,
        cost_included,
        cost_purchased
    from staging.calls
)
select
    account_id,
    local_date,
    call_type,
    internal_type,
    direction,
    count(*) as calls,
    count(case when cost_included is null and cost_purchased is null then 1 end) as calls_without_cost,
    cast(coalesce(sum(duration_s), 0) as bigint) as duration_s,
    cast(sum(cost_included) as decimal(18, 4)) as cost_included,
    cast(sum(cost_purchased) as decimal(18, 4)) as cost_purchased
from calls
group by account_id, local_date, call_type, internal_type, direction;
