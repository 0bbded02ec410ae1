-- audits.crm_adds_up
-- Every conversation with a number outside is an interaction, no interaction is there twice, and days of contacts add up to them.
--
-- grain: one account whose sums differ
-- reads: marts.crm_contacts, marts.crm_interactions, marts.sessions
-- caveats: over all days that are built together. Holds by construction, whatever the data; it fails only if a model is changed wrongly.
-- remedy: report it; a model of interactions is wrong, not the data
-- columns:
--   account_id: RingCentral account
--   sessions: voice conversations with a number outside that have no interaction [conversations]
--   repeated: interactions that share their id with another [interactions]
--   interactions: interactions of known numbers less those of marts.crm_contacts [interactions]
--   talk_s: likewise of the talk [s]
with copies as (
    select account_id, interaction_id, count(*) as copies
    from marts.crm_interactions
    group by account_id, interaction_id
),
counted as (
    select sessions.account_id, 1 as without_interaction, 0 as repeated, 0 as interactions, 0 as talk_s
    from marts.sessions as sessions
    left join marts.crm_interactions as interactions
        on interactions.account_id = sessions.account_id and interactions.source_key = sessions.session_key
    where interactions.source_key is null and sessions.external_phone_number is not null and lower(sessions.call_type) <> 'fax'

    union all

    select account_id, 0, copies - 1, 0, 0
    from copies

    union all

    select account_id, 0, 0, 1, talk_s
    from marts.crm_interactions
    where contact_digits is not null

    union all

    select account_id, 0, 0, -interactions, -talk_s
    from marts.crm_contacts
)
select
    account_id,
    sum(without_interaction) as sessions,
    sum(repeated) as repeated,
    sum(interactions) as interactions,
    sum(talk_s) as talk_s
from counted
group by account_id
having sum(without_interaction) <> 0 or sum(repeated) <> 0 or sum(interactions) <> 0 or sum(talk_s) <> 0;
