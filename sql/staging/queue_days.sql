-- staging.queue_days
-- Call queues with the aims that RingCentral measures them by, as they were on each local date.
--
-- grain: one queue and local date
-- key: account_id, local_date, queue_id
-- unit: day
-- reads: main.call_queues, main.snapshots_in_force
-- caveats: of the snapshots in force on the date, see staging.snapshots, the last one that has the queue counts: a queue that was deleted
--   on the date is still here. Dates before the first snapshot have the settings of the first one.
-- columns:
--   account_id: RingCentral account
--   local_date: local date, in the time zone of the marts
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
select
    in_force.account_id as account_id,
    in_force.local_date as local_date,
    queues.id as queue_id,
    queues.extension_number as extension_number,
    queues.name as queue_name,
    queues.status as status,
    queues.site_id as site_id,
    queues.site_name as site_name,
    queues.service_level_settings_sla_goal as sla_goal_pct,
    queues.service_level_settings_sla_threshold_seconds as sla_threshold_s,
    queues.service_level_settings_include_abandoned_calls as includes_abandoned,
    queues.service_level_settings_abandoned_threshold_seconds as abandoned_threshold_s
from main.snapshots_in_force as in_force
inner join main.call_queues as queues
    on queues.account_id = in_force.account_id and queues.start_date = in_force.snapshot_date
where in_force.table_name = 'call_queues'
qualify row_number() over (partition by in_force.account_id, in_force.local_date, queues.id order by in_force.snapshot_date desc) = 1;
