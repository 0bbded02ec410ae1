-- marts.number_daily
-- A local day of one of the company's numbers: calls in and out, and how they ended.
--
-- grain: one account, local day and company number
-- key: account_id, local_date, company_digits
-- unit: day
-- reads: intermediate.business_calls, staging.calls
-- caveats: the company's number is what was called, or what was shown to whom it called. Every record counts once: a RingOut is two.
--   Calls between extensions, and calls without or with a masked company number, are not here.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the calls started, in the time zone of the mart
--   company_digits: the number's digits alone, or the token that privacy put in its place
--   company_phone_number: the number as sent, the last in order where it was sent in several ways
--   offered: voice calls to the number; the sum of the next six [calls]
--   answered: picked up by a person [calls]
--   missed: rang and nobody answered [calls]
--   voicemail: reached a voicemail box [calls]
--   abandoned: caller hung up before an answer [calls]
--   blocked: refused by a rule or restriction [calls]
--   inbound_other: busy, failed, in progress or of unknown outcome [calls]
--   after_hours: of the offered calls, those that started outside business hours; null where no business hours are configured [calls]
--   outbound: voice calls from the number [calls]
--   outbound_answered: of these, answered [calls]
--   faxes: faxes in and out, failed ones included [calls]
--   callers: different numbers that called, masked and withheld ones left out; does not add up [numbers]
--   inbound_duration_s: length of the voice calls to the number, with ringing and menus [s]
--   outbound_duration_s: length of the voice calls from the number [s]
with calls as (
    select
        calls.account_id,
        calls.local_date,
        calls.company_digits,
        calls.company_phone_number,
        calls.external_digits,
        calls.is_fax,
        not calls.is_fax and coalesce(lower(calls.direction), '') <> 'outbound' as is_inbound,
        not calls.is_fax and coalesce(lower(calls.direction), '') = 'outbound' as is_outbound,
        calls.outcome,
        calls.duration_s,
        business.is_after_hours
    from staging.calls as calls
    inner join intermediate.business_calls as business
        on business.account_id = calls.account_id and business.call_id = calls.call_id
    where calls.company_digits is not null
)
select
    account_id,
    local_date,
    company_digits,
    max(company_phone_number) as company_phone_number,
    count(case when is_inbound then 1 end) as offered,
    count(case when is_inbound and outcome = 'answered' then 1 end) as answered,
    count(case when is_inbound and outcome = 'missed' then 1 end) as missed,
    count(case when is_inbound and outcome = 'voicemail' then 1 end) as voicemail,
    count(case when is_inbound and outcome = 'abandoned' then 1 end) as abandoned,
    count(case when is_inbound and outcome = 'blocked' then 1 end) as blocked,
    count(case when is_inbound and outcome not in ('answered', 'missed', 'voicemail', 'abandoned', 'blocked') then 1 end) as inbound_other,
    case when count(is_after_hours) > 0 then count(case when is_inbound and is_after_hours then 1 end) end as after_hours,
    count(case when is_outbound then 1 end) as outbound,
    count(case when is_outbound and outcome = 'answered' then 1 end) as outbound_answered,
    count(case when is_fax then 1 end) as faxes,
    count(distinct case when is_inbound then external_digits end) as callers,
    cast(coalesce(sum(case when is_inbound then duration_s end), 0) as bigint) as inbound_duration_s,
    cast(coalesce(sum(case when is_outbound then duration_s end), 0) as bigint) as outbound_duration_s
from calls
group by account_id, local_date, company_digits;
