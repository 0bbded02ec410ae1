-- intermediate.sides
-- What a conversation was with each number outside, and with each contact, who may have several numbers.
--
-- grain: one voice conversation and one party_key or contact_key of it
-- key: account_id, session_key, side_key
-- unit: day -1 +1
-- reads: intermediate.party_contacts, intermediate.session_records, intermediate.talks
-- caveats: who reads this takes either the sides that are a party_key or those that are a contact_key: both together count twice. Where
--   no contact is known, they are one row. Direction, outcome and numbers are those of the side's outermost records, as for
--   intermediate.sessions. Time in which several legs of one side talk counts once.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the conversation started, in the time zone of the mart
--   session_key: id of the first call record of the conversation
--   side_key: a party_key or contact_key of intermediate.party_contacts
--   start_at: when the side's first record started [UTC]
--   start_ms: the same as milliseconds since 1970 [ms]
--   duration_s: from start_at to the end of the side's last record, null while in progress [s]
--   talk_s: time in which somebody talked, an estimate [s]
--   call_ids: ids of the call records, in order, with commas between
--   direction: Inbound or Outbound, as sent for the outermost record; Unknown where missing
--   outcome: as in intermediate.sessions, of the side's records
--   handling_extension_id: who answered, else who called, else whose call it is; null where no extension is named
--   queue_extension_id: the first queue, null without one
--   external_phone_number: number of the party outside, verbatim
--   external_digits: its digits alone, for joins, or the token that privacy put in its place; null if masked or withheld
--   external_e164: the number as + and digits, null where it was not sent with its country code
--   external_name: name of the party outside
--   is_masked: whether external_phone_number has digits blotted out
--   company_phone_number: the company's own number, verbatim
--   recording_id: id of the first recording
--   voicemail_id: id of the first voicemail message
--   is_cut: whether the conversation goes on in another one, because it is too long
with keys as (
    select account_id, local_date, session_key, party_key, party_key as side_key
    from intermediate.party_contacts

    union

    select account_id, local_date, session_key, party_key, contact_key as side_key
    from intermediate.party_contacts
),
members as (
    select
        keys.account_id,
        keys.local_date,
        keys.session_key,
        keys.side_key,
        records.call_id,
        records.start_at,
        records.start_ms,
        records.end_ms,
        records.direction,
        records.outcome,
        records.handling_extension_id,
        records.queue_extension_id,
        records.external_phone_number,
        records.external_digits,
        records.external_e164,
        records.external_name,
        records.is_number_masked,
        records.company_phone_number,
        records.recording_id,
        records.voicemail_id,
        records.is_cut,
        row_number() over (partition by keys.account_id, keys.session_key, keys.side_key order by records.start_ms, records.call_id) as place,
        row_number() over (
            partition by keys.account_id, keys.session_key, keys.side_key
            order by records.depth, records.start_ms, records.call_id
        ) as outermost,
        row_number() over (
            partition by keys.account_id, keys.session_key, keys.side_key
            order by records.depth, records.outcome_place, records.start_ms, records.call_id
        ) as decisive,
        row_number() over (
            partition by keys.account_id, keys.session_key, keys.side_key
            order by case when records.queue_extension_id is null then 1 else 0 end, records.start_ms, records.call_id
        ) as queue_place,
        row_number() over (
            partition by keys.account_id, keys.session_key, keys.side_key
            order by case when records.recording_id is null then 1 else 0 end, records.start_ms, records.call_id
        ) as recording_place,
        row_number() over (
            partition by keys.account_id, keys.session_key, keys.side_key
            order by case when records.voicemail_id is null then 1 else 0 end, records.start_ms, records.call_id
        ) as voicemail_place
    from keys
    inner join intermediate.session_records as records
        on records.account_id = keys.account_id
        and records.session_key = keys.session_key
        and records.party_key = keys.party_key
    where not records.is_fax
),
covered as (
    select
        members.account_id,
        members.session_key,
        members.side_key,
        talks.start_ms,
        talks.end_ms,
        max(talks.end_ms) over (
            partition by members.account_id, members.session_key, members.side_key
            order by talks.start_ms, talks.end_ms, talks.call_id, talks.leg_index
            rows between unbounded preceding and 1 preceding
        ) as covered_ms
    from members
    inner join intermediate.talks as talks
        on talks.account_id = members.account_id and talks.call_id = members.call_id
),
talked as (
    select
        account_id,
        session_key,
        side_key,
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
    group by account_id, session_key, side_key
),
summed as (
    select
        account_id,
        local_date,
        session_key,
        side_key,
        min(start_at) as start_at,
        min(start_ms) as start_ms,
        max(end_ms) as end_ms,
        max(case when end_ms is null then 1 else 0 end) as open_calls,
        string_agg(call_id, ',' order by place) as call_ids,
        max(case when outermost = 1 then direction end) as direction,
        max(case when outermost = 1 then external_phone_number end) as external_phone_number,
        max(case when outermost = 1 then external_digits end) as external_digits,
        max(case when outermost = 1 then external_e164 end) as external_e164,
        max(case when outermost = 1 then external_name end) as external_name,
        max(case when outermost = 1 and is_number_masked then 1 else 0 end) as masked,
        max(case when outermost = 1 then company_phone_number end) as company_phone_number,
        max(case when decisive = 1 then outcome end) as outcome,
        max(case when decisive = 1 then handling_extension_id end) as handling_extension_id,
        max(case when queue_place = 1 then queue_extension_id end) as queue_extension_id,
        max(case when recording_place = 1 then recording_id end) as recording_id,
        max(case when voicemail_place = 1 then voicemail_id end) as voicemail_id,
        max(case when is_cut then 1 else 0 end) as cut
    from members
    group by account_id, local_date, session_key, side_key
)
select
    summed.account_id,
    summed.local_date,
    summed.session_key,
    summed.side_key,
    summed.start_at,
    summed.start_ms,
    case
        when summed.open_calls = 0
        then cast((summed.end_ms - summed.start_ms + 500 - mod(summed.end_ms - summed.start_ms + 500, 1000)) / 1000 as bigint)
    end as duration_s,
    cast((coalesce(talked.talk_ms, 0) + 500 - mod(coalesce(talked.talk_ms, 0) + 500, 1000)) / 1000 as bigint) as talk_s,
    summed.call_ids,
    coalesce(summed.direction, 'Unknown') as direction,
    summed.outcome,
    summed.handling_extension_id,
    summed.queue_extension_id,
    summed.external_phone_number,
    summed.external_digits,
    summed.external_e164,
    summed.external_name,
    summed.masked = 1 as is_masked,
    summed.company_phone_number,
    summed.recording_id,
    summed.voicemail_id,
    summed.cut = 1 as is_cut
from summed
left join talked
    on talked.account_id = summed.account_id and talked.session_key = summed.session_key and talked.side_key = summed.side_key;
