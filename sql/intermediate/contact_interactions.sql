-- intermediate.contact_interactions
-- What passed between the company and a party outside, once: what customer relationship systems call an interaction.
--
-- grain: one conversation and one party outside
-- key: account_id, interaction_id
-- unit: day -1 +1
-- reads: intermediate.party_contacts, intermediate.sides
-- caveats: see marts.crm_interactions. Voice calls only: what comes from messages is to be added as another select with a kind of its
--   own, see the end.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the conversation started, in the time zone of the mart
--   interaction_id: md5 of account, conversation and party, in hexadecimal
--   kind: call
--   source_key: what it was made from: of a call the conversation, as in marts.sessions
--   occurred_at: when the first record with the party started [UTC]
--   occurred_ms: the same as milliseconds since 1970 [ms]
--   direction: Inbound or Outbound, as sent for the outermost record; Unknown where missing
--   outcome: as in marts.sessions, of the records with the party
--   duration_s: from occurred_at to the end of the last record with the party, null while in progress [s]
--   talk_s: time in which somebody talked, an estimate [s]
--   extension_id: who answered, else who called, else whose call it is; null where no extension is named
--   queue_extension_id: the first queue, null without one
--   company_phone_number: the company's own number, verbatim
--   contact_phone_number: number of the party outside, verbatim; null if withheld
--   contact_digits: its digits alone, for joins, or the token that privacy put in its place; null if masked or withheld
--   contact_e164: the number as + and digits, null where it was not sent with its country code
--   contact_name: name of the party outside, whatever the network supplied
--   is_masked: whether the number has digits blotted out
--   recording_id: id of the first recording
--   voicemail_id: id of the first voicemail message
--   match_count: contacts that the number belongs to [contacts]
--   contact_id: the contact, null unless it is exactly one
--   is_cut: whether the conversation goes on in another one, because it is too long
with calls as (
    select
        parties.account_id,
        parties.local_date,
        md5(parties.account_id || '|' || parties.session_key || '|' || parties.party_key) as interaction_id,
        'call' as kind,
        parties.session_key as source_key,
        sides.start_at as occurred_at,
        sides.start_ms as occurred_ms,
        sides.direction,
        sides.outcome,
        sides.duration_s,
        sides.talk_s,
        sides.handling_extension_id as extension_id,
        sides.queue_extension_id,
        sides.company_phone_number,
        sides.external_phone_number as contact_phone_number,
        sides.external_digits as contact_digits,
        sides.external_e164 as contact_e164,
        sides.external_name as contact_name,
        sides.is_masked,
        sides.recording_id,
        sides.voicemail_id,
        parties.match_count,
        parties.contact_id,
        sides.is_cut
    from intermediate.party_contacts as parties
    inner join intermediate.sides as sides
        on sides.account_id = parties.account_id and sides.session_key = parties.session_key and sides.side_key = parties.party_key
    where parties.party_key <> 'internal'
)
-- Messages would follow here: union all, a select of the same columns from a model of theirs, with kind sms, mms or fax and an
-- interaction_id of account, message and party.
select
    account_id,
    local_date,
    interaction_id,
    kind,
    source_key,
    occurred_at,
    occurred_ms,
    direction,
    outcome,
    duration_s,
    talk_s,
    extension_id,
    queue_extension_id,
    company_phone_number,
    contact_phone_number,
    contact_digits,
    contact_e164,
    contact_name,
    is_masked,
    recording_id,
    voicemail_id,
    match_count,
    contact_id,
    is_cut
from calls;
