-- staging.contact_map
-- Whose numbers outside numbers are, as the contact file of the configuration says.
--
-- grain: one number of one contact over some time
-- key: phone_digits, valid_from, contact_id
-- unit: day
-- reads: settings.contact_map
-- settings: contact_map
-- caveats: the file of the configuration has a number once at a time. All accounts of the lake have the same one. Where privacy puts
--   tokens in place of numbers, no number is found here.
-- columns:
--   phone_digits: digits of the number with its country code, as external_digits of staging.calls
--   contact_id: contact that the number belongs to
--   matter: what its calls are booked on; empty where nothing was said
--   valid_from: first local date; 0001-01-01 without a bound
--   valid_to: last local date; 9999-12-31 without a bound
select
    phone_digits,
    contact_id,
    coalesce(matter, '') as matter,
    coalesce(valid_from, date '0001-01-01') as valid_from,
    coalesce(valid_to, date '9999-12-31') as valid_to
from settings.contact_map;
