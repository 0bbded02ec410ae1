-- marts.missed_recovery
-- Callers from outside whom nobody answered, and whether they were spoken to afterwards.
--
-- grain: one inbound conversation with a party outside that was missed, abandoned, or ended in a voicemail box
-- key: account_id, local_date, missed_at, session_key
-- unit: day +1 +missed_recovery_days
-- reads: marts.sessions, staging.settings
-- settings: missed_recovery_days
-- caveats: conversations are inferred, see marts.sessions. Who withholds the number, or has it masked, cannot be recognised: such
--   rows have no caller_digits and is_recovered is null. A caller who is reached at another number counts as not reached. One
--   call back recovers all that the caller missed before it. Rows of the last days fill up while days are added.
-- columns:
--   account_id: RingCentral account
--   local_date: day of the missed call, in the time zone of the mart
--   session_key: the missed conversation, as in marts.sessions
--   missed_at: when it started [UTC]
--   outcome: missed, abandoned or voicemail
--   caller_phone_number: number of the caller, verbatim
--   caller_digits: its digits alone, or the token that privacy put in its place; null if masked or withheld
--   company_phone_number: the number that was called, verbatim
--   queue_extension_id: the queue that the caller waited in, null without one
--   within_days: within how many days a call counts as recovery; does not add up [days]
--   tried_at: when the caller was first called back, answered or not; null where not within those days [UTC]
--   called_back_at: when a call back was first answered; null where not within those days [UTC]
--   called_back_s: time until then [s]
--   called_back_session_key: the conversation, as in marts.sessions
--   called_back_path: extensions that held it; the first one called
--   returned_at: when the caller called again and was answered; null where not within those days [UTC]
--   is_recovered: whether the caller was called back or called again, and somebody answered; null where the caller is not known
with contacts as (
    select
        account_id,
        local_date,
        session_key,
        start_at,
        start_ms,
        path,
        external_phone_number,
        external_digits,
        company_phone_number,
        queue_extension_id,
        outcome,
        lower(direction) = 'inbound' and outcome in ('missed', 'abandoned', 'voicemail') as is_missed,
        lower(direction) = 'outbound' as is_try,
        lower(direction) = 'outbound' and outcome = 'answered' as is_call_back,
        lower(direction) = 'inbound' and outcome = 'answered' as is_return
    from marts.sessions
    where not is_internal and call_type <> 'Fax'
),
-- What follows a missed call from the same number is found by one pass over the number's conversations.
followed as (
    select
        account_id,
        session_key,
        min(case when is_try then start_ms end) over later as tried_ms,
        min(case when is_call_back then start_ms end) over later as called_back_ms,
        min(case when is_return then start_ms end) over later as returned_ms
    from contacts
    where external_digits is not null
    window later as (
        partition by account_id, external_digits
        order by start_ms, session_key
        rows between 1 following and unbounded following
    )
),
timely as (
    select
        missed.account_id,
        missed.local_date,
        missed.session_key,
        missed.start_at,
        missed.start_ms,
        missed.outcome,
        missed.external_phone_number,
        missed.external_digits,
        missed.company_phone_number,
        missed.queue_extension_id,
        settings.missed_recovery_days,
        case when followed.tried_ms <= missed.start_ms + 86400000 * settings.missed_recovery_days then followed.tried_ms end as tried_ms,
        case
            when followed.called_back_ms <= missed.start_ms + 86400000 * settings.missed_recovery_days then followed.called_back_ms
        end as called_back_ms,
        case
            when followed.returned_ms <= missed.start_ms + 86400000 * settings.missed_recovery_days then followed.returned_ms
        end as returned_ms
    from contacts as missed
    cross join staging.settings as settings
    left join followed
        on followed.account_id = missed.account_id and followed.session_key = missed.session_key
    where missed.is_missed
),
-- Of conversations that start together the first by key stands for all.
moments as (
    select
        account_id,
        external_digits,
        start_ms,
        session_key,
        start_at,
        path,
        row_number() over (
            partition by account_id, external_digits, start_ms
            order by case when is_call_back then 0 else 1 end, session_key
        ) as place
    from contacts
    where external_digits is not null
)
select
    timely.account_id,
    timely.local_date,
    timely.session_key,
    timely.start_at as missed_at,
    timely.outcome,
    timely.external_phone_number as caller_phone_number,
    timely.external_digits as caller_digits,
    timely.company_phone_number,
    timely.queue_extension_id,
    timely.missed_recovery_days as within_days,
    tries.start_at as tried_at,
    call_backs.start_at as called_back_at,
    cast((timely.called_back_ms - timely.start_ms + 500 - mod(timely.called_back_ms - timely.start_ms + 500, 1000)) / 1000 as bigint) as called_back_s,
    call_backs.session_key as called_back_session_key,
    call_backs.path as called_back_path,
    returns.start_at as returned_at,
    case
        when timely.external_digits is not null then timely.called_back_ms is not null or timely.returned_ms is not null
    end as is_recovered
from timely
left join moments as tries
    on tries.account_id = timely.account_id
    and tries.external_digits = timely.external_digits
    and tries.start_ms = timely.tried_ms
    and tries.place = 1
left join moments as call_backs
    on call_backs.account_id = timely.account_id
    and call_backs.external_digits = timely.external_digits
    and call_backs.start_ms = timely.called_back_ms
    and call_backs.place = 1
left join moments as returns
    on returns.account_id = timely.account_id
    and returns.external_digits = timely.external_digits
    and returns.start_ms = timely.returned_ms
    and returns.place = 1;
