-- marts.billing_items
-- What the voice conversations of a local day cost the contacts that they were with, or why they cost nothing.
--
-- grain: one conversation and one contact; a number that no contact has is one by itself, and so is a conversation without a party outside
-- key: account_id, local_date, start_at, item_id
-- unit: day -1 +1
-- reads: intermediate.rated_items
-- caveats: who is charged what comes from trunkline.yaml, see staging.contact_map and staging.rate_card. raw_s is talk, an estimate, see
--   intermediate.talks: ringing, menus and queues before the answer cost nothing, hold does. A conversation belongs to the day, and to
--   the card, of its first record. What has no known contact costs nothing, whatever the default card says; calls between
--   extensions are charged by the default card where that does not make them free. Calls that nobody answered have no talk: where they are not
--   free, they cost the initial time. Seconds are rounded to increments, and the amount to the least one of the currency (half up), each
--   once. Items of a day can change until it and the day behind it are settled, which `trunkline status` shows and, in queries,
--   staging.settled_days: bill what is settled. Who is erased has no
--   known contact any more, in old items, too: keep the bills that were sent. Faxes are not here. The costs that RingCentral charges are in marts.cost_daily.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the conversation started, in the time zone of the mart
--   item_id: md5 of account, conversation and contact, in hexadecimal; the same whenever the item is built again
--   session_key: the conversation, as in marts.sessions
--   contact_id: the contact, null where none is known
--   matter: what the item is booked on; empty where nothing was said, or numbers of several matters took part
--   start_at: when the conversation started [UTC]
--   hour_start_at: when the local hour of it started [UTC]
--   direction: Inbound or Outbound, as sent for the outermost record; Unknown where missing
--   kind: answered, missed (by all for whatever reason), voicemail, internal, in_progress or unknown
--   extension_id: who answered, else who called, else whose call it is; null where no extension is named
--   external_phone_number: number of the party outside, verbatim; the first one of several
--   call_ids: ids of the call records, in order, with commas between
--   is_billable: whether it costs something
--   reason: rated, or why it costs nothing: in progress, number withheld, contact unknown, no rate card, internal is free, missed is free, voicemail is free, outcome unknown, within grace
--   raw_s: time in which somebody talked [s]
--   rated_s: time that is charged; 0 unless billable [s]
--   rounding_rule: how seconds are rounded, in words; null without a rate card
--   currency: code of ISO 4217; empty without a rate card
--   rate_per_minute: rate of the card in force; null without one; does not add up [currency a minute]
--   amount: what it costs; 0 unless billable; adds up within a currency [currency]
--   is_final: whether all of it was over when last read
--   exceptions: what somebody should look at, with commas between: number masked, number withheld, contact unknown, several contacts, several matters, no rate card, outcome unknown, goes on in another conversation, provisional; null without any
select
    account_id,
    local_date,
    item_id,
    session_key,
    contact_id,
    matter,
    start_at,
    hour_start_at,
    direction,
    kind,
    extension_id,
    external_phone_number,
    call_ids,
    is_billable,
    reason,
    raw_s,
    rated_s,
    rounding_rule,
    currency,
    rate_per_minute,
    amount,
    is_final,
    exceptions
from intermediate.rated_items;
