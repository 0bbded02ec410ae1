-- intermediate.call_links
-- What ties call records to each other: the ids that two or more of them name.
--
-- grain: one call and one id that another call names, too
-- key: account_id, call_id, link
-- unit: day -1 +1
-- reads: staging.call_legs, staging.calls
-- caveats: the rules are inferred from what RingCentral and its widgets publish. Two records are tied if they name the same
--   telephony session, as their own, as that of one of their legs, or as the one that they were transferred to or from; if
--   they have the same sessionId, unless that is empty or 0, so that the two sides of a call to oneself are tied; and if one is
--   a RingOut and the other an inbound call with mirrored numbers, a sessionId that differs by 1000, 2000, 3000 or 4000, and a
--   start within ten minutes, each being the other's nearest. Records of any two days can be tied; who reads this looks at
--   neighbouring half-days only.
-- columns:
--   account_id: RingCentral account
--   call_id: RingCentral's id of the call record
--   link: what the call names: a kind, and an id of it
--   half_day: half of a UTC day in which the call started, counted from 1970
--   place: place of the call among the tied calls of its half-day, from the first that started
with placed as (
    select
        account_id,
        call_id,
        start_ms,
        cast((start_ms - mod(start_ms, 43200000)) / 43200000 as bigint) as half_day
    from staging.calls
),
ring_outs as materialized (
    select
        outs.account_id,
        outs.call_id as out_call_id,
        ins.call_id as in_call_id,
        row_number() over (
            partition by outs.account_id, outs.call_id
            order by abs(ins.start_ms - outs.start_ms), abs(ins.session_number - outs.session_number), ins.call_id
        ) as place_of_in,
        row_number() over (
            partition by ins.account_id, ins.call_id
            order by abs(ins.start_ms - outs.start_ms), abs(ins.session_number - outs.session_number), outs.call_id
        ) as place_of_out
    from staging.calls as outs
    inner join staging.calls as ins
        on ins.account_id = outs.account_id
        and coalesce(ins.from_phone_number, ins.from_extension_number) = coalesce(outs.to_phone_number, outs.to_extension_number)
        and coalesce(ins.to_phone_number, ins.to_extension_number) = coalesce(outs.from_phone_number, outs.from_extension_number)
    where lower(outs.direction) = 'outbound'
        and lower(outs.action) in ('ringout web', 'ringout mobile', 'ringout pc')
        and lower(ins.direction) = 'inbound'
        and abs(ins.session_number - outs.session_number) in (1000, 2000, 3000, 4000)
        and abs(ins.start_ms - outs.start_ms) <= 600000
),
named as materialized (
    select account_id, call_id, 'telephony ' || telephony_session_id as link
    from staging.calls
    where telephony_session_id <> ''

    union

    select account_id, call_id, 'telephony ' || transfer_target_telephony_session_id as link
    from staging.calls
    where transfer_target_telephony_session_id <> ''

    union

    select account_id, call_id, 'telephony ' || transferee_telephony_session_id as link
    from staging.calls
    where transferee_telephony_session_id <> ''

    union

    select account_id, call_id, 'telephony ' || telephony_session_id as link
    from staging.call_legs
    where telephony_session_id <> ''

    union

    select account_id, call_id, 'telephony ' || transfer_target_telephony_session_id as link
    from staging.call_legs
    where transfer_target_telephony_session_id <> ''

    union

    select account_id, call_id, 'telephony ' || transferee_telephony_session_id as link
    from staging.call_legs
    where transferee_telephony_session_id <> ''

    union

    select account_id, call_id, 'session ' || session_id as link
    from staging.calls
    where session_id not in ('', '0')

    union

    select account_id, out_call_id as call_id, 'ringout ' || out_call_id as link
    from ring_outs
    where place_of_in = 1 and place_of_out = 1

    union

    select account_id, in_call_id as call_id, 'ringout ' || out_call_id as link
    from ring_outs
    where place_of_in = 1 and place_of_out = 1
),
shared as (
    select account_id, link
    from named
    group by account_id, link
    having count(*) > 1
),
-- By itself, because planners are tempted to join calls and links of an account before they know which are shared.
shared_by as materialized (
    select named.account_id, named.call_id, named.link
    from named
    inner join shared
        on shared.account_id = named.account_id and shared.link = named.link
)
select
    shared_by.account_id,
    shared_by.call_id,
    shared_by.link,
    placed.half_day,
    dense_rank() over (
        partition by shared_by.account_id, placed.half_day
        order by placed.start_ms, shared_by.call_id
    ) as place
from shared_by
inner join placed
    on placed.account_id = shared_by.account_id and placed.call_id = shared_by.call_id;
