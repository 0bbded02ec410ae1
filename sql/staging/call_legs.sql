-- staging.call_legs
-- Legs of the calls, one row each: every segment that RingCentral made to connect a call.
--
-- grain: one leg of a call record that is not deleted
-- key: account_id, call_id, leg_index
-- unit: day
-- reads: main.call_log, main.extension_call_log, staging.own_records
-- caveats: legs overlap, so their durations must not be summed. Their order in time is not promised. Calls read in the
--   Simple view have no legs. is_master falls back to the first leg where RingCentral marks none. Days of which main.call_log
--   has no row are those of main.extension_call_log, a conversation from one log: see staging.own_records.
-- columns:
--   account_id: RingCentral account, from the path
--   start_date: UTC day of the call (not of the leg), from the path
--   call_id: RingCentral's id of the call record
--   leg_index: place of the leg in the record, from 0
--   is_master: whether this is the leg that stands for the call
--   leg_type: kind of leg (Accept, PstnToSip, FindMe, ...), as sent
--   telephony_session_id: id of the telephony session of the leg
--   start_at: when the leg started [UTC]
--   end_at: start_at plus duration, null while in progress [UTC]
--   start_ms: start_at as milliseconds since 1970 [ms]
--   end_ms: end_at likewise, null while in progress [ms]
--   duration_s: length of the leg, null while in progress [s]
--   duration_ms: the same; from duration_s where RingCentral sends no milliseconds [ms]
--   call_type: Voice or Fax, as sent
--   direction: Inbound or Outbound, as sent; Outbound is also what the system dialled to reach a phone
--   action: how the leg was made or taken, as sent
--   result: how the leg ended, as sent
--   reason: why it ended so, as sent
--   is_answered: whether somebody took this leg (result Accepted or Call connected)
--   is_voicemail: whether this leg ended in a voicemail box
--   transport: PSTN or VoIP, as sent
--   extension_id: extension on whose behalf the leg is logged; null on legs of the company or a menu
--   from_phone_number: number of the calling party, verbatim
--   from_extension_number: short number of the calling party
--   from_extension_id: extension id of the calling party
--   from_name: name of the calling party
--   from_device_id: device of the calling party
--   to_phone_number: number of the called party, verbatim
--   to_extension_number: short number of the called party
--   to_extension_id: extension id of the called party
--   to_name: name of the called party
--   to_device_id: device of the called party
--   delegate_id: extension that acted for extension_id
--   recording_id: id of the recording; the same one can be on several legs
--   message_id: id of the linked fax or voicemail
--   message_type: kind of the linked message, as sent
--   cost_included: cost within the plan, as sent [account currency]
--   cost_purchased: cost beyond the plan, as sent [account currency]
--   transfer_target_telephony_session_id: session that the call was transferred to
--   transferee_telephony_session_id: session that was transferred
with call_records as (
    select * from main.call_log where not coalesce(deleted, false)
    union all by name
    select own.* exclude (record_key, owner_extension_id)
    from main.extension_call_log as own
    inner join staging.own_records as counted
        on counted.account_id = own.account_id and counted.start_date = own.start_date and counted.record_key = own.record_key
),
legs as (
    -- Two unnests in one select walk in step; a join with unnest would compare whole lists of legs.
    select
        account_id,
        start_date,
        id as call_id,
        unnest(range(len(legs))) as leg_index,
        len(list_filter(legs, lambda l: coalesce(l.master, false))) > 0 as has_master,
        unnest(legs) as leg
    from call_records
)
select
    account_id,
    start_date,
    call_id,
    leg_index,
    case when has_master then coalesce(leg.master, false) else leg_index = 0 end as is_master,
    leg.leg_type as leg_type,
    leg.telephony_session_id as telephony_session_id,
    leg.start_time as start_at,
    leg.start_time + to_milliseconds(coalesce(leg.duration_ms, leg.duration * 1000)) as end_at,
    epoch_ms(leg.start_time) as start_ms,
    epoch_ms(leg.start_time) + coalesce(leg.duration_ms, leg.duration * 1000) as end_ms,
    coalesce(leg.duration, (leg.duration_ms + 500) // 1000) as duration_s,
    coalesce(leg.duration_ms, leg.duration * 1000) as duration_ms,
    leg.type as call_type,
    leg.direction as direction,
    leg.action as action,
    leg.result as result,
    leg.reason as reason,
    coalesce(lower(leg.result), '') in ('accepted', 'call accepted', 'call connected', 'connected') as is_answered,
    coalesce(lower(leg.result), '') in ('voicemail', 'sent to voicemail') as is_voicemail,
    leg.transport as transport,
    leg.extension_id as extension_id,
    leg.from_phone_number as from_phone_number,
    leg.from_extension_number as from_extension_number,
    leg.from_extension_id as from_extension_id,
    leg.from_name as from_name,
    leg.from_device_id as from_device_id,
    leg.to_phone_number as to_phone_number,
    leg.to_extension_number as to_extension_number,
    leg.to_extension_id as to_extension_id,
    leg.to_name as to_name,
    leg.to_device_id as to_device_id,
    leg.delegate_id as delegate_id,
    leg.recording_id as recording_id,
    leg.message_id as message_id,
    leg.message_type as message_type,
    leg.billing_cost_included as cost_included,
    leg.billing_cost_purchased as cost_purchased,
    leg.transfer_target_telephony_session_id as transfer_target_telephony_session_id,
    leg.transferee_telephony_session_id as transferee_telephony_session_id
from legs;
