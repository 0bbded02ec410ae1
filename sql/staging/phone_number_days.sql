-- staging.phone_number_days
-- Phone numbers of the company as they were on each local date.
--
-- grain: one number and local date
-- key: account_id, local_date, phone_number_id
-- unit: day
-- reads: main.phone_numbers, main.snapshots_in_force
-- caveats: of the snapshots in force on the date, see staging.snapshots, the last one that has the number counts.
-- columns:
--   account_id: RingCentral account
--   local_date: local date, in the time zone of the marts
--   phone_number_id: RingCentral's id of the number
--   phone_number: the number, verbatim
--   digits: its digits alone, for joins, or the token that privacy put in its place
--   label: what the company calls it
--   usage_type: what it serves (MainCompanyNumber, DirectNumber, ...), as sent
--   extension_id: extension that it belongs to, null for the company's
--   extension_name: name of that extension
select
    in_force.account_id as account_id,
    in_force.local_date as local_date,
    numbers.id as phone_number_id,
    numbers.phone_number as phone_number,
    case
        when regexp_matches(numbers.phone_number, '^(hmac|erased):') then numbers.phone_number
        else nullif(regexp_replace(numbers.phone_number, '[^0-9]', '', 'g'), '')
    end as digits,
    numbers.label as label,
    numbers.usage_type as usage_type,
    numbers.extension_id as extension_id,
    numbers.extension_name as extension_name
from main.snapshots_in_force as in_force
inner join main.phone_numbers as numbers
    on numbers.account_id = in_force.account_id and numbers.start_date = in_force.snapshot_date
where in_force.table_name = 'phone_numbers'
qualify row_number() over (partition by in_force.account_id, in_force.local_date, numbers.id order by in_force.snapshot_date desc) = 1;
