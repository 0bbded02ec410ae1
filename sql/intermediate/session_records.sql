-- intermediate.session_records
-- Call records with the conversation that they belong to, their place in it, and who the other side was.
--
-- grain: one call
-- key: account_id, call_id
-- unit: day -1 +1
-- reads: intermediate.call_answers, intermediate.session_calls, staging.calls
-- caveats: what belongs together is inferred, see intermediate.session_calls, and so are rings, answers and queues, see
--   intermediate.call_answers. Who withholds the number cannot be told from another who does.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the call started, in the time zone of the mart
--   session_key: id of the first call record of the conversation
--   is_cut: whether the conversation goes on in another one, because it is too long
--   call_id: RingCentral's id of the call record
--   start_date: day on which the call started [UTC]
--   telephony_session_id: id of the telephony session
--   direction: Inbound or Outbound, as sent
--   call_type: Voice or Fax, as sent
--   is_internal: whether both parties have an extension
--   is_fax: whether the call is a fax
--   outcome: as in staging.calls
--   start_at: when the call started [UTC]
--   start_ms: the same as milliseconds since 1970 [ms]
--   end_at: when it ended, null while in progress [UTC]
--   end_ms: the same as milliseconds since 1970 [ms]
--   leg_count: legs held for the call [legs]
--   extension_id: extension on whose behalf the call is logged
--   external_phone_number: number of the party outside, verbatim, null for internal calls
--   external_digits: its digits alone, for joins, or the token that privacy put in its place; null if masked or withheld
--   external_e164: the number as + and digits, null where it was not sent with its country code
--   external_name: name of the party outside
--   is_number_masked: whether external_phone_number has digits blotted out
--   company_phone_number: the company's own number of the call, verbatim
--   has_voicemail: whether a voicemail message is attached
--   has_recording: whether a recording is attached
--   recording_id: id of the recording
--   voicemail_id: id of the voicemail message
--   cost_included: cost within the plan, as sent [account currency]
--   cost_purchased: cost beyond the plan, as sent [account currency]
--   depth: 0 for a RingOut, 1 for a call with a party outside, 2 for an internal one: the least are the outermost records
--   outcome_place: place of the outcome among those that decide for a conversation, from 1
--   queue_extension_id: the queue that the call waited in, null without one
--   answering_extension_id: who took it first; null where nobody of the account did
--   wait_ms: from the first ring to the answer, or to the end where it was missed or abandoned; null where not known [ms]
--   is_blind_transfer: whether it was handed on without asking
--   is_warm_transfer: whether it was handed on after a call of its own
--   handling_extension_id: who answered, else who called, else whose call it is; null where no extension is named
--   party_key: who the party outside is: number: and digits (or a token of privacy), masked: and the number as it was sent, withheld, or internal where there is none
with records as (
    select
        members.account_id,
        members.local_date,
        members.session_key,
        members.is_cut,
        calls.call_id,
        calls.start_date,
        calls.telephony_session_id,
        calls.direction,
        calls.call_type,
        calls.is_internal,
        calls.is_fax,
        calls.outcome,
        calls.start_at,
        calls.start_ms,
        calls.end_at,
        calls.end_ms,
        calls.leg_count,
        calls.extension_id,
        calls.delegate_id,
        calls.from_extension_id,
        calls.external_phone_number,
        calls.external_digits,
        calls.external_e164,
        calls.external_name,
        calls.is_number_masked,
        calls.company_phone_number,
        calls.has_voicemail,
        calls.has_recording,
        calls.recording_id,
        case when calls.has_voicemail then calls.message_id end as voicemail_id,
        calls.cost_included,
        calls.cost_purchased,
        case
            when lower(calls.direction) = 'outbound' and lower(calls.action) in ('ringout web', 'ringout mobile', 'ringout pc') then 0
            when not calls.is_internal then 1
            else 2
        end as depth,
        case calls.outcome
            when 'in_progress' then 1
            when 'answered' then 2
            when 'voicemail' then 3
            when 'missed' then 4
            when 'abandoned' then 5
            when 'busy' then 6
            when 'blocked' then 7
            when 'failed' then 8
            when 'fax_ok' then 9
            when 'fax_failed' then 10
            else 11
        end as outcome_place,
        answers.queue_extension_id,
        answers.answering_extension_id,
        answers.wait_ms,
        answers.is_blind_transfer,
        answers.is_warm_transfer
    from intermediate.session_calls as members
    inner join staging.calls as calls
        on calls.account_id = members.account_id and calls.call_id = members.call_id
    inner join intermediate.call_answers as answers
        on answers.account_id = members.account_id and answers.call_id = members.call_id
)
select
    account_id,
    local_date,
    session_key,
    is_cut,
    call_id,
    start_date,
    telephony_session_id,
    direction,
    call_type,
    is_internal,
    is_fax,
    outcome,
    start_at,
    start_ms,
    end_at,
    end_ms,
    leg_count,
    extension_id,
    external_phone_number,
    external_digits,
    external_e164,
    external_name,
    is_number_masked,
    company_phone_number,
    has_voicemail,
    has_recording,
    recording_id,
    voicemail_id,
    cost_included,
    cost_purchased,
    depth,
    outcome_place,
    queue_extension_id,
    answering_extension_id,
    wait_ms,
    is_blind_transfer,
    is_warm_transfer,
    coalesce(
        answering_extension_id,
        case when lower(direction) = 'outbound' then coalesce(delegate_id, from_extension_id) end,
        extension_id
    ) as handling_extension_id,
    case
        when is_internal then 'internal'
        when external_digits is not null then 'number:' || external_digits
        when is_number_masked then 'masked:' || external_phone_number
        else 'withheld'
    end as party_key
from records;
