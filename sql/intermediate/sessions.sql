-- intermediate.sessions
-- Conversations: the call records that belong together, as one row.
--
-- grain: one conversation
-- key: account_id, session_key
-- unit: day -1 +1
-- reads: intermediate.session_records, intermediate.talks, staging.call_legs
-- caveats: which records belong together is inferred, see intermediate.session_calls, and so are ring, answer and queue, see
--   intermediate.call_answers. A conversation belongs to the local day of its first record. Its direction, outcome and numbers are
--   those of its outermost records: a RingOut, else those with a party outside, else all. Talk counts hold, and ringing where
--   only a leg of type Accept or an outgoing leg says that there was talk; time in which several legs talk counts once.
--   session_key changes if an earlier record turns up.
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
--   start_ms: the same as milliseconds since 1970 [ms]
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
with ranked as (
    select
        account_id,
        session_key,
        call_id,
        direction,
        call_type,
        external_phone_number,
        external_digits,
        external_name,
        is_number_masked,
        company_phone_number,
        outcome,
        answering_extension_id,
        wait_ms,
        row_number() over (partition by account_id, session_key order by depth, start_ms, call_id) as outermost,
        row_number() over (partition by account_id, session_key order by depth, outcome_place, start_ms, call_id) as decisive
    from intermediate.session_records
),
queues as (
    select
        account_id,
        session_key,
        queue_extension_id,
        row_number() over (partition by account_id, session_key order by start_ms, call_id) as place
    from intermediate.session_records
    where queue_extension_id is not null
),
covered as (
    select
        records.account_id,
        records.session_key,
        talks.start_ms,
        talks.end_ms,
        max(talks.end_ms) over (
            partition by records.account_id, records.session_key
            order by talks.start_ms, talks.end_ms, talks.call_id, talks.leg_index
            rows between unbounded preceding and 1 preceding
        ) as covered_ms
    from intermediate.session_records as records
    inner join intermediate.talks as talks
        on talks.account_id = records.account_id and talks.call_id = records.call_id
),
talk as (
    select
        account_id,
        session_key,
        cast(
            sum(
                case
                    when covered_ms is null or covered_ms <= start_ms then end_ms - start_ms
                    when covered_ms < end_ms then end_ms - covered_ms
                    else 0
                end
            ) as bigint
        ) as talk_ms
    from covered
    group by account_id, session_key
),
steps as (
    select account_id, session_key, start_ms as at_ms, start_ms as call_ms, call_id, -1 as leg_index, extension_id
    from intermediate.session_records
    where extension_id is not null

    union all

    select
        records.account_id,
        records.session_key,
        legs.start_ms as at_ms,
        records.start_ms as call_ms,
        records.call_id,
        legs.leg_index,
        legs.extension_id
    from intermediate.session_records as records
    inner join staging.call_legs as legs
        on legs.account_id = records.account_id and legs.call_id = records.call_id
    where legs.extension_id is not null and (legs.is_answered or legs.is_voicemail)
),
moves as (
    select
        account_id,
        session_key,
        extension_id,
        row_number() over (partition by account_id, session_key order by at_ms, call_ms, call_id, leg_index) as place,
        lag(extension_id) over (partition by account_id, session_key order by at_ms, call_ms, call_id, leg_index) as previous_id
    from steps
),
paths as (
    select account_id, session_key, string_agg(extension_id, '>' order by place) as path
    from moves
    where previous_id is null or previous_id <> extension_id
    group by account_id, session_key
),
summed as (
    select
        account_id,
        session_key,
        count(*) as call_count,
        max(case when is_internal then 0 else 1 end) as outside,
        max(case when end_ms is null then 1 else 0 end) as open_calls,
        max(end_at) as last_end_at,
        max(end_ms) as last_end_ms,
        max(case when is_blind_transfer then 1 else 0 end) as blind,
        max(case when is_warm_transfer then 1 else 0 end) as warm,
        max(case when has_voicemail or outcome = 'voicemail' then 1 else 0 end) as voicemail,
        max(case when has_recording then 1 else 0 end) as recording,
        max(case when is_cut then 1 else 0 end) as cut,
        cast(sum(cost_included) as decimal(18, 4)) as cost_included,
        cast(sum(cost_purchased) as decimal(18, 4)) as cost_purchased
    from intermediate.session_records
    group by account_id, session_key
)
select
    first_call.account_id,
    first_call.local_date,
    first_call.session_key,
    first_call.telephony_session_id,
    summed.call_count,
    coalesce(outermost.direction, 'Unknown') as direction,
    coalesce(outermost.call_type, 'Unknown') as call_type,
    summed.outside = 0 as is_internal,
    decisive.outcome,
    first_call.start_at,
    first_call.start_ms,
    case when summed.open_calls = 0 then summed.last_end_at end as end_at,
    case
        when summed.open_calls = 0
        then cast(
            (summed.last_end_ms - first_call.start_ms + 500 - mod(summed.last_end_ms - first_call.start_ms + 500, 1000)) / 1000 as bigint
        )
    end as duration_s,
    paths.path,
    queues.queue_extension_id,
    decisive.answering_extension_id,
    cast((decisive.wait_ms + 500 - mod(decisive.wait_ms + 500, 1000)) / 1000 as bigint) as wait_s,
    cast((coalesce(talk.talk_ms, 0) + 500 - mod(coalesce(talk.talk_ms, 0) + 500, 1000)) / 1000 as bigint) as talk_s,
    outermost.external_phone_number,
    outermost.external_digits,
    outermost.external_name,
    outermost.is_number_masked as is_masked,
    outermost.company_phone_number,
    summed.blind + summed.warm > 0 as is_transferred,
    case when summed.warm = 1 then 'warm' when summed.blind = 1 then 'blind' end as transfer_kind,
    summed.voicemail = 1 as has_voicemail,
    summed.recording = 1 as has_recording,
    summed.cost_included,
    summed.cost_purchased,
    summed.cut = 1 as is_cut
from intermediate.session_records as first_call
inner join summed
    on summed.account_id = first_call.account_id and summed.session_key = first_call.session_key
inner join ranked as outermost
    on outermost.account_id = first_call.account_id and outermost.session_key = first_call.session_key and outermost.outermost = 1
inner join ranked as decisive
    on decisive.account_id = first_call.account_id and decisive.session_key = first_call.session_key and decisive.decisive = 1
left join queues
    on queues.account_id = first_call.account_id and queues.session_key = first_call.session_key and queues.place = 1
left join talk
    on talk.account_id = first_call.account_id and talk.session_key = first_call.session_key
left join paths
    on paths.account_id = first_call.account_id and paths.session_key = first_call.session_key
where first_call.call_id = first_call.session_key;
