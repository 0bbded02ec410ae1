-- staging.business_hours
-- When the company is open, by weekday, as its configuration says.
--
-- grain: one stretch of a weekday
-- key: weekday, from_minute
-- unit: day
-- reads: settings.business_hours
-- settings: business_hours
-- caveats: by the clocks of the time zone, also on days on which they are put forward or back. Without any row nothing is known
--   of business hours. Holidays are in staging.holidays.
-- columns:
--   weekday: 1 for Monday to 7 for Sunday
--   from_minute: minutes since midnight by the clock, from which the company is open [min]
--   to_minute: minutes since midnight by the clock, from which it is closed again; 1440 is the end of the day [min]
select weekday, from_minute, to_minute
from settings.business_hours;
