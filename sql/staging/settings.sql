-- staging.settings
-- The thresholds that the marts use, as one row.
--
-- grain: the only row
-- key: service_level_s, short_abandon_s, missed_recovery_days, retention_days
-- unit: day
-- reads: none
-- caveats: the values are DuckDB variables of the same names; the defaults stand in for those that are not set.
-- columns:
--   service_level_s: within how long a call to a queue is answered in time [s]
--   short_abandon_s: how long a caller waits at most whose hanging up says nothing of the queue [s]
--   missed_recovery_days: within how many days a missed caller has to be reached again [days]
--   retention_days: how long RingCentral keeps a call, 0 for ever [days]
select
    cast(coalesce(getvariable('service_level_s'), 20) as bigint) as service_level_s,
    cast(coalesce(getvariable('short_abandon_s'), 5) as bigint) as short_abandon_s,
    cast(coalesce(getvariable('missed_recovery_days'), 7) as bigint) as missed_recovery_days,
    cast(coalesce(getvariable('retention_days'), 270) as bigint) as retention_days;
