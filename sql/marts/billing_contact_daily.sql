-- marts.billing_contact_daily
-- What a contact is charged for the conversations of a local day.
--
-- grain: one account, local day, contact, matter and currency
-- key: account_id, local_date, contact_id, matter, currency
-- unit: day -1 +1
-- reads: intermediate.rated_items
-- caveats: sums of marts.billing_items of known contacts, and of calls between extensions where these are charged, under an empty
--   contact_id; what has no known contact is there only. amount is the sum of rounded items, which is what they come to; amount_of_sum is
--   the rounded sum of unrounded ones, and differs by up to half of the least amount of the currency for each item. A conversation belongs
--   to the day, and to the hour, in which it started.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the conversations started, in the time zone of the mart
--   contact_id: the contact; empty for calls between extensions
--   matter: what the items are booked on; empty where nothing was said
--   currency: code of ISO 4217; empty without a rate card
--   items: all items [items]
--   billable_items: of these, items that cost something [items]
--   provisional_items: of all, items of conversations that were not over when last read [items]
--   raw_s: time of talk, of all items [s]
--   billable_raw_s: time of talk, of the billable ones [s]
--   rated_s: time that is charged [s]
--   amount: sum of the items' amounts; adds up within a currency [currency]
--   amount_of_sum: rate times time of all items, summed up and then rounded half up once; does not add up [currency]
with summed as (
    select
        account_id,
        local_date,
        coalesce(contact_id, '') as contact_id,
        matter,
        currency,
        count(*) as items,
        count(case when is_billable then 1 end) as billable_items,
        count(case when not is_final then 1 end) as provisional_items,
        cast(sum(raw_s) as bigint) as raw_s,
        cast(coalesce(sum(case when is_billable then raw_s end), 0) as bigint) as billable_raw_s,
        cast(sum(rated_s) as bigint) as rated_s,
        cast(sum(amount) as decimal(18, 4)) as amount,
        cast(sum(rated_e4) as bigint) as rated_e4,
        max(step_e4) as step_e4
    from intermediate.rated_items
    where contact_id is not null or is_billable
    group by account_id, local_date, contact_id, matter, currency
)
select
    account_id,
    local_date,
    contact_id,
    matter,
    currency,
    items,
    billable_items,
    provisional_items,
    raw_s,
    billable_raw_s,
    rated_s,
    amount,
    cast(
        cast((2 * rated_e4 + 60 * step_e4 - mod(2 * rated_e4 + 60 * step_e4, (120 * step_e4))) / (120 * step_e4) as bigint)
        * step_e4 * 0.0001 as decimal(18, 4)
    ) as amount_of_sum
from summed;
