-- marts.crm_contacts
-- A local day of one number outside: how often it was in touch with the company, to what end, and with whom last.
--
-- grain: one account, local day and number outside
-- key: account_id, local_date, contact_digits
-- unit: day -1 +1
-- reads: intermediate.contact_interactions
-- caveats: sums of marts.crm_interactions. Masked and withheld numbers cannot be told from each other and are not here. A number is
--   a contact of its own; for all numbers of one, group by contact_id. A day's row says nothing of other days, so that it does not change
--   with them: counts and talk_s add up over days; first_at is the least, and of last_at and what comes with it the row with the greatest
--   last_at counts, as in: select account_id, contact_digits, sum(interactions) as interactions, sum(talk_s) as talk_s,
--   min(first_at) as first_at, max(last_at) as last_at, arg_max(last_outcome, last_at) as last_outcome,
--   arg_max(last_extension_id, last_at) as last_extension_id from marts.crm_contacts group by account_id, contact_digits
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the conversations started, in the time zone of the mart
--   contact_digits: digits of the number, or the token that privacy put in its place
--   contact_e164: the number as + and digits, null where no call was sent with its country code
--   contact_name: name that the network supplied with the last one that has a name
--   match_count: contacts that the number belongs to on that day; does not add up [contacts]
--   contact_id: the contact, null unless it is exactly one
--   interactions: all of them [interactions]
--   inbound: of these, from the contact to the company [interactions]
--   outbound: of these, from the company to the contact [interactions]
--   inbound_answered: inbound ones that somebody answered [interactions]
--   inbound_missed: inbound ones that were missed, abandoned or ended in a voicemail box [interactions]
--   outbound_answered: outbound ones that the contact answered [interactions]
--   voicemails: those that left a voicemail message [interactions]
--   recordings: those with a recording [interactions]
--   talk_s: time in which somebody talked, an estimate [s]
--   first_at: when the first one started [UTC]
--   last_at: when the last one started [UTC]
--   last_interaction_id: the last one, as in marts.crm_interactions
--   last_direction: its direction
--   last_outcome: its outcome
--   last_extension_id: who had it
with placed as (
    select
        account_id,
        local_date,
        contact_digits,
        contact_e164,
        contact_name,
        match_count,
        contact_id,
        interaction_id,
        occurred_at,
        lower(direction) = 'inbound' as is_inbound,
        lower(direction) = 'outbound' as is_outbound,
        direction,
        outcome,
        voicemail_id,
        recording_id,
        talk_s,
        extension_id,
        row_number() over (
            partition by account_id, local_date, contact_digits
            order by occurred_ms desc, interaction_id desc
        ) as latest,
        row_number() over (
            partition by account_id, local_date, contact_digits
            order by case when contact_name is null then 1 else 0 end, occurred_ms desc, interaction_id desc
        ) as latest_named
    from intermediate.contact_interactions
    where contact_digits is not null
)
select
    account_id,
    local_date,
    contact_digits,
    max(contact_e164) as contact_e164,
    max(case when latest_named = 1 then contact_name end) as contact_name,
    max(match_count) as match_count,
    max(contact_id) as contact_id,
    count(*) as interactions,
    count(case when is_inbound then 1 end) as inbound,
    count(case when is_outbound then 1 end) as outbound,
    count(case when is_inbound and outcome = 'answered' then 1 end) as inbound_answered,
    count(case when is_inbound and outcome in ('missed', 'abandoned', 'voicemail') then 1 end) as inbound_missed,
    count(case when is_outbound and outcome = 'answered' then 1 end) as outbound_answered,
    count(voicemail_id) as voicemails,
    count(recording_id) as recordings,
    cast(sum(talk_s) as bigint) as talk_s,
    min(occurred_at) as first_at,
    max(occurred_at) as last_at,
    max(case when latest = 1 then interaction_id end) as last_interaction_id,
    max(case when latest = 1 then direction end) as last_direction,
    max(case when latest = 1 then outcome end) as last_outcome,
    max(case when latest = 1 then extension_id end) as last_extension_id
from placed
group by account_id, local_date, contact_digits;
