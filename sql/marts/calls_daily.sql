-- marts.calls_daily
-- Calls of a local day: how many, how they ended, how long, what they cost.
--
-- grain: one account, local day, direction, type and origin (internal or not) of call
-- key: account_id, local_date, direction, call_type, is_internal
-- unit: day
-- reads: staging.calls
-- caveats: a call belongs to the local day on which it started. Every record counts once: a RingOut is two records, and so
--   two calls. Measures add up over all columns of the key. RingCentral's own reports count other things (sessions, or
--   calls per user) from another source and will differ. Costs are sums of what was sent, see staging.calls.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the calls started, in the time zone of the mart
--   direction: Inbound or Outbound, as sent; Unknown where missing
--   call_type: Voice or Fax, as sent; Unknown where missing
--   is_internal: whether both parties have an extension
--   calls: all calls; the sum of the eleven outcomes [calls]
--   answered: picked up by a person [calls]
--   missed: rang, were declined or asked for a call back, and nobody answered [calls]
--   voicemail: reached a voicemail box [calls]
--   abandoned: caller hung up before an answer [calls]
--   busy: line was busy [calls]
--   blocked: refused by a rule, a restriction or for lack of credit [calls]
--   failed: failed for a technical reason or a wrong number [calls]
--   fax_ok: faxes sent or received whole [calls]
--   fax_failed: faxes not sent or received, or only in part [calls]
--   in_progress: not over when last read [calls]
--   unknown: result is missing, new, or says nothing about an answer [calls]
--   recorded: calls with a recording attached when last read [calls]
--   masked: calls whose outside number has digits blotted out [calls]
--   duration_s: length of all calls, with ringing and menus [s]
--   answered_duration_s: length of the answered calls, with ringing and menus [s]
--   cost_included: cost within the plan; null where none of the calls has one [account currency]
--   cost_purchased: cost beyond the plan; null where none of the calls has one [account currency]
with calls as (
    select
        account_id,
        local_date,
        coalesce(direction, 'Unknown') as direction,
        coalesce(call_type, 'Unknown') as call_type,
        is_internal,
        outcome,
        has_recording,
        is_number_masked,
        duration_s,
        cost_included,
        cost_purchased
    from staging.calls
)
select
    account_id,
    local_date,
    direction,
    call_type,
    is_internal,
    count(*) as calls,
    count(case when outcome = 'answered' then 1 end) as answered,
    count(case when outcome = 'missed' then 1 end) as missed,
    count(case when outcome = 'voicemail' then 1 end) as voicemail,
    count(case when outcome = 'abandoned' then 1 end) as abandoned,
    count(case when outcome = 'busy' then 1 end) as busy,
    count(case when outcome = 'blocked' then 1 end) as blocked,
    count(case when outcome = 'failed' then 1 end) as failed,
    count(case when outcome = 'fax_ok' then 1 end) as fax_ok,
    count(case when outcome = 'fax_failed' then 1 end) as fax_failed,
    count(case when outcome = 'in_progress' then 1 end) as in_progress,
    count(case when outcome = 'unknown' then 1 end) as unknown,
    count(case when has_recording then 1 end) as recorded,
    count(case when is_number_masked then 1 end) as masked,
    cast(coalesce(sum(duration_s), 0) as bigint) as duration_s,
    cast(coalesce(sum(case when outcome = 'answered' then duration_s end), 0) as bigint) as answered_duration_s,
    cast(sum(cost_included) as decimal(18, 4)) as cost_included,
    cast(sum(cost_purchased) as decimal(18, 4)) as cost_purchased
from calls
group by account_id, local_date, direction, call_type, is_internal;
