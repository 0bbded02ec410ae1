-- staging.extension_days
-- Extensions as they were on each local date.
--
-- grain: one extension and local date
-- key: account_id, local_date, extension_id
-- unit: day
-- reads: main.extensions, main.snapshots_in_force
-- caveats: of the snapshots in force on the date, see staging.snapshots, the last one that has the extension counts: one that was deleted
--   on the date is still here, so that its calls have a name; one that was made on the date after the day's snapshot is not. Dates before
--   the first snapshot have the extensions of the first one, and none that was gone by then.
-- columns:
--   account_id: RingCentral account
--   local_date: local date, in the time zone of the marts
--   extension_id: RingCentral's id of the extension, as in the call log's extension_id
--   extension_number: short number
--   extension_name: name
--   extension_type: User, Department (a call queue), IvrMenu and others, as sent
--   status: Enabled, Disabled and others, as sent
--   email: address for mail
--   department: department, as text
--   site_id: site
--   site_name: name of the site
select
    in_force.account_id as account_id,
    in_force.local_date as local_date,
    extensions.id as extension_id,
    extensions.extension_number as extension_number,
    extensions.name as extension_name,
    extensions.type as extension_type,
    extensions.status as status,
    extensions.contact_email as email,
    extensions.contact_department as department,
    extensions.site_id as site_id,
    extensions.site_name as site_name
from main.snapshots_in_force as in_force
inner join main.extensions as extensions
    on extensions.account_id = in_force.account_id and extensions.start_date = in_force.snapshot_date
where in_force.table_name = 'extensions'
qualify row_number() over (partition by in_force.account_id, in_force.local_date, extensions.id order by in_force.snapshot_date desc) = 1;
