-- intermediate.business_calls
-- Whether calls started in business hours.
--
-- grain: one call
-- key: account_id, call_id
-- unit: day
-- reads: staging.business_hours, staging.calls, staging.holidays
-- caveats: by the clock on the wall, so that days on which it is put forward or back have the same business hours as others. A call
--   belongs to the moment in which it started. Without business hours in the configuration nothing is known, and both are null.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the call started, in the time zone of the mart
--   call_id: RingCentral's id of the call record
--   is_business_day: whether the day has business hours and is no holiday; null where no business hours are configured
--   is_after_hours: whether the call started outside business hours; null where none are configured
with known as (
    select count(*) as stretches
    from staging.business_hours
),
business_days as (
    select distinct weekday
    from staging.business_hours
)
select
    calls.account_id,
    calls.local_date,
    calls.call_id,
    case when known.stretches > 0 then business_days.weekday is not null and holidays.holiday_date is null end as is_business_day,
    case when known.stretches > 0 then hours.weekday is null or holidays.holiday_date is not null end as is_after_hours
from staging.calls as calls
cross join known
left join business_days
    on business_days.weekday = calls.local_weekday
left join staging.holidays as holidays
    on holidays.holiday_date = calls.local_date
left join staging.business_hours as hours
    on hours.weekday = calls.local_weekday and calls.local_minute >= hours.from_minute and calls.local_minute < hours.to_minute;
