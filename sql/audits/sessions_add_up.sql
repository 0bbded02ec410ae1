-- audits.sessions_add_up
-- Every call is in one conversation of marts.sessions, and every leg in marts.call_legs once.
--
-- grain: one account whose sums differ
-- reads: marts.call_legs, marts.sessions, staging.calls
-- caveats: over all days that are built together: a conversation may have calls of two days.
-- remedy: report it; a model of sessions is wrong, not the data
-- columns:
--   account_id: RingCentral account
--   calls: calls in staging.calls [calls]
--   session_calls: calls of all conversations [calls]
--   legs: legs of the calls in staging.calls [legs]
--   mart_legs: legs in marts.call_legs [legs]
with counted as (
    select account_id, count(*) as calls, sum(leg_count) as legs, 0 as session_calls, 0 as mart_legs
    from staging.calls
    group by account_id

    union all

    select account_id, 0 as calls, 0 as legs, sum(call_count) as session_calls, 0 as mart_legs
    from marts.sessions
    group by account_id

    union all

    select account_id, 0 as calls, 0 as legs, 0 as session_calls, count(*) as mart_legs
    from marts.call_legs
    group by account_id
)
select
    account_id,
    sum(calls) as calls,
    sum(session_calls) as session_calls,
    sum(legs) as legs,
    sum(mart_legs) as mart_legs
from counted
group by account_id
having sum(calls) <> sum(session_calls) or sum(legs) <> sum(mart_legs);
