-- marts.crm_interactions
-- What passed between the company and parties outside on a local day, each once: for customer relationship systems.
--
-- grain: one conversation and one party outside; never one for each contact that its number belongs to
-- key: account_id, local_date, occurred_at, interaction_id
-- unit: day -1 +1
-- reads: intermediate.contact_interactions
-- caveats: which records belong together is inferred, see intermediate.session_calls. Write by interaction_id, as an upsert: it stays the
--   same when a call gets its duration, its recording or its contact later. It changes if an earlier record of the conversation turns up, and
--   what is no longer here for its day is to be deleted. It is md5(account_id || '|' || session_key || '|' || party), in DuckDB as in
--   PostgreSQL; party is number: and contact_digits, masked: and the number as it was sent, or withheld. All who withhold their number in
--   one conversation are one party. Whose number it is comes from the contact file of trunkline.yaml; names come from the network. A
--   conversation belongs to the day of its first record, which may be before occurred_at. Calls between extensions, and faxes, are not here.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the conversation started, in the time zone of the mart
--   interaction_id: md5 of account, conversation and party, in hexadecimal
--   kind: call; messages are not here yet
--   source_key: what it was made from: of a call the conversation, as in marts.sessions
--   occurred_at: when the first record with the party started [UTC]
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
--   recording_id: id of the first recording, null without one
--   voicemail_id: id of the first voicemail message, as in staging.messages; null without one
--   match_count: contacts that the number belongs to on that day; does not add up [contacts]
--   contact_id: the contact, null unless it is exactly one
--   is_cut: whether the conversation goes on in another one, because it is too long
select
    account_id,
    local_date,
    interaction_id,
    kind,
    source_key,
    occurred_at,
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
from intermediate.contact_interactions;
