-- intermediate.party_contacts
-- Whose number each party outside of a conversation is.
--
-- grain: one voice conversation and one party outside; of a conversation without any, one row for all of it
-- key: account_id, session_key, party_key
-- unit: day -1 +1
-- reads: intermediate.session_records, staging.contact_map
-- caveats: numbers are compared by all of their digits, as they are in the contact map on the day of the conversation: a number that
--   was sent without its country code is nobody's. Faxes are no conversations here.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the conversation started, in the time zone of the mart
--   session_key: id of the first call record
--   party_key: who the party outside is, as in intermediate.session_records
--   match_count: contacts that the number belongs to [contacts]
--   contact_id: the contact, null unless it is exactly one
--   matter: what its calls are booked on; empty where nothing was said, or no contact is known
--   contact_key: contact: and contact_id; party_key where no contact is known
with voices as (
    select
        account_id,
        session_key,
        party_key,
        external_digits,
        max(case when is_internal then 0 else 1 end) over (partition by account_id, session_key) as outside
    from intermediate.session_records
    where not is_fax
),
parties as (
    select distinct
        voices.account_id,
        first_call.local_date,
        voices.session_key,
        voices.party_key,
        voices.external_digits
    from voices
    inner join intermediate.session_records as first_call
        on first_call.account_id = voices.account_id and first_call.call_id = voices.session_key
    where voices.party_key <> 'internal' or voices.outside = 0
),
matched as (
    select
        parties.account_id,
        parties.local_date,
        parties.session_key,
        parties.party_key,
        count(distinct contacts.contact_id) as match_count,
        max(contacts.contact_id) as contact_id,
        max(contacts.matter) as matter
    from parties
    left join staging.contact_map as contacts
        on contacts.phone_digits = parties.external_digits
        and contacts.valid_from <= parties.local_date
        and contacts.valid_to >= parties.local_date
    group by parties.account_id, parties.local_date, parties.session_key, parties.party_key
)
select
    account_id,
    local_date,
    session_key,
    party_key,
    match_count,
    case when match_count = 1 then contact_id end as contact_id,
    case when match_count = 1 then matter else '' end as matter,
    case when match_count = 1 then 'contact:' || contact_id else party_key end as contact_key
from matched;
