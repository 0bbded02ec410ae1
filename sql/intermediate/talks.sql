-- intermediate.talks
-- Stretches of time in which people talked: the answered legs to phones where there are any, else those that stand for the whole call.
--
-- grain: one leg that was answered, or one call without legs that was
-- key: account_id, call_id, leg_index
-- unit: day
-- reads: staging.call_legs, staging.calls
-- caveats: an estimate: hold counts as talk, and ringing does where only a leg of type Accept or an outgoing leg says that there was
--   talk. Stretches overlap: who sums them up counts time once. Faxes have none.
-- columns:
--   account_id: RingCentral account
--   call_id: RingCentral's id of the call record
--   leg_index: place of the leg in the record; 0 for a call without legs
--   start_ms: when the talk started, as milliseconds since 1970 [ms]
--   end_ms: when it ended, likewise [ms]
with answered_legs as (
    select
        legs.account_id,
        legs.call_id,
        legs.leg_index,
        legs.start_ms,
        legs.end_ms,
        case when coalesce(lower(legs.leg_type), '') = 'accept' then 0 else 1 end as is_phone,
        max(case when coalesce(lower(legs.leg_type), '') = 'accept' then 0 else 1 end) over (partition by legs.account_id, legs.call_id) as has_phone
    from staging.calls as calls
    inner join staging.call_legs as legs
        on legs.account_id = calls.account_id and legs.call_id = calls.call_id
    where legs.is_answered and legs.end_ms > legs.start_ms and not calls.is_fax
)
select account_id, call_id, leg_index, start_ms, end_ms
from answered_legs
where is_phone = has_phone

union all

select account_id, call_id, 0 as leg_index, start_ms, end_ms
from staging.calls
where leg_count = 0 and outcome = 'answered' and end_ms > start_ms and not is_fax;
