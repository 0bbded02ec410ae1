-- intermediate.call_extensions
-- Which extensions took part in a call, and what the call was to each of them.
--
-- grain: one call and one extension that is named on the record, on one of its parties or on one of its legs
-- key: account_id, call_id, extension_id
-- unit: day
-- reads: staging.call_legs, staging.calls
-- caveats: direction and outcome are the extension's own. Who is neither party nor owner of an internal call is taken to
--   have been called. An extension without a leg of its own (a callee of an internal call, any call read in the Simple
--   view) takes over the outcome of the call. A queue is an extension here, too. talk_s is an estimate: hold counts as
--   talk, ringing does where the extension has only an Accept leg or none; of two talks in one call only the longer counts, and none of one that it handed on.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the call started, in the time zone of the mart
--   call_id: RingCentral's id of the call record
--   extension_id: the extension that took part
--   extension_number: its short number, where a party of the call shows it
--   extension_name: its name, where a party of the call shows it
--   is_fax: whether the call is a fax
--   is_internal: whether both parties of the call have an extension
--   direction: inbound, outbound or unknown, as seen by the extension
--   outcome: for inbound voice calls answered, voicemail, answered_elsewhere (by another extension), missed, or what staging.calls says; else what staging.calls says
--   start_at: when the call started [UTC]
--   talk_s: talk of the extension, 0 unless answered, an estimate [s]
--   leg_count: legs of the call that are the extension's [legs]
--   transfer_count: of these, legs by which the call was handed on without asking, inferred from their action or type [legs]
--   external_digits: digits of the number outside, or the token that privacy put in its place; null for internal calls and if masked or withheld
with taking_part as (
    select
        account_id,
        call_id,
        extension_id,
        1 as legs,
        case
            when extension_id = to_extension_id then to_extension_number
            when extension_id = from_extension_id then from_extension_number
        end as extension_number,
        case
            when extension_id = to_extension_id then to_name
            when extension_id = from_extension_id then from_name
        end as extension_name,
        case when lower(action) = 'transfer' or lower(leg_type) = 'transfercall' then 1 else 0 end as transfers,
        case when is_answered then 1 else 0 end as answered_legs,
        case when is_voicemail then 1 else 0 end as voicemail,
        case when is_answered then duration_s end as answered_s,
        -- An Accept leg starts when the call arrives, ringing included; the leg to a phone starts when the phone is answered. In one by which
        -- the call was handed on, others talk.
        case
            when is_answered and lower(leg_type) not in ('accept', 'transfercall') and coalesce(lower(action), '') <> 'transfer' then duration_s
        end as picked_up_s
    from staging.call_legs
    where extension_id is not null

    union all

    select
        account_id,
        call_id,
        extension_id,
        0 as legs,
        cast(null as varchar) as extension_number,
        cast(null as varchar) as extension_name,
        0 as transfers,
        0 as answered_legs,
        case when outcome = 'voicemail' then 1 else 0 end as voicemail,
        cast(null as bigint) as answered_s,
        cast(null as bigint) as picked_up_s
    from staging.calls
    where extension_id is not null

    union all

    select
        account_id,
        call_id,
        to_extension_id as extension_id,
        0 as legs,
        to_extension_number as extension_number,
        to_name as extension_name,
        0 as transfers,
        0 as answered_legs,
        case when outcome = 'voicemail' then 1 else 0 end as voicemail,
        cast(null as bigint) as answered_s,
        cast(null as bigint) as picked_up_s
    from staging.calls
    where to_extension_id is not null

    union all

    select
        account_id,
        call_id,
        from_extension_id as extension_id,
        0 as legs,
        from_extension_number as extension_number,
        from_name as extension_name,
        0 as transfers,
        0 as answered_legs,
        0 as voicemail,
        cast(null as bigint) as answered_s,
        cast(null as bigint) as picked_up_s
    from staging.calls
    where from_extension_id is not null
),
once as (
    select
        account_id,
        call_id,
        extension_id,
        count(case when legs = 1 then 1 end) as leg_count,
        cast(sum(transfers) as bigint) as transfer_count,
        max(extension_number) as extension_number,
        max(extension_name) as extension_name,
        max(answered_legs) as answered_legs,
        max(voicemail) as voicemail,
        coalesce(max(picked_up_s), max(answered_s)) as answered_s
    from taking_part
    group by account_id, call_id, extension_id
),
sides as (
    select
        once.account_id,
        once.call_id,
        once.extension_id,
        once.leg_count,
        once.transfer_count,
        once.extension_number,
        once.extension_name,
        once.voicemail,
        calls.local_date,
        calls.start_at,
        calls.is_fax,
        calls.is_internal,
        calls.external_digits,
        calls.outcome as call_outcome,
        case when once.leg_count > 0 then once.answered_s else calls.duration_s end as answered_s,
        case
            when once.leg_count > 0 then once.answered_legs
            when calls.outcome = 'answered' then 1
            else 0
        end as answered,
        case
            when once.extension_id = calls.from_extension_id then 'outbound'
            when once.extension_id = calls.to_extension_id then 'inbound'
            when once.extension_id = calls.extension_id and lower(calls.direction) in ('inbound', 'outbound') then lower(calls.direction)
            when calls.is_internal then 'inbound'
            when lower(calls.direction) in ('inbound', 'outbound') then lower(calls.direction)
            else 'unknown'
        end as direction
    from once
    inner join staging.calls as calls
        on calls.account_id = once.account_id and calls.call_id = once.call_id
),
outcomes as (
    select
        account_id,
        local_date,
        call_id,
        extension_id,
        extension_number,
        extension_name,
        is_fax,
        is_internal,
        direction,
        case
            when is_fax or direction <> 'inbound' or call_outcome = 'in_progress' then call_outcome
            when answered = 1 then 'answered'
            when voicemail = 1 then 'voicemail'
            when call_outcome = 'answered' then 'answered_elsewhere'
            when call_outcome in ('voicemail', 'missed', 'abandoned', 'busy') then 'missed'
            else call_outcome
        end as outcome,
        start_at,
        answered_s,
        leg_count,
        transfer_count,
        external_digits
    from sides
)
select
    account_id,
    local_date,
    call_id,
    extension_id,
    extension_number,
    extension_name,
    is_fax,
    is_internal,
    direction,
    outcome,
    start_at,
    case when outcome = 'answered' and not is_fax then coalesce(answered_s, 0) else 0 end as talk_s,
    leg_count,
    transfer_count,
    external_digits
from outcomes;
