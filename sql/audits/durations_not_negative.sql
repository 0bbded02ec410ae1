-- audits.durations_not_negative
-- No call or leg ends before it starts, and no conversation waits or talks for less than no time.
--
-- grain: one call, leg or conversation with a negative length
-- reads: marts.sessions, staging.call_legs, staging.calls
-- caveats: what is in progress has no length.
-- remedy: extract the day of the call again; if RingCentral sends it so, report it
-- columns:
--   account_id: RingCentral account
--   call_id: RingCentral's id of the call record, or of the first one of the conversation
--   leg_index: place of the leg in the record; null for a call or conversation
--   length: the negative length [ms of a call or leg, s of a conversation]
select account_id, call_id, cast(null as bigint) as leg_index, duration_ms as length
from staging.calls
where duration_ms < 0

union all

select account_id, call_id, leg_index, duration_ms as length
from staging.call_legs
where duration_ms < 0

union all

select account_id, session_key as call_id, cast(null as bigint) as leg_index, least(duration_s, wait_s, talk_s) as length
from marts.sessions
where least(duration_s, wait_s, talk_s) < 0;
