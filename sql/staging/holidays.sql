-- staging.holidays
-- Days on which the company is closed though the weekday has business hours, as its configuration says.
--
-- grain: one day
-- key: holiday_date
-- unit: day
-- reads: settings.holidays
-- settings: holidays
-- caveats: days of the time zone. All accounts of the lake have the same ones.
-- columns:
--   holiday_date: the day
--   holiday_name: what it is called, null where that was not said
select holiday_date, holiday_name
from settings.holidays;
