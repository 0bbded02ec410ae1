-- intermediate.call_answers
-- What the legs tell of each call: its queue, when it first rang, who answered and when, whether it was transferred.
--
-- grain: one call
-- key: account_id, call_id
-- unit: day
-- reads: staging.call_legs, staging.calls, staging.queue_days, staging.snapshots
-- caveats: all of it is inferred; RingCentral sends none of it as a field. A leg to a phone starts when the phone rings if it is not
--   answered, and when it is answered if it is; a leg of type Accept starts when the call arrives and covers all of it, so where
--   only such a leg was answered, who answered is known and when is not. The caller's own legs neither ring nor answer. Which
--   extensions are queues is known of dates on which a snapshot of the queues is in force. Of others it is inferred: whose call it was is
--   a queue if it is inbound, other extensions were rung or acted, none of its own phones was, and RingCentral does not call that a
--   coworker's delegation; there a call whose caller gave up before any phone rang cannot be told from a user's.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the call started, in the time zone of the mart
--   call_id: RingCentral's id of the call record
--   queue_extension_id: the queue that the call waited in, null where it was in none
--   first_ring_ms: when the call is first known to have rung at an extension, after menus, as milliseconds since 1970; null where only answers are known [ms]
--   answered_ms: when somebody took it, likewise; null where nobody did or the moment is not known [ms]
--   answering_extension_id: who took it first; null where nobody of the account did
--   wait_ms: from the first ring to the answer, or to the end of a call that was missed or abandoned; null where not known [ms]
--   is_blind_transfer: whether it was handed on without asking
--   is_warm_transfer: whether it was handed on after a call of its own
with sided as (
    select
        account_id,
        local_date,
        call_id,
        outcome,
        end_ms,
        extension_id,
        delegate_id,
        to_extension_id,
        is_internal,
        coalesce(lower(direction), '') = 'inbound' and not is_internal and not is_fax as may_be_queued,
        coalesce(lower(delegation_type), '') = 'coworker' as is_coworkers,
        is_internal or coalesce(lower(direction), '') <> 'outbound' as may_be_taken,
        coalesce(case when lower(direction) = 'outbound' then extension_id end, '') as owner_calling_id,
        coalesce(from_extension_id, '') as caller_id,
        transfer_target_telephony_session_id is not null or transferee_telephony_session_id is not null as is_warm
    from staging.calls
),
legs as (
    select
        legs.account_id,
        legs.call_id,
        legs.leg_index,
        case
            when legs.extension_id <> sided.caller_id and legs.extension_id <> sided.owner_calling_id then legs.extension_id
        end as called_id,
        case when coalesce(lower(legs.leg_type), '') = 'accept' then 1 else 0 end as is_accept,
        case when legs.extension_id = sided.extension_id then 1 else 0 end as is_own,
        legs.start_ms,
        legs.is_answered,
        case when lower(legs.action) = 'transfer' or lower(legs.leg_type) = 'transfercall' then 1 else 0 end as is_transfer,
        case
            when legs.transfer_target_telephony_session_id is not null or legs.transferee_telephony_session_id is not null then 1
            else 0
        end as is_warm
    from staging.call_legs as legs
    inner join sided
        on sided.account_id = legs.account_id and sided.call_id = legs.call_id
),
reached as (
    select
        account_id,
        call_id,
        -- A phone that was answered does not tell since when it rang.
        min(case when called_id is not null and (is_accept = 1 or not is_answered) then start_ms end) as first_ring_ms,
        max(case when is_own = 1 and is_accept = 0 then 1 else 0 end) as own_phones,
        max(case when is_own = 0 and is_accept = 0 and called_id is not null then 1 else 0 end) as other_phones,
        max(is_transfer) as is_transfer,
        max(is_warm) as is_warm
    from legs
    group by account_id, call_id
),
taken as (
    -- The first phone that was answered; without one, the last of the legs that stand for the whole call.
    select
        account_id,
        call_id,
        called_id,
        case when is_accept = 0 then start_ms end as answered_ms,
        row_number() over (
            partition by account_id, call_id
            order by is_accept, case when is_accept = 1 then -start_ms else start_ms end, case when is_accept = 1 then -leg_index else leg_index end
        ) as place
    from legs
    where is_answered and called_id is not null
),
joined as (
    select
        sided.account_id,
        sided.local_date,
        sided.call_id,
        sided.outcome,
        sided.end_ms,
        case
            when not sided.may_be_queued then null
            when snapshots.table_name is not null then queues.queue_id
            when not sided.is_coworkers and coalesce(reached.own_phones, 0) = 0
                and (coalesce(reached.other_phones, 0) = 1 or sided.delegate_id <> sided.extension_id)
            then sided.extension_id
        end as queue_extension_id,
        reached.first_ring_ms,
        case when sided.may_be_taken then taken.answered_ms end as answered_ms,
        case
            when not sided.may_be_taken or sided.outcome <> 'answered' then null
            when taken.answered_ms is not null then taken.called_id
            when sided.is_internal then coalesce(sided.delegate_id, taken.called_id, sided.to_extension_id)
            else coalesce(sided.delegate_id, taken.called_id, sided.extension_id)
        end as answering_extension_id,
        coalesce(reached.is_transfer, 0) = 1 as is_transfer,
        sided.is_warm or coalesce(reached.is_warm, 0) = 1 as is_warm
    from sided
    left join reached
        on reached.account_id = sided.account_id and reached.call_id = sided.call_id
    left join taken
        on taken.account_id = sided.account_id and taken.call_id = sided.call_id and taken.place = 1
    left join staging.snapshots as snapshots
        on snapshots.account_id = sided.account_id and snapshots.local_date = sided.local_date and snapshots.table_name = 'call_queues'
    left join staging.queue_days as queues
        on queues.account_id = sided.account_id and queues.local_date = sided.local_date and queues.queue_id = sided.extension_id
)
select
    account_id,
    local_date,
    call_id,
    queue_extension_id,
    first_ring_ms,
    case when outcome = 'answered' then answered_ms end as answered_ms,
    answering_extension_id,
    case
        when outcome = 'answered' and first_ring_ms <= answered_ms then answered_ms - first_ring_ms
        when outcome in ('missed', 'abandoned') and first_ring_ms <= end_ms then end_ms - first_ring_ms
    end as wait_ms,
    is_transfer and not is_warm as is_blind_transfer,
    is_warm as is_warm_transfer
from joined;
