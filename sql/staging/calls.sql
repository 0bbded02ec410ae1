-- staging.calls
-- Calls as they stand now, one row each, under names that carry their units.
--
-- grain: one call record that is not deleted
-- key: account_id, call_id
-- unit: day
-- reads: main.call_log, main.extension_call_log, staging.own_records
-- caveats: local dates and times follow the variable timezone (set variable timezone = 'Europe/Berlin'), UTC without it.
--   outcome is a reading of result, without regard to case; results that are new or say nothing about an answer (911,
--   Phone Login) are unknown, never an error. is_internal is inferred: both parties have an extension. A queue cannot be
--   told from a user by the call log alone. Costs are as sent; RingCentral's text calls them "cost per minute", published
--   records look like totals. Days of which main.call_log has no row are those of main.extension_call_log, the logs of single
--   extensions: they tell of these extensions' calls, not of the company's, each conversation from one log: see
--   staging.own_records.
-- columns:
--   account_id: RingCentral account, from the path
--   start_date: day of start_at in UTC, from the path
--   call_id: RingCentral's id of the call record
--   session_id: legacy id of the session; shared by records of one conversation
--   session_number: session_id as a number, null where it is none; only good for telling neighbours
--   telephony_session_id: id of the telephony session; shared by records of one conversation
--   start_at: when the call started [UTC]
--   end_at: start_at plus duration, null while in progress [UTC]
--   start_ms: start_at as milliseconds since 1970 [ms]
--   end_ms: end_at likewise, null while in progress [ms]
--   local_start_at: when the call started, on the clocks of the time zone [local time]
--   local_date: day of local_start_at
--   local_weekday: its weekday, 1 for Monday to 7 for Sunday
--   local_minute: minutes since midnight by the clock, of local_start_at [min]
--   duration_s: length with ringing and menus, null while in progress [s]
--   duration_ms: the same; from duration_s where RingCentral sends no milliseconds [ms]
--   call_type: Voice or Fax, as sent
--   is_fax: whether call_type is Fax
--   internal_type: RingCentral's billing class (Local, TollFreeNumber, ...), as sent
--   direction: Inbound or Outbound, as sent; the view of the record's owner
--   is_internal: whether both parties have an extension
--   action: how the call was made or taken, as sent
--   result: how the call ended, as sent
--   reason: why it ended so, as sent
--   reason_description: the reason as a sentence, as sent
--   outcome: answered, missed, voicemail, abandoned, busy, blocked, failed, fax_ok, fax_failed, in_progress or unknown
--   transport: PSTN or VoIP, as sent
--   from_phone_number: number of the calling party, verbatim
--   from_extension_number: short number of the calling party
--   from_extension_id: extension id of the calling party
--   from_name: name of the calling party; for outside numbers whatever the network supplied
--   to_phone_number: number of the called party, verbatim
--   to_extension_number: short number of the called party
--   to_extension_id: extension id of the called party
--   to_name: name of the called party
--   external_phone_number: number of the party outside, verbatim, null for internal calls
--   external_digits: its digits alone, for joins, or the token that privacy put in its place; null if masked or withheld
--   external_e164: the number as + and digits, null where it was not sent with its country code
--   external_name: name of the party outside, null for internal calls
--   external_location: place of the party outside, null for internal calls
--   company_phone_number: the company's own number of the call, verbatim, null for internal calls
--   company_digits: its digits alone, or the token that privacy put in its place; null if masked
--   is_number_masked: whether external_phone_number has digits blotted out (+1855201XXXX)
--   extension_id: extension on whose behalf the call is logged
--   delegate_id: extension that acted for it
--   delegate_name: name of the delegate
--   delegation_type: kind of delegation, as sent
--   has_recording: whether a recording is attached
--   recording_id: id of the recording
--   recording_type: Automatic or OnDemand, as sent
--   is_short_recording: whether the recording was too short to be kept
--   has_voicemail: whether a voicemail message is attached
--   message_id: id of the linked fax or voicemail
--   message_type: kind of the linked message, as sent
--   cost_included: cost within the plan, as sent [account currency]
--   cost_purchased: cost beyond the plan, as sent [account currency]
--   transfer_target_telephony_session_id: session that the call was transferred to
--   transferee_telephony_session_id: session that was transferred
--   leg_count: legs held for the call, 0 in the Simple view [legs]
--   is_finished: RingCentral's own word on whether the call is over, null where not sent
--   last_modified_at: when RingCentral last changed the record [UTC]
with call_records as (
    select * from main.call_log where not coalesce(deleted, false)
    union all by name
    select own.* exclude (record_key, owner_extension_id)
    from main.extension_call_log as own
    inner join staging.own_records as counted
        on counted.account_id = own.account_id and counted.start_date = own.start_date and counted.record_key = own.record_key
),
current_calls as (
    select
        *,
        coalesce(duration, (duration_ms + 500) // 1000) as known_s,
        coalesce(duration_ms, duration * 1000) as known_ms,
        timezone(coalesce(getvariable('timezone'), 'UTC'), start_time) as local_start_time,
        coalesce(lower(type), '') = 'fax' as type_is_fax,
        coalesce(from_extension_id, from_extension_number) is not null
            and coalesce(to_extension_id, to_extension_number) is not null as between_extensions,
        coalesce(lower(direction), '') = 'outbound' as is_outgoing
    from call_records
),
results as (
    select
        *,
        case
            when lower(result) in ('in progress', 'resultinprogress', 'ringing elsewhere') then 'in_progress'
            -- A call that goes on may already carry the result of its first leg.
            when not finished then 'in_progress'
            when lower(result) in ('accepted', 'call accepted', 'call connected', 'connected', 'answered elsewhere') then 'answered'
            when lower(result) in (
                'missed', 'no answer', 'answered not accepted', 'declined', 'rejected', 'reply', 'callback requested'
            ) then 'missed'
            when lower(result) in ('voicemail', 'sent to voicemail') then 'voicemail'
            when lower(result) in ('abandoned', 'hang up') then 'abandoned'
            when lower(result) = 'busy' then 'busy'
            when lower(result) in (
                'blocked', 'not allowed', 'restricted number', 'international disabled', 'international restricted',
                'international restriction', 'no calling credit', 'suspended account', 'suspended'
            ) then 'blocked'
            when lower(result) in (
                'call failed', 'call failure', 'internal error', 'carrier is not active', 'edge trunk misconfigured',
                'ip phone offline', 'wrong number', 'stopped'
            ) then 'failed'
            when lower(result) in ('sent', 'received', 'fax on demand') then 'fax_ok'
            when lower(result) in (
                'fax not sent', 'fax partially sent', 'partially sent', 'partial receive', 'fax poor line', 'poor line quality',
                'fax receipt error', 'fax send error', 'send error', 'receive error', 'no fax machine'
            ) then 'fax_failed'
            else 'unknown'
        end as result_outcome,
        case when between_extensions then null when is_outgoing then to_phone_number else from_phone_number end as outside_number,
        case when between_extensions then null when is_outgoing then from_phone_number else to_phone_number end as own_number,
        case when between_extensions then null when is_outgoing then to_name else from_name end as outside_name,
        case when between_extensions then null when is_outgoing then to_location else from_location end as outside_location
    from current_calls
)
select
    account_id,
    start_date,
    id as call_id,
    session_id,
    try_cast(session_id as bigint) as session_number,
    telephony_session_id,
    start_time as start_at,
    start_time + to_milliseconds(known_ms) as end_at,
    epoch_ms(start_time) as start_ms,
    epoch_ms(start_time) + known_ms as end_ms,
    local_start_time as local_start_at,
    cast(local_start_time as date) as local_date,
    cast(isodow(local_start_time) as bigint) as local_weekday,
    cast(60 * hour(local_start_time) + minute(local_start_time) as bigint) as local_minute,
    known_s as duration_s,
    known_ms as duration_ms,
    type as call_type,
    type_is_fax as is_fax,
    internal_type,
    direction,
    between_extensions as is_internal,
    action,
    result,
    reason,
    reason_description,
    -- A fax that found the line busy is a fax that failed.
    case
        when type_is_fax and result_outcome in ('missed', 'abandoned', 'busy', 'blocked', 'failed') then 'fax_failed'
        else result_outcome
    end as outcome,
    transport,
    from_phone_number,
    from_extension_number,
    from_extension_id,
    from_name,
    to_phone_number,
    to_extension_number,
    to_extension_id,
    to_name,
    outside_number as external_phone_number,
    case
        when regexp_matches(outside_number, '^(hmac|erased):') then outside_number
        when not coalesce(regexp_matches(outside_number, '[Xx*]{2}'), false)
        then nullif(regexp_replace(outside_number, '[^0-9]', '', 'g'), '')
    end as external_digits,
    case
        when regexp_matches(outside_number, '^[+][0-9 ().-]*$')
            and length(regexp_replace(outside_number, '[^0-9]', '', 'g')) between 7 and 15
        then '+' || regexp_replace(outside_number, '[^0-9]', '', 'g')
    end as external_e164,
    outside_name as external_name,
    outside_location as external_location,
    own_number as company_phone_number,
    case
        when regexp_matches(own_number, '^(hmac|erased):') then own_number
        when not coalesce(regexp_matches(own_number, '[Xx*]{2}'), false)
        then nullif(regexp_replace(own_number, '[^0-9]', '', 'g'), '')
    end as company_digits,
    coalesce(regexp_matches(outside_number, '[Xx*]{2}') and not regexp_matches(outside_number, '^(hmac|erased):'), false) as is_number_masked,
    extension_id,
    delegate_id,
    delegate_name,
    delegation_type,
    recording_id is not null as has_recording,
    recording_id,
    recording_type,
    coalesce(short_recording, false) as is_short_recording,
    coalesce(lower(message_type), '') = 'voicemail' as has_voicemail,
    message_id,
    message_type,
    billing_cost_included as cost_included,
    billing_cost_purchased as cost_purchased,
    transfer_target_telephony_session_id,
    transferee_telephony_session_id,
    coalesce(len(legs), 0) as leg_count,
    finished as is_finished,
    last_modified_time as last_modified_at
from results;
