-- marts.call_legs
-- Legs of the calls of a local day: every segment that RingCentral made to connect a call, with its conversation.
--
-- grain: one leg
-- key: account_id, local_date, call_id, leg_index
-- unit: day -1 +1
-- reads: intermediate.session_calls, staging.call_legs
-- caveats: local_date is the day on which the call started, not the leg, and not the conversation: join marts.sessions by account
--   and session_key alone. Legs overlap, so their durations must not be summed. Their order in time is not promised.
-- columns:
--   account_id: RingCentral account
--   local_date: day on which the call started, in the time zone of the mart
--   session_key: the conversation, as in marts.sessions
--   call_id: RingCentral's id of the call record
--   leg_index: place of the leg in the record, from 0
--   is_master: whether this is the leg that stands for the call
--   leg_type: kind of leg (Accept, PstnToSip, FindMe, ...), as sent
--   telephony_session_id: id of the telephony session of the leg
--   start_at: when the leg started [UTC]
--   end_at: when it ended, null while in progress [UTC]
--   duration_s: length of the leg, null while in progress; does not add up, since legs overlap [s]
--   call_type: Voice or Fax, as sent
--   direction: Inbound or Outbound, as sent; Outbound is also what the system dialled to reach a phone
--   action: how the leg was made or taken, as sent
--   result: how the leg ended, as sent
--   reason: why it ended so, as sent
--   is_answered: whether somebody took this leg
--   is_voicemail: whether this leg ended in a voicemail box
--   transport: PSTN or VoIP, as sent
--   extension_id: extension on whose behalf the leg is logged; null on legs of the company or a menu
--   delegate_id: extension that acted for extension_id
--   from_phone_number: number of the calling party, verbatim
--   from_extension_id: extension id of the calling party
--   from_name: name of the calling party
--   to_phone_number: number of the called party, verbatim
--   to_extension_id: extension id of the called party
--   to_name: name of the called party
--   recording_id: id of the recording; the same one can be on several legs
--   message_id: id of the linked fax or voicemail
--   cost_included: cost within the plan, as sent [account currency]
--   cost_purchased: cost beyond the plan, as sent [account currency]
select
    legs.account_id,
    members.local_date,
    members.session_key,
    legs.call_id,
    legs.leg_index,
    legs.is_master,
    legs.leg_type,
    legs.telephony_session_id,
    legs.start_at,
    legs.end_at,
    legs.duration_s,
    legs.call_type,
    legs.direction,
    legs.action,
    legs.result,
    legs.reason,
    legs.is_answered,
    legs.is_voicemail,
    legs.transport,
    legs.extension_id,
    legs.delegate_id,
    legs.from_phone_number,
    legs.from_extension_id,
    legs.from_name,
    legs.to_phone_number,
    legs.to_extension_id,
    legs.to_name,
    legs.recording_id,
    legs.message_id,
    legs.cost_included,
    legs.cost_purchased
from staging.call_legs as legs
inner join intermediate.session_calls as members
    on members.account_id = legs.account_id and members.call_id = legs.call_id;
