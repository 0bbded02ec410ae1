-- marts.sessions
-- Conversations of a local day: the call records that belong together, as one row.
--
-- grain: one conversation
-- key: account_id, local_date, start_at, session_key
-- unit: day -1 +1
-- reads: intermediate.business_calls, intermediate.sessions
-- caveats: which records belong together, rings, answers, queues and talk are inferred, see intermediate.sessions,
--   intermediate.session_calls and intermediate.call_answers. RingCentral's own reports count from another source and will differ.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the first record started, in the time zone of the mart
--   session_key: id of the first call record
--   telephony_session_id: id of the telephony session of the first record
--   call_count: call records [calls]
--   direction: Inbound or Outbound, as sent for the outermost record; Unknown where missing
--   call_type: Voice or Fax, as sent for the outermost record; Unknown where missing
--   is_internal: whether no record has a party outside
--   outcome: as in staging.calls; the first of in_progress, answered, voicemail, missed, abandoned, busy, blocked, failed, fax_ok, fax_failed, unknown that an outermost record has
--   start_at: when the first record started [UTC]
--   start_ms: start_at as milliseconds since 1970; does not add up [ms]
--   end_at: when the last record ended, null while in progress [UTC]
--   duration_s: from start_at to end_at [s]
--   path: ids of the extensions that held the call, in order, with > between them: owners of records, and who answered or took a message
--   queue_extension_id: the first queue, null without one
--   answering_extension_id: who took the outermost call first; null where nobody of the account did
--   wait_s: from the first ring to the answer, or to the end where it was missed or abandoned; null where not known [s]
--   talk_s: time in which somebody talked, an estimate [s]
--   external_phone_number: number of the party outside, verbatim, null for internal calls
--   external_digits: its digits alone, for joins, or the token that privacy put in its place; null if masked or withheld
--   external_name: name of the party outside
--   is_masked: whether external_phone_number has digits blotted out
--   company_phone_number: the company's own number of the call, verbatim
--   is_transferred: whether the call was handed on
--   transfer_kind: warm (after a call of its own), else blind, null where not transferred
--   has_voicemail: whether a voicemail box was reached
--   has_recording: whether a recording was attached when last read
--   cost_included: sum of the cost within the plan, as sent; null where no record has one [account currency]
--   cost_purchased: sum of the cost beyond the plan, as sent; null where no record has one [account currency]
--   is_cut: whether it goes on in another row, because it is too long
--   is_business_day: whether start_at lies in a day with business hours that is no holiday; null where no business hours are configured
--   is_after_hours: whether start_at lies outside business hours; null where none are configured
select
    sessions.account_id,
    sessions.local_date,
    sessions.session_key,
    sessions.telephony_session_id,
    sessions.call_count,
    sessions.direction,
    sessions.call_type,
    sessions.is_internal,
    sessions.outcome,
    sessions.start_at,
    sessions.start_ms,
    sessions.end_at,
    sessions.duration_s,
    sessions.path,
    sessions.queue_extension_id,
    sessions.answering_extension_id,
    sessions.wait_s,
    sessions.talk_s,
    sessions.external_phone_number,
    sessions.external_digits,
    sessions.external_name,
    sessions.is_masked,
    sessions.company_phone_number,
    sessions.is_transferred,
    sessions.transfer_kind,
    sessions.has_voicemail,
    sessions.has_recording,
    sessions.cost_included,
    sessions.cost_purchased,
    sessions.is_cut,
    business.is_business_day,
    business.is_after_hours
from intermediate.sessions as sessions
inner join intermediate.business_calls as business
    on business.account_id = sessions.account_id and business.call_id = sessions.session_key;
