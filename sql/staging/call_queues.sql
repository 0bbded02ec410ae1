-- staging.call_queues
-- Call queues with the aims that RingCentral measures them by, as they were on each day with a snapshot.
--
-- grain: one queue on one day with a snapshot
-- key: account_id, snapshot_date, queue_id
-- unit: all
-- reads: main.call_queues
-- caveats: of days without a snapshot the settings are those of the last one before.
-- columns:
--   account_id: RingCentral account, from the path
--   snapshot_date: day of the snapshot, from the path [UTC]
--   queue_id: extension id of the queue
--   extension_number: short number
--   queue_name: name of the queue
--   status: Enabled, Disabled and others, as sent
--   site_id: site
--   site_name: name of the site
--   sla_goal_pct: share of calls that are to be answered in time [%]
--   sla_threshold_s: wait within which a call is answered in time [s]
--   includes_abandoned: whether abandoned calls count in RingCentral's own service level
--   abandoned_threshold_s: wait below which an abandoned call does not count [s]
--   member_count: members of the queue, null where they could not be read [extensions]
select
    account_id,
    start_date as snapshot_date,
    id as queue_id,
    extension_number,
    name as queue_name,
    status,
    site_id,
    site_name,
    service_level_settings_sla_goal as sla_goal_pct,
    service_level_settings_sla_threshold_seconds as sla_threshold_s,
    service_level_settings_include_abandoned_calls as includes_abandoned,
    service_level_settings_abandoned_threshold_seconds as abandoned_threshold_s,
    len(members) as member_count
from main.call_queues;
