-- audits.billing_rated
-- What is charged is charged for at least the time that it took, what is not costs nothing, and no call of a contact is in two items.
--
-- grain: one item that breaks it
-- reads: marts.billing_items
-- caveats: holds by construction, whatever the data; it fails only if a model is changed wrongly.
-- remedy: report it; a model of billing is wrong, not the data
-- columns:
--   account_id: RingCentral account
--   item_id: the item
--   session_key: its conversation
--   raw_s: time of talk [s]
--   rated_s: time that is charged [s]
--   amount: what it costs [currency]
--   copies: items of the same conversation and contact, or of the same id, on any day [items]
with counted as (
    select
        account_id,
        item_id,
        session_key,
        is_billable,
        raw_s,
        rated_s,
        amount,
        count(*) over (partition by account_id, item_id) as same_id,
        case when contact_id is null then 1 else count(*) over (partition by account_id, session_key, contact_id) end as same_contact
    from marts.billing_items
)
select account_id, item_id, session_key, raw_s, rated_s, amount, greatest(same_id, same_contact) as copies
from counted
where greatest(same_id, same_contact) > 1
    or raw_s < 0
    or amount < 0
    or is_billable and rated_s < raw_s
    or not is_billable and (rated_s <> 0 or amount <> 0);
