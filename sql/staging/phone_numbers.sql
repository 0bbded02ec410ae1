-- staging.phone_numbers
-- Phone numbers of the company as they were last seen, one row each.
--
-- grain: one number that a snapshot has shown
-- key: account_id, phone_number_id
-- unit: all
-- reads: main.phone_numbers
-- caveats: a number that the company gave back stays, with its last owner.
-- columns:
--   account_id: RingCentral account, from the path
--   phone_number_id: RingCentral's id of the number
--   phone_number: the number, verbatim
--   digits: its digits alone, for joins, or the token that privacy put in its place
--   label: what the company calls it
--   usage_type: what it serves (MainCompanyNumber, DirectNumber, ...), as sent
--   number_type: VoiceFax, FaxOnly, VoiceOnly, as sent
--   payment_type: Local, TollFree and others, as sent
--   status: Normal and others, as sent
--   extension_id: extension that it belongs to, null for the company's
--   extension_name: name of that extension
--   first_seen_date: first day with a snapshot that has it [UTC]
--   last_seen_date: last day with a snapshot that has it [UTC]
--   is_listed: whether the account's last snapshot has it
with numbered as (
    select
        *,
        min(start_date) over (partition by account_id, id) as first_seen,
        max(start_date) over (partition by account_id, id) as last_seen,
        max(start_date) over (partition by account_id) as last_snapshot
    from main.phone_numbers
)
select
    account_id,
    id as phone_number_id,
    phone_number,
    case
        when regexp_matches(phone_number, '^(hmac|erased):') then phone_number
        else nullif(regexp_replace(phone_number, '[^0-9]', '', 'g'), '')
    end as digits,
    label,
    usage_type,
    type as number_type,
    payment_type,
    status,
    extension_id,
    extension_name,
    first_seen as first_seen_date,
    last_seen as last_seen_date,
    last_seen = last_snapshot as is_listed
from numbered
where start_date = last_seen;
