-- audits.queue_levels
-- No more calls of a queue are answered in time than answered, nor answered than offered; service levels lie between 0 and 1.
--
-- grain: one queue and hour or local day that breaks it
-- reads: marts.queue_daily, marts.queue_hourly
-- caveats: holds by construction, whatever the data; it fails only if a model is changed wrongly.
-- remedy: report it; a model of queues is wrong, not the data
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the calls started
--   hour_start_at: when the hour started; null for a whole day
--   queue_extension_id: the queue
--   offered: calls offered [calls]
--   answered: calls answered [calls]
--   answered_in_time: calls answered in time [calls]
with levels as (
    select
        account_id,
        local_date,
        hour_start_at,
        queue_extension_id,
        offered,
        answered,
        not_answered,
        abandoned,
        voicemail,
        other,
        answered_in_time,
        abandoned_in_time,
        abandoned_short,
        rc_in_time,
        rc_counted,
        least(sl_answered, sl_offered, sl_abn_ok, sl_excl_short, sl_rc) as least_level,
        greatest(sl_answered, sl_offered, sl_abn_ok, sl_excl_short, sl_rc) as greatest_level
    from marts.queue_hourly

    union all

    select
        account_id,
        local_date,
        null as hour_start_at,
        queue_extension_id,
        offered,
        answered,
        not_answered,
        abandoned,
        voicemail,
        other,
        answered_in_time,
        abandoned_in_time,
        abandoned_short,
        rc_in_time,
        rc_counted,
        least(sl_answered, sl_offered, sl_abn_ok, sl_excl_short, sl_rc) as least_level,
        greatest(sl_answered, sl_offered, sl_abn_ok, sl_excl_short, sl_rc) as greatest_level
    from marts.queue_daily
)
select account_id, local_date, hour_start_at, queue_extension_id, offered, answered, answered_in_time
from levels
where answered_in_time > answered
    or answered > offered
    or answered + abandoned + voicemail + other <> offered
    or not_answered <> abandoned + voicemail + other
    or abandoned_in_time > abandoned
    or abandoned_short > abandoned
    or rc_in_time > rc_counted
    or rc_counted > offered
    or least_level < 0
    or greatest_level > 1;
