-- audits.billing_adds_up
-- The days and hours of contacts have the items, seconds and amounts of marts.billing_items, and every voice conversation has an item.
--
-- grain: one account and local day whose sums differ
-- reads: marts.billing_contact_daily, marts.billing_contact_hourly, marts.billing_items, marts.sessions
-- caveats: holds by construction, whatever the data; it fails only if a model is changed wrongly.
-- remedy: report it; a model of billing is wrong, not the data
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the conversations started
--   sessions: voice conversations without an item [conversations]
--   daily_items: items in marts.billing_items less items in marts.billing_contact_daily [items]
--   daily_rated_s: likewise of the seconds that are charged [s]
--   daily_amount: likewise of the amounts, of all currencies together [mixed currencies]
--   hourly_items: items in marts.billing_items less items in marts.billing_contact_hourly [items]
--   hourly_rated_s: likewise of the seconds that are charged [s]
--   hourly_amount: likewise of the amounts [mixed currencies]
with parts as (
    select account_id, local_date, 1 as daily, 1 as hourly, rated_s, amount, 0 as without_item
    from marts.billing_items
    where contact_id is not null or is_billable
),
counted as (
    select account_id, local_date, daily, hourly, rated_s as daily_s, rated_s as hourly_s, amount as daily_amount, amount as hourly_amount, without_item
    from parts

    union all

    select account_id, local_date, -items, 0, -rated_s, 0, -amount, 0, 0
    from marts.billing_contact_daily

    union all

    select account_id, local_date, 0, -items, 0, -rated_s, 0, -amount, 0
    from marts.billing_contact_hourly

    union all

    select sessions.account_id, sessions.local_date, 0, 0, 0, 0, 0, 0, 1
    from marts.sessions as sessions
    left join marts.billing_items as items
        on items.account_id = sessions.account_id and items.session_key = sessions.session_key
    where items.item_id is null and lower(sessions.call_type) <> 'fax'
)
select
    account_id,
    local_date,
    sum(without_item) as sessions,
    sum(daily) as daily_items,
    sum(daily_s) as daily_rated_s,
    sum(daily_amount) as daily_amount,
    sum(hourly) as hourly_items,
    sum(hourly_s) as hourly_rated_s,
    sum(hourly_amount) as hourly_amount
from counted
group by account_id, local_date
having sum(without_item) <> 0
    or sum(daily) <> 0 or sum(daily_s) <> 0 or sum(daily_amount) <> 0
    or sum(hourly) <> 0 or sum(hourly_s) <> 0 or sum(hourly_amount) <> 0;
