-- marts.extension_daily
-- A local day of one extension: calls in and out, how they ended, and talk.
--
-- grain: one account, local day and extension
-- key: account_id, local_date, extension_id
-- unit: day
-- reads: intermediate.business_calls, intermediate.call_extensions
-- caveats: a call counts once for every extension that took part, however many of its phones rang, so rows do not add up to
--   the calls of the account. Directions are the extension's own: an internal call is outbound for one and inbound for the
--   other. talk_s is an estimate, see intermediate.call_extensions. Queues are extensions, too. Calls that name no
--   extension are not here.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the calls started, in the time zone of the mart
--   extension_id: the extension
--   extension_number: its short number, the last in order where it changed, null where no call shows it
--   extension_name: its name, the last in order where it changed, null where no call shows it
--   calls: all calls with the extension, faxes included [calls]
--   inbound: voice calls to the extension; the sum of the next five [calls]
--   answered: inbound calls that the extension answered [calls]
--   missed: inbound calls that rang here and nobody answered [calls]
--   voicemail: inbound calls that reached its voicemail box [calls]
--   answered_elsewhere: inbound calls that rang here and another extension answered [calls]
--   inbound_other: inbound calls blocked, failed, in progress or of unknown outcome [calls]
--   outbound: voice calls from the extension [calls]
--   outbound_answered: outbound calls that were answered [calls]
--   internal: voice calls between extensions, in and out [calls]
--   external: voice calls with a party outside, in and out [calls]
--   external_numbers: different outside numbers of the voice calls, masked and withheld ones left out; does not add up [numbers]
--   after_hours: voice calls that started outside business hours, in and out; null where no business hours are configured [calls]
--   transfers: voice calls that the extension handed on without asking, inferred [calls]
--   faxes_received: inbound faxes, failed ones included [calls]
--   faxes_sent: outbound faxes, failed ones included [calls]
--   talk_s: talk in answered calls, in and out, an estimate [s]
--   longest_talk_s: longest talk of a call, an estimate; does not add up [s]
--   first_call_at: start of the first call [UTC]
--   last_call_at: start of the last call [UTC]
select
    parties.account_id,
    parties.local_date,
    parties.extension_id,
    max(parties.extension_number) as extension_number,
    max(parties.extension_name) as extension_name,
    count(*) as calls,
    count(case when parties.direction = 'inbound' and not parties.is_fax then 1 end) as inbound,
    count(case when parties.direction = 'inbound' and not parties.is_fax and parties.outcome = 'answered' then 1 end) as answered,
    count(case when parties.direction = 'inbound' and not parties.is_fax and parties.outcome = 'missed' then 1 end) as missed,
    count(case when parties.direction = 'inbound' and not parties.is_fax and parties.outcome = 'voicemail' then 1 end) as voicemail,
    count(case when parties.direction = 'inbound' and not parties.is_fax and parties.outcome = 'answered_elsewhere' then 1 end) as answered_elsewhere,
    count(
        case
            when parties.direction = 'inbound' and not parties.is_fax
                and parties.outcome not in ('answered', 'missed', 'voicemail', 'answered_elsewhere')
            then 1
        end
    ) as inbound_other,
    count(case when parties.direction = 'outbound' and not parties.is_fax then 1 end) as outbound,
    count(case when parties.direction = 'outbound' and not parties.is_fax and parties.outcome = 'answered' then 1 end) as outbound_answered,
    count(case when parties.is_internal and not parties.is_fax then 1 end) as internal,
    count(case when not parties.is_internal and not parties.is_fax then 1 end) as external,
    count(distinct case when not parties.is_fax then parties.external_digits end) as external_numbers,
    case when count(business.is_after_hours) > 0 then count(case when business.is_after_hours and not parties.is_fax then 1 end) end as after_hours,
    count(case when parties.transfer_count > 0 and not parties.is_fax then 1 end) as transfers,
    count(case when parties.direction = 'inbound' and parties.is_fax then 1 end) as faxes_received,
    count(case when parties.direction = 'outbound' and parties.is_fax then 1 end) as faxes_sent,
    cast(sum(parties.talk_s) as bigint) as talk_s,
    max(parties.talk_s) as longest_talk_s,
    min(parties.start_at) as first_call_at,
    max(parties.start_at) as last_call_at
from intermediate.call_extensions as parties
inner join intermediate.business_calls as business
    on business.account_id = parties.account_id and business.call_id = parties.call_id
group by parties.account_id, parties.local_date, parties.extension_id;
