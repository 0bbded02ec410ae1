-- marts.reconciliation_daily
-- A local day of one contact: calls, faxes, SMS and other messages, to be held against what a CRM, a carrier or an invoice says.
--
-- grain: one account, local day, contact, kind, direction, status and place where it was seen
-- key: account_id, local_date, contact, kind, direction, status, seen_in
-- unit: day -1 +1
-- reads: intermediate.interactions
-- caveats: a message to several counts once for each of them. A fax that the call log and the message store both have is one, on the day
--   of the message, see intermediate.interactions. A call that ended in a voicemail box and the voicemail are two: to count contacts,
--   leave one of them out. Numbers are told apart by their digits as sent, so that one without its country code is another. Things
--   between colleagues are under the contact internal; of their messages each end's store has one. Messages that were deleted in
--   RingCentral count, calls that were deleted do not.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which things began or were made, in the time zone of the mart
--   contact: digits of the number outside, or the token that privacy put in its place; masked where RingCentral blots digits out, internal between colleagues, withheld where there is none
--   kind: call, fax, sms, mms, voicemail, pager or unknown
--   direction: inbound, outbound or unknown
--   status: what became of them: of calls the outcome as in staging.calls, of all else received, queued, sent, delivered, failed or unknown
--   seen_in: call_log, message_store or both
--   interactions: how many [interactions]
--   duration_s: length of calls and voicemails together [s]
select
    account_id,
    local_date,
    contact,
    kind,
    direction,
    status,
    seen_in,
    count(*) as interactions,
    cast(sum(duration_s) as bigint) as duration_s
from intermediate.interactions
group by account_id, local_date, contact, kind, direction, status, seen_in;
