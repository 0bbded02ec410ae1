-- staging.extensions
-- Extensions as they were last seen, one row each: also those that are gone, so that old calls still have a name.
--
-- grain: one extension that a snapshot has shown
-- key: account_id, extension_id
-- unit: all
-- reads: main.extensions
-- caveats: a day's snapshot is taken when the day's first run asks; what changed and changed back between two is not seen.
-- columns:
--   account_id: RingCentral account, from the path
--   extension_id: RingCentral's id of the extension, as in the call log's extension_id
--   extension_number: short number
--   extension_name: name
--   extension_type: User, Department (a call queue), IvrMenu and others, as sent
--   is_queue: whether the type is Department
--   status: Enabled, Disabled and others, as sent
--   email: address for mail
--   department: department, as text
--   site_id: site
--   site_name: name of the site
--   first_seen_date: first day with a snapshot that has it [UTC]
--   last_seen_date: last day with a snapshot that has it [UTC]
--   is_listed: whether the account's last snapshot has it
with numbered as (
    select
        *,
        min(start_date) over (partition by account_id, id) as first_seen,
        max(start_date) over (partition by account_id, id) as last_seen,
        max(start_date) over (partition by account_id) as last_snapshot
    from main.extensions
)
select
    account_id,
    id as extension_id,
    extension_number,
    name as extension_name,
    type as extension_type,
    coalesce(lower(type), '') = 'department' as is_queue,
    status,
    contact_email as email,
    contact_department as department,
    site_id,
    site_name,
    first_seen as first_seen_date,
    last_seen as last_seen_date,
    last_seen = last_snapshot as is_listed
from numbered
where start_date = last_seen;
